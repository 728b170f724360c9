//! What operators ask. Hosts are named by id, by the first digits of an id, or by name; rollouts
//! by id or name.

use std::fmt;

use wavegate_common::view::TokenBinding;
use wavegate_common::{
    Digest, HostClass, HostId, JudgeRule, MetricId, Millis, Release, RolloutSpec, Selector,
};

use crate::convert::{At, CERTIFICATE, Invalid, NAME, OnWire, PAGE, USUAL, record};

/// Why somebody does something, in their words. Never empty; ends up in the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The words, without space around them.
    ///
    /// # Errors
    /// There are none, or more than 4 KiB of them.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        Self::read(text.to_owned(), &At::root("reason"))
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl OnWire<String> for Reason {
    fn read(wire: String, at: &At<'_>) -> Result<Self, Invalid> {
        let text = wire.trim();
        if text.is_empty() {
            return Err(at.invalid("missing; whatever changes something needs a reason"));
        }
        String::read(text.to_owned(), at).map(Self)
    }
    fn write(&self) -> String {
        self.0.clone()
    }
}

/// Declares asks; on the wire they have the same names.
macro_rules! asks {
    ($(
        $(#[$doc:meta])*
        $name:ident { $( $(#[$field_doc:meta])* $field:ident: $type:ty $(, [$limit:expr])?; )* }
    )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }
        record!($name = $name { $( $field $([$limit])? ),* });
    )* };
}

asks! {
    /// Which program answers?
    GetVersion {}
    /// As whom am I known?
    WhoAmI {}
    /// Hosts in the order of their ids.
    ListHosts {
        /// Which; all if left out.
        selector: Option<Selector>;
        /// Those after this one.
        after: Option<HostId>;
        /// At most so many; 0 leaves it to the controller, and it never gives more than 10,000.
        limit: u32;
    }
    /// All about one host.
    GetHost {
        /// Which.
        host: String, [NAME];
    }
    /// Why does it not move?
    WhyHost {
        /// Which.
        host: String, [NAME];
    }
    /// What was one host like in its last boots?
    GetBaseline {
        /// Which host.
        host: String, [NAME];
        /// Which metrics; all if none is named.
        metrics: Vec<MetricId>;
    }
    /// Nothing shall begin on these hosts.
    HoldHosts {
        /// Which, by id or name.
        hosts: Vec<String>, [PAGE];
        /// And these.
        selector: Option<Selector>;
        /// Why.
        reason: Reason;
    }
    /// Things may begin again on these hosts.
    ReleaseHosts {
        /// Which, by id or name.
        hosts: Vec<String>, [PAGE];
        /// And these.
        selector: Option<Selector>;
        /// Why.
        reason: Reason;
    }
    /// These hosts shall take no part in a rollout any more.
    ExcludeHosts {
        /// In which.
        rollout: String, [NAME];
        /// Which, by id or name.
        hosts: Vec<String>, [PAGE];
        /// And these.
        selector: Option<Selector>;
        /// Why.
        reason: Reason;
    }
    /// Every registered release.
    ListKernels {}
    /// Register a release.
    AddKernel {
        /// What.
        release: Release;
        /// Why.
        reason: Reason;
    }
    /// How much of an artifact is here?
    GetArtifact {
        /// SHA-256 of the whole file.
        digest: Digest;
    }
    /// Make an enrolment token.
    CreateToken {
        /// Who may use it.
        binding: TokenBinding;
        /// How long.
        life: Millis;
        /// Why.
        reason: Reason;
    }
    /// Every token.
    ListTokens {}
    /// A token shall admit nobody any more.
    RevokeToken {
        /// The first digits of its digest, as listed.
        id: String, [NAME];
        /// Why.
        reason: Reason;
    }
    /// What would come of a specification?
    PlanRollout {
        /// The specification.
        spec: RolloutSpec;
    }
    /// Make a rollout of a specification.
    ApplyRollout {
        /// The specification.
        spec: RolloutSpec;
        /// The hash of the plan that was agreed on: refuse any other.
        plan: Option<Digest>;
        /// Why.
        reason: Reason;
        /// Begin only when somebody has approved.
        draft: bool;
    }
    /// Every rollout.
    ListRollouts {}
    /// One rollout.
    GetRollout {
        /// Which.
        rollout: String, [NAME];
        /// With all that the planner said last.
        report: bool;
    }
    /// One rollout, again and again.
    WatchRollout {
        /// Which.
        rollout: String, [NAME];
    }
    /// Why does it stand where it stands?
    WhyRollout {
        /// Which.
        rollout: String, [NAME];
    }
    /// Nothing shall begin.
    PauseRollout {
        /// Which.
        rollout: String, [NAME];
        /// Why.
        reason: Reason;
    }
    /// It shall go on.
    ResumeRollout {
        /// Which.
        rollout: String, [NAME];
        /// Why.
        reason: Reason;
        /// Classes that may try again although the release went wrong there.
        retry: Vec<HostClass>, [USUAL];
    }
    /// It shall end; hosts stay where they are.
    AbortRollout {
        /// Which.
        rollout: String, [NAME];
        /// Why.
        reason: Reason;
    }
    /// Hosts shall go back to the kernel they came from.
    RollbackRollout {
        /// Which.
        rollout: String, [NAME];
        /// Why.
        reason: Reason;
    }
    /// A second person says yes.
    ApproveRollout {
        /// Which.
        rollout: String, [NAME];
        /// Why.
        reason: Reason;
    }
    /// What the gate's statistics say of a rollout.
    ShowGate {
        /// Which.
        rollout: String, [NAME];
    }
    /// Every verdict computed again.
    ReplayGate {
        /// Of which rollout.
        rollout: String, [NAME];
        /// By another rule than the frozen one.
        rule: Option<JudgeRule>;
    }
    /// A person answers for classes, whatever the gate's statistics say of them.
    AcceptClasses {
        /// Which rollout.
        rollout: String, [NAME];
        /// Why.
        reason: Reason;
        /// Which classes.
        classes: Vec<HostClass>, [USUAL];
    }
    /// What happened to a rollout, the oldest first.
    RolloutHistory {
        /// Which.
        rollout: String, [NAME];
        /// What came after this number.
        after: Option<u64>;
        /// At most so many; 0 leaves it to the controller.
        limit: u32;
    }
    /// Incidents, the newest first.
    ListAlerts {
        /// Those that have ended, too.
        all: bool;
    }
    /// One incident.
    GetAlert {
        /// Its number.
        id: u64;
    }
    /// Send a receiver a message that says that it is a test.
    TestReceiver {
        /// Its name in the controller's configuration.
        receiver: String, [NAME];
    }
    /// What did sources of signals say last?
    ListSignals {}
    /// What does a source say now?
    CheckSignal {
        /// Its name in the controller's configuration.
        source: String, [NAME];
    }
    /// The audit log, the oldest entry first.
    ListAudit {
        /// What came after this number.
        after: Option<u64>;
        /// At most so many; 0 leaves it to the controller.
        limit: u32;
    }
    /// Does the chain of hashes hold?
    VerifyAudit {}
}

/// A person asks for their first certificate. Name and role are the token's.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrollOperator {
    /// The token's text. A secret until it is used.
    pub token: String,
    /// PKCS #10 in DER, signed by the key it is for.
    pub csr: Vec<u8>,
}
record!(EnrollOperator = EnrollOperator { token[NAME], csr[CERTIFICATE] });

impl fmt::Debug for EnrollOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrollOperator").finish_non_exhaustive()
    }
}

/// What goes before the bytes of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadHead {
    /// SHA-256 of the whole file.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where the bytes begin: what `GetArtifact` called `received`.
    pub offset: u64,
}

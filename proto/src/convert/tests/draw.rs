//! Random values of what hosts and the controller say to each other.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use wavegate_common::baseline::{BaselineSlot, Histogram, MetricId, NumberedSlot};
use wavegate_common::command::{
    Action, BootOrder, Command, Denied, PermitAnswer, PermitDecision, PermitRequest, Precondition,
};
use wavegate_common::health::{CheckResult, Health, HealthState};
use wavegate_common::host::{BootMethod, Facts, FailureDomain, HostClass, Labels};
use wavegate_common::id::{BootId, CommandId, Digest, Generation, HostId, Nonce, RolloutId};
use wavegate_common::kernel::{KernelRelease, Release, ReleaseName, ReleaseSource};
use wavegate_common::message::{AgentMessage, ControllerMessage, Hello, Welcome};
use wavegate_common::report::{BootCause, BootRecord, HostReport, Transaction, TransactionStep};
use wavegate_common::rollout::FailStep;
use wavegate_common::time::{Millis, Timestamp};

pub(super) const HOST: HostId = HostId(0x0123_4567_89ab_cdef);

pub(super) fn text() -> BoxedStrategy<String> {
    "[a-zü ]{0,12}".boxed()
}
pub(super) fn word() -> BoxedStrategy<String> {
    "[a-z0-9.-]{1,12}".prop_map(|word| word.replacen('.', "x", 1)).boxed()
}
pub(super) fn texts() -> BoxedStrategy<Vec<String>> {
    vec(text(), 0..3).boxed()
}
pub(super) fn time() -> BoxedStrategy<Timestamp> {
    any::<i64>().prop_map(Timestamp).boxed()
}
pub(super) fn span() -> BoxedStrategy<Millis> {
    any::<u64>().prop_map(Millis).boxed()
}
pub(super) fn host() -> BoxedStrategy<HostId> {
    any::<u128>().prop_map(HostId).boxed()
}
pub(super) fn boot() -> BoxedStrategy<BootId> {
    any::<u128>().prop_map(BootId).boxed()
}
pub(super) fn command_id() -> BoxedStrategy<CommandId> {
    any::<u128>().prop_map(CommandId).boxed()
}
pub(super) fn digest() -> BoxedStrategy<Digest> {
    any::<[u8; 32]>().prop_map(Digest).boxed()
}
pub(super) fn generation() -> BoxedStrategy<Generation> {
    any::<u64>().prop_map(Generation).boxed()
}
pub(super) fn rollout_id() -> BoxedStrategy<RolloutId> {
    any::<u64>().prop_map(RolloutId).boxed()
}
pub(super) fn kernel() -> BoxedStrategy<KernelRelease> {
    word().prop_map(KernelRelease::from).boxed()
}
pub(super) fn class() -> BoxedStrategy<HostClass> {
    word().prop_map(HostClass::from).boxed()
}
pub(super) fn labels() -> BoxedStrategy<Labels> {
    btree_map(word(), text(), 0..3).boxed()
}
pub(super) fn domain() -> BoxedStrategy<FailureDomain> {
    (word(), word()).prop_map(|(key, value)| FailureDomain { key, value }).boxed()
}
pub(super) fn method() -> BoxedStrategy<BootMethod> {
    prop_oneof![Just(BootMethod::Auto), Just(BootMethod::Kexec), Just(BootMethod::Firmware)].boxed()
}
pub(super) fn fail_step() -> BoxedStrategy<FailStep> {
    proptest::sample::select(vec![
        FailStep::Stage,
        FailStep::Drain,
        FailStep::Arm,
        FailStep::Switch,
        FailStep::Boot,
        FailStep::Verify,
        FailStep::Confirm,
    ])
    .boxed()
}
pub(super) fn health_state() -> BoxedStrategy<HealthState> {
    use HealthState::{Healthy, Unhealthy, Unknown};
    prop_oneof![Just(Unknown), Just(Healthy), Just(Unhealthy)].boxed()
}

pub(super) fn release() -> BoxedStrategy<Release> {
    let source =
        prop_oneof![
            (word(), option::of(word()))
                .prop_map(|(package, version)| ReleaseSource::Package { package, version }),
            (digest(), any::<u64>(), word())
                .prop_map(|(digest, size, file)| ReleaseSource::Artifact { digest, size, file }),
            Just(ReleaseSource::Installed),
        ];
    (word(), kernel(), source, texts())
        .prop_map(|(name, kernel, source, append)| Release {
            name: ReleaseName::from(name),
            kernel,
            source,
            append,
        })
        .boxed()
}

fn facts() -> BoxedStrategy<Facts> {
    (text(), text(), text(), text(), any::<u32>(), any::<u64>(), texts(), texts(), texts())
        .prop_map(|(vendor, product, firmware, cpu, cpus, memory_mib, nic, disk, foreign)| Facts {
            vendor,
            product,
            firmware,
            cpu,
            cpus,
            memory_mib,
            nic_drivers: nic,
            disk_drivers: disk,
            foreign_modules: foreign,
        })
        .boxed()
}

fn boot_record() -> BoxedStrategy<BootRecord> {
    let cause = prop_oneof![
        (command_id(), method())
            .prop_map(|(command, method)| BootCause::Commanded { command, method }),
        (command_id(), text())
            .prop_map(|(command, evidence)| BootCause::FellBack { command, evidence }),
        Just(BootCause::Operator),
        text().prop_map(|evidence| BootCause::Panic { evidence }),
        Just(BootCause::Watchdog),
        Just(BootCause::Unknown),
        Just(BootCause::First),
    ];
    (boot(), kernel(), time(), cause)
        .prop_map(|(boot_id, kernel, booted_at, cause)| BootRecord {
            boot_id,
            kernel,
            booted_at,
            cause,
        })
        .boxed()
}

fn health() -> BoxedStrategy<Health> {
    let check = (word(), any::<bool>(), text()).prop_map(|(name, ok, detail)| CheckResult {
        name,
        ok,
        detail,
    });
    (health_state(), vec(check, 0..3)).prop_map(|(state, checks)| Health { state, checks }).boxed()
}

fn transaction() -> BoxedStrategy<Transaction> {
    use TransactionStep as Step;
    let step = prop_oneof![
        Just(Step::Staging),
        Just(Step::Staged),
        option::of(text()).prop_map(|waiting| Step::Draining { waiting }),
        Just(Step::AwaitingPermit),
        Just(Step::Switching),
        Just(Step::Trial),
        Just(Step::Verified),
        Just(Step::Confirmed),
        text().prop_map(|reason| Step::Aborted { reason }),
        text().prop_map(|evidence| Step::FellBack { evidence }),
        (fail_step(), text()).prop_map(|(step, reason)| Step::Failed { step, reason }),
    ];
    (command_id(), kernel(), step)
        .prop_map(|(command, target, step)| Transaction { command, target, step })
        .boxed()
}

/// A report of the host `HOST`.
pub(super) fn report() -> BoxedStrategy<HostReport> {
    let who = (any::<u64>(), word(), labels(), facts(), boot_record());
    let kernels = (vec(kernel(), 0..3), option::of(kernel()), health(), option::of(transaction()));
    let rest = (generation(), texts(), texts(), texts());
    (who, kernels, rest)
        .prop_map(|((seq, name, labels, facts, boot), kernels, rest)| {
            let (installed, default_kernel, health, transaction) = kernels;
            let (generation, guard, no_kexec, drift) = rest;
            HostReport {
                host: HOST,
                seq,
                name,
                labels,
                facts,
                boot,
                installed,
                default_kernel,
                health,
                transaction,
                generation,
                guard,
                no_kexec,
                drift,
            }
        })
        .boxed()
}

fn order() -> BoxedStrategy<BootOrder> {
    (release(), method(), span(), span(), span())
        .prop_map(|(release, method, drain_timeout, verify_timeout, soak)| BootOrder {
            release,
            method,
            drain_timeout,
            verify_timeout,
            soak,
        })
        .boxed()
}

pub(super) fn command() -> BoxedStrategy<Command> {
    let action = prop_oneof![
        release().prop_map(|release| Action::Stage { release }),
        order().prop_map(Action::Activate),
        kernel().prop_map(|kernel| Action::Confirm { kernel }),
        Just(Action::Cancel),
    ];
    let precondition = (boot(), kernel(), span())
        .prop_map(|(boot_id, running, ttl)| Precondition { boot_id, running, ttl });
    (command_id(), host(), rollout_id(), generation(), precondition, action)
        .prop_map(|(id, host, rollout, generation, precondition, action)| Command {
            id,
            host,
            rollout,
            generation,
            precondition,
            action,
        })
        .boxed()
}

fn answer() -> BoxedStrategy<PermitAnswer> {
    let denied = prop_oneof![
        Just(Denied::Paused),
        Just(Denied::UnknownCommand),
        Just(Denied::OtherBoot),
        text().prop_map(Denied::NotNow),
        Just(Denied::AlreadyGranted),
    ];
    let decision = prop_oneof![
        span().prop_map(|valid_for| PermitDecision::Granted { valid_for }),
        denied.prop_map(PermitDecision::Denied),
    ];
    (host(), command_id(), any::<u128>(), boot(), decision)
        .prop_map(|(host, command, nonce, boot_id, decision)| PermitAnswer {
            host,
            command,
            nonce: Nonce(nonce),
            boot_id,
            decision,
        })
        .boxed()
}

fn histogram() -> BoxedStrategy<Histogram> {
    vec((any::<u64>(), 1..u64::MAX), 1..5)
        .prop_map(|values| {
            let mut histogram = Histogram::default();
            values.iter().for_each(|(value, times)| histogram.record_many(*value, *times));
            histogram
        })
        .boxed()
}

fn slot() -> BoxedStrategy<NumberedSlot> {
    let metrics = btree_map(proptest::sample::select(MetricId::ALL), histogram(), 0..4);
    (any::<u64>(), boot(), kernel(), any::<i32>(), span(), metrics)
        .prop_map(|(seq, boot, kernel, at, covered, metrics)| {
            let start = BaselineSlot::start_of(Timestamp(i64::from(at) * 1_000));
            let metrics = metrics.into_iter().collect();
            NumberedSlot { seq, slot: BaselineSlot { boot, kernel, start, covered, metrics } }
        })
        .boxed()
}

/// Something that `HOST` says.
pub(super) fn agent_message() -> BoxedStrategy<AgentMessage> {
    let hello = (text(), boot(), digest(), generation()).prop_map(
        |(version, boot_id, report_digest, generation)| {
            AgentMessage::Hello(Hello { version, boot_id, report_digest, generation })
        },
    );
    let beat = (boot(), digest())
        .prop_map(|(boot_id, report_digest)| AgentMessage::Heartbeat { boot_id, report_digest });
    let permit = (command_id(), any::<u128>(), boot()).prop_map(|(command, nonce, boot_id)| {
        AgentMessage::Permit(PermitRequest { host: HOST, command, nonce: Nonce(nonce), boot_id })
    });
    let report = report().prop_map(|report| AgentMessage::Report(Box::new(report)));
    let baselines = vec(slot(), 0..3).prop_map(AgentMessage::Baselines);
    prop_oneof![hello, beat, permit, report, baselines].boxed()
}

pub(super) fn controller_message() -> BoxedStrategy<ControllerMessage> {
    let welcome = (span(), span(), any::<bool>(), span());
    let welcome = welcome.prop_map(|(beat, window, send_report, baseline_every)| {
        ControllerMessage::Welcome(Welcome {
            heartbeat_every: beat,
            reconnect_window: window,
            send_report,
            baseline_every,
        })
    });
    prop_oneof![
        welcome,
        command().prop_map(|command| ControllerMessage::Command(Box::new(command))),
        answer().prop_map(ControllerMessage::Permit),
        Just(ControllerMessage::SendReport),
        any::<u64>().prop_map(|up_to| ControllerMessage::BaselineAck { up_to }),
    ]
    .boxed()
}

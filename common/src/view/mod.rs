//! What operators see: the stable shapes behind `-o json`, the tables and the web page.
//!
//! A field, once here, keeps its name and meaning; fields may be added. Moments are milliseconds
//! since 1970-01-01T00:00:00Z. Where a state carries data, the state stands as one word beside
//! the whole of it (`phase` and `phase_detail`), so that a script needs only the word; both are
//! made from one value and cannot disagree.

mod alert;
mod audit;
mod baseline;
mod gate;
mod host;
mod kernel;
mod plan;
mod rollout;
mod signal;
mod trust;
mod words;

pub use alert::{DeliveryView, IncidentList, IncidentView, ReceiverTest, ReceiverView, Severity};
pub use audit::{AuditBreak, AuditCheck, AuditPage, AuditView, EventPage, EventView, Outcome};
pub use baseline::{BaselineBoot, BaselineValue, BaselineView};
pub use gate::{AcceptedClass, GateView, ReplayView, ReplayedClass, ReplayedVerdict};
pub use host::{HostInRollout, HostPage, HostRef, HostView, HostWhyView, HostsChanged};
pub use kernel::{ArtifactView, KernelList, KernelView, KnownBadView};
pub use plan::{ClassHosts, Coverage, ExcludedHost, PlanView, PlanWave};
pub use rollout::{
    Choice, ClassCount, DomainLoad, HarmedHost, HostCounts, RolloutList, RolloutView,
    RolloutWhyView, WaitGroup, WaveView,
};
pub use signal::SignalList;
pub use trust::{
    OperatorEnrolled, Role, TokenBinding, TokenList, TokenMade, TokenState, TokenView, VersionView,
    WhoView,
};
pub use words::{HostStanding, Standing, WaitView};

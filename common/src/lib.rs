//! The words of wavegate as values: no I/O, no async, no clock.
//!
//! Every other crate speaks in these types. The wire has its own (in `wavegate-proto`) and is
//! converted at the edge; the store has its own rows and converts at its edge.

pub mod actuator;
pub mod assess;
pub mod baseline;
pub mod command;
pub mod health;
pub mod host;
pub mod id;
pub mod inventory;
pub mod judge;
pub mod kernel;
pub mod message;
pub mod order;
pub mod plan;
pub mod ratio;
pub mod report;
pub mod rollout;
pub mod selector;
pub mod signal;
pub mod spec;
pub mod time;
pub mod verdict;
pub mod view;
pub mod waiting;
pub mod window;

pub use assess::{Assessment, ClassAssessment, MetricAssessment, Says};
pub use baseline::{BaselineSlot, Histogram, HostSeries, MetricId, NumberedSlot, SlotValue};
pub use command::{
    Action, BootOrder, Command, Denied, Judgement, PermitAnswer, PermitDecision, PermitRequest,
    Precondition,
};
pub use health::{CheckResult, Health, HealthState};
pub use host::{BootMethod, Facts, FailureDomain, HostClass, Labels};
pub use id::{BootId, CommandId, Digest, Generation, HostId, Nonce, RolloutId};
pub use inventory::{HostRecord, Inventory};
pub use judge::{Goal, JudgeRule, MetricName, MetricRule};
pub use kernel::{KernelRelease, Release, ReleaseName, ReleaseSource};
pub use message::{AgentMessage, ControllerMessage, Hello, Welcome};
pub use plan::{Alert, AlertKind, HostWait, PlanReport};
pub use report::{BootCause, BootRecord, HostReport, Transaction, TransactionStep};
pub use rollout::{
    AbortReason, Direction, ExcludeReason, FailReason, FailStep, HostPhase, OpenOrder, OrderKind,
    PauseReason, RolloutHost, RolloutPhase, Scope,
};
pub use selector::Selector;
pub use signal::{HostSignal, Measure, Shortage, SignalKind, SignalReading, SignalState};
pub use spec::{Budget, CanaryRule, GateRule, RollbackRule, RolloutSpec, Share, SignalRule, Wave};
pub use time::{Millis, Timestamp};
pub use verdict::{Finding, Metric, Verdict};
pub use waiting::WaitingOn;
pub use window::{Freeze, Weekday, Window};

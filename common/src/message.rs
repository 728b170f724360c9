//! What agent and controller say to each other on the one stream.

use crate::baseline::NumberedSlot;
use crate::command::{Command, PermitAnswer, PermitRequest};
use crate::id::{BootId, Digest, Generation};
use crate::report::HostReport;
use crate::time::Millis;

/// The first word of an agent on a new stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Version of the agent's program.
    pub version: String,
    /// The running boot.
    pub boot_id: BootId,
    /// Digest of the agent's current report. If the controller holds the same, nothing else is
    /// sent, and a storm of reconnects writes no row.
    pub report_digest: Digest,
    /// The highest generation the host has seen: a controller restored from an old backup
    /// learns from it that it has gone back in time.
    pub generation: Generation,
}

/// From the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentMessage {
    /// First on the stream.
    Hello(Hello),
    /// Everything, when it changed or was asked for.
    Report(Box<HostReport>),
    /// Nothing changed.
    Heartbeat {
        /// The running boot.
        boot_id: BootId,
        /// Digest of the report that still holds.
        report_digest: Digest,
    },
    /// May I?
    Permit(PermitRequest),
    /// What the host was like. Only sent where `Welcome` says how often it is taken.
    Baselines(Vec<NumberedSlot>),
}

/// The controller's answer to `Hello`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// How often to send a heartbeat.
    pub heartbeat_every: Millis,
    /// After a lost stream, wait a random part of this before coming back.
    pub reconnect_window: Millis,
    /// The controller does not hold the report of the digest in `Hello`: send it.
    pub send_report: bool,
    /// At most one message of slots in this span, and the first after a random part of it. Zero:
    /// none is taken, as by a controller that does not know of them.
    pub baseline_every: Millis,
}

/// From the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControllerMessage {
    /// First on the stream.
    Welcome(Welcome),
    /// Do this.
    Command(Box<Command>),
    /// You may, or may not.
    Permit(PermitAnswer),
    /// The heartbeat's digest is unknown here: send the report.
    SendReport,
    /// Every slot up to this number is safe here.
    BaselineAck {
        /// The number.
        up_to: u64,
    },
}

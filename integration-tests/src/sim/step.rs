//! The steps of a simulation.

use std::sync::Arc;

use wavegate_common::{ControllerMessage, HostReport, PermitRequest};
use wavegate_simfleet::{HostEvent, Timer};

use super::faults::FaultStep;
use super::hostile::Forgery;
use super::operator::OperatorStep;

/// One step. Hosts and controllers are named by their place.
#[derive(Debug)]
pub(super) enum Step {
    /// A timer of a host.
    Timer(u32, Timer),
    /// Something else happens to a host.
    Host(u32, HostEvent),
    /// A message reaches a host.
    Down(u32, Box<ControllerMessage>),
    /// A message reaches a controller.
    Up { controller: usize, host: u32, word: Word },
    /// An agent without a connection looks for a controller.
    Connect(u32),
    /// Heartbeats of every connected agent.
    Sweep,
    /// A controller reads and decides.
    Drive(usize, u32),
    /// A controller commits what it decided.
    Commit(usize, u32),
    /// A controller sends what it committed.
    Dispatch(usize, u32),
    /// A controller starts.
    Start(usize, u32),
    /// Something breaks, or is mended.
    Fault(FaultStep),
    /// A forged message reaches a host.
    Forged(u32, Box<Forgery>),
    /// A person does something.
    Operator(OperatorStep),
    /// Everything that can be mended is.
    Heal,
}

/// What an agent says.
#[derive(Debug, Clone)]
pub(super) enum Word {
    Report(Arc<HostReport>),
    Permit(PermitRequest),
}

impl Step {
    /// Numbers that stand for the step in the hash of the run.
    pub(super) fn fingerprint(&self) -> [u64; 3] {
        match self {
            Self::Timer(host, _) => [1, u64::from(*host), 0],
            Self::Host(host, _) => [2, u64::from(*host), 0],
            Self::Down(host, message) => {
                let what = match &**message {
                    ControllerMessage::Command(command) => command.id.0 as u64,
                    ControllerMessage::Permit(answer) => answer.nonce.0 as u64,
                    ControllerMessage::Welcome(_)
                    | ControllerMessage::SendReport
                    | ControllerMessage::BaselineAck { .. } => 0,
                };
                [3, u64::from(*host), what]
            }
            Self::Up { controller, host, word } => {
                let what = match word {
                    Word::Report(report) => report.seq ^ report.boot.boot_id.0 as u64,
                    Word::Permit(request) => request.nonce.0 as u64,
                };
                [4 + *controller as u64 * 16, u64::from(*host), what]
            }
            Self::Connect(host) => [5, u64::from(*host), 0],
            Self::Sweep => [6, 0, 0],
            Self::Drive(controller, pass) => [7, *controller as u64, u64::from(*pass)],
            Self::Commit(controller, pass) => [8, *controller as u64, u64::from(*pass)],
            Self::Dispatch(controller, pass) => [9, *controller as u64, u64::from(*pass)],
            Self::Start(controller, pass) => [10, *controller as u64, u64::from(*pass)],
            Self::Fault(_) => [11, 0, 0],
            Self::Operator(_) => [12, 0, 0],
            Self::Heal => [13, 0, 0],
            Self::Forged(host, _) => [14, u64::from(*host), 0],
        }
    }
}

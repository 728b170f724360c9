//! What goes over an agent's stream.

use wavegate_common::command::{
    Action, BootOrder, Command, Denied, PermitAnswer, PermitDecision, PermitRequest, Precondition,
};
use wavegate_common::id::HostId;
use wavegate_common::message::{AgentMessage, ControllerMessage, Hello, Welcome};

use super::field::OnWire;
use super::host::{report, write_report};
use super::invalid::{At, Invalid, NAME, SLOTS};
use super::shape::{choice, record};
use crate::wire;

record!(Hello = Hello { version[NAME], boot_id, report_digest, generation });
record!(Welcome = Welcome { heartbeat_every, reconnect_window, send_report, baseline_every });

choice!(Denied in denied { Paused, UnknownCommand, OtherBoot, NotNow(why), AlreadyGranted });
choice!(PermitDecision in permit_decision { Granted { valid_for }, Denied(why) });
record!(PermitAnswer = PermitAnswer { host, command, nonce, boot_id, decision });

record!(Precondition = Precondition { boot_id, running, ttl });
record!(BootOrder = BootOrder { release, method, drain_timeout, verify_timeout, soak });
choice!(Action in action {
    Stage { release },
    Activate(order),
    Confirm { kernel },
    Cancel,
});
record!(Command = Command { id, host, rollout, generation, precondition, action });

/// Reads what the host that the certificate names has said.
///
/// # Errors
/// The field that is missing, unknown or too large.
pub(crate) fn agent_message(
    host: HostId,
    wire: wire::AgentMessage,
) -> Result<AgentMessage, Invalid> {
    use wire::agent_message::Kind;
    match wire.kind {
        Some(Kind::Hello(hello)) => {
            OnWire::read(hello, &At::root("hello")).map(AgentMessage::Hello)
        }
        Some(Kind::Report(said)) => {
            let report = report(host, said, &At::root("report"))?;
            Ok(AgentMessage::Report(Box::new(report)))
        }
        Some(Kind::Heartbeat(beat)) => {
            let at = At::root("heartbeat");
            Ok(AgentMessage::Heartbeat {
                boot_id: OnWire::read(beat.boot_id, &at.field("boot_id"))?,
                report_digest: OnWire::read(beat.report_digest, &at.field("report_digest"))?,
            })
        }
        Some(Kind::Permit(ask)) => {
            let at = At::root("permit");
            Ok(AgentMessage::Permit(PermitRequest {
                host,
                command: OnWire::read(ask.command, &at.field("command"))?,
                nonce: OnWire::read(ask.nonce, &at.field("nonce"))?,
                boot_id: OnWire::read(ask.boot_id, &at.field("boot_id"))?,
            }))
        }
        Some(Kind::Baselines(said)) => {
            let at = At::root("baselines");
            OnWire::read(said.slots, &at.field("slots").limited(SLOTS)).map(AgentMessage::Baselines)
        }
        None => Err(At::root("message").invalid("missing, or of a kind not known here")),
    }
}

/// Writes what an agent says. Whose words they are is left to the certificate.
#[must_use]
pub(crate) fn write_agent_message(message: &AgentMessage) -> wire::AgentMessage {
    use wire::agent_message::Kind;
    let kind = match message {
        AgentMessage::Hello(hello) => Kind::Hello(hello.write()),
        AgentMessage::Report(report) => Kind::Report(write_report(report)),
        AgentMessage::Heartbeat { boot_id, report_digest } => Kind::Heartbeat(wire::Heartbeat {
            boot_id: boot_id.write(),
            report_digest: report_digest.write(),
        }),
        AgentMessage::Permit(ask) => Kind::Permit(wire::PermitRequest {
            command: ask.command.write(),
            nonce: ask.nonce.write(),
            boot_id: ask.boot_id.write(),
        }),
        AgentMessage::Baselines(slots) => {
            Kind::Baselines(wire::BaselineSlots { slots: slots.write() })
        }
    };
    wire::AgentMessage { kind: Some(kind) }
}

/// Reads what the controller has said.
///
/// # Errors
/// The field that is missing, unknown or too large.
pub(crate) fn controller_message(
    wire: wire::ControllerMessage,
) -> Result<ControllerMessage, Invalid> {
    use wire::controller_message::Kind;
    match wire.kind {
        Some(Kind::Welcome(welcome)) => {
            OnWire::read(welcome, &At::root("welcome")).map(ControllerMessage::Welcome)
        }
        Some(Kind::Command(command)) => {
            let command = OnWire::read(command, &At::root("command"))?;
            Ok(ControllerMessage::Command(Box::new(command)))
        }
        Some(Kind::Permit(answer)) => {
            OnWire::read(answer, &At::root("permit")).map(ControllerMessage::Permit)
        }
        Some(Kind::SendReport(wire::Nothing {})) => Ok(ControllerMessage::SendReport),
        Some(Kind::BaselineAck(wire::BaselineAck { up_to })) => {
            Ok(ControllerMessage::BaselineAck { up_to })
        }
        None => Err(At::root("message").invalid("missing, or of a kind not known here")),
    }
}

/// Writes what the controller says.
#[must_use]
pub(crate) fn write_controller_message(message: &ControllerMessage) -> wire::ControllerMessage {
    use wire::controller_message::Kind;
    let kind = match message {
        ControllerMessage::Welcome(welcome) => Kind::Welcome(welcome.write()),
        ControllerMessage::Command(command) => Kind::Command(OnWire::write(command.as_ref())),
        ControllerMessage::Permit(answer) => Kind::Permit(answer.write()),
        ControllerMessage::SendReport => Kind::SendReport(wire::Nothing {}),
        ControllerMessage::BaselineAck { up_to } => {
            Kind::BaselineAck(wire::BaselineAck { up_to: *up_to })
        }
    };
    wire::ControllerMessage { kind: Some(kind) }
}

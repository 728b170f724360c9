//! One connection: who asks, what, and the answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use wavegate_common::actuator::{Answer, Refusal, Request, body_length, decode, encode};

use crate::error::Error;
use crate::peer::Allowed;
use crate::power::Power;
use crate::verbs::{Actuator, Verbs};

/// How long a peer may take to send its request or take its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves one request. Peers that may not ask are told so before anything of theirs is read.
///
/// # Errors
///
/// If the answer cannot be delivered; what was asked may be done nevertheless.
pub fn serve<P: Power>(
    mut socket: UnixStream,
    allowed: Allowed,
    verbs: Verbs,
    actuator: &Actuator<P>,
) -> Result<(), Error> {
    let io = |doing| Error::io(doing, "the connection".as_ref());
    socket.set_read_timeout(Some(PATIENCE)).map_err(io("prepare"))?;
    socket.set_write_timeout(Some(PATIENCE)).map_err(io("prepare"))?;
    let request = allowed.check(&socket).and_then(|()| receive(&mut socket)).and_then(|request| {
        verbs.check(&request)?;
        Ok(request)
    });
    let answer = match request {
        Ok(request) => {
            eprintln!("{}: {}", request.verb(), subject(&request));
            let answer = actuator.answer(&request);
            eprintln!("{}: {}", request.verb(), outcome(&answer));
            answer
        }
        Err(error) => {
            eprintln!("refused: {error}");
            Answer::Refused(error.into())
        }
    };
    let frame = encode(&answer).or_else(|error| {
        let refusal: Refusal = Error::BadRequest(format!("the answer: {error}")).into();
        encode(&Answer::Refused(refusal))
    });
    let frame = frame.map_err(|error| Error::BadRequest(error.to_string()))?;
    socket.write_all(&frame).map_err(io("answer"))
}

fn receive(socket: &mut UnixStream) -> Result<Request, Error> {
    let io = |doing| Error::io(doing, "the connection".as_ref());
    let bad = |error: wavegate_common::actuator::FrameError| Error::BadRequest(error.to_string());
    let mut prefix = [0; 4];
    socket.read_exact(&mut prefix).map_err(io("read"))?;
    let mut body = vec![0; body_length(prefix).map_err(bad)?];
    socket.read_exact(&mut body).map_err(io("read"))?;
    decode(&body).map_err(bad)
}

/// What a request is about, for the journal.
fn subject(request: &Request) -> String {
    match request {
        Request::Stage { release, .. } => {
            format!(
                "{} ({})",
                release.kernel.as_str().escape_debug(),
                release.name.as_str().escape_debug()
            )
        }
        Request::Arm { kernel, method, .. } | Request::Switch { kernel, method, .. } => {
            format!("{} by {method:?}", kernel.as_str().escape_debug())
        }
        Request::Confirm { kernel } => kernel.as_str().escape_debug().to_string(),
        Request::Probe { .. } | Request::Disarm | Request::Revert { .. } | Request::Collect => {
            "asked for".into()
        }
    }
}

fn outcome(answer: &Answer) -> String {
    match answer {
        Answer::Refused(refusal) if refusal.hint.is_empty() => format!("refused: {refusal}"),
        Answer::Refused(refusal) => format!("refused: {refusal}; {}", refusal.hint),
        Answer::Armed(armed) => format!("armed by {:?}", armed.method),
        Answer::Collected(records) => format!("{} panic records", records.len()),
        Answer::Probed(_)
        | Answer::Staged(_)
        | Answer::Disarmed
        | Answer::Leaving
        | Answer::Confirmed { .. } => "done".into(),
    }
}

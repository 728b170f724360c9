//! The connection itself: who may ask, and how much.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use crate::host::Host;
use nix::unistd::geteuid;
use wavegate_actuator::peer::Allowed;
use wavegate_actuator::{Verbs, serve};
use wavegate_common::actuator::{Answer, MAX_FRAME, Reason, Request, decode, encode};

/// Sends these bytes and returns the answer.
fn exchange(allowed: Allowed, verbs: Verbs, bytes: &[u8]) -> Answer {
    let host = Host::with_grub();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(bytes).unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    serve(theirs, allowed, verbs, &host.actuator).unwrap();
    let mut answer = Vec::new();
    ours.read_to_end(&mut answer).unwrap();
    let length = u32::from_be_bytes(answer[..4].try_into().unwrap());
    assert_eq!(answer.len(), 4 + length as usize, "one answer, then the end");
    decode(&answer[4..]).unwrap()
}

fn me() -> Allowed {
    Allowed { agent: Some(geteuid().as_raw()) }
}

fn reason(answer: &Answer) -> Reason {
    match answer {
        Answer::Refused(refusal) => refusal.reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_request_is_answered() {
    let frame = encode(&Request::Probe { dry_run: None }).unwrap();
    assert!(matches!(exchange(me(), Verbs::Boot, &frame), Answer::Probed(_)));
}

#[test]
fn a_verb_of_the_other_socket_is_refused() {
    let frame = encode(&Request::Disarm).unwrap();
    assert_eq!(reason(&exchange(me(), Verbs::Install, &frame)), Reason::BadRequest);
}

#[test]
fn long_short_and_senseless_requests_are_refused() {
    let too_long = u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes();
    assert_eq!(reason(&exchange(me(), Verbs::Boot, &too_long)), Reason::BadRequest);
    assert_eq!(reason(&exchange(me(), Verbs::Boot, &[0, 0, 0, 9, b'x'])), Reason::Failed);
    assert_eq!(reason(&exchange(me(), Verbs::Boot, b"\0\0\0\x02{}")), Reason::BadRequest);
    assert_eq!(reason(&exchange(me(), Verbs::Boot, b"")), Reason::Failed);
}

/// Run as root this connects as another user; run as another user, that one is not the agent.
#[test]
fn a_stranger_is_refused_before_the_request_is_read() {
    use std::os::unix::process::CommandExt;
    if !geteuid().is_root() {
        let nobody = Allowed { agent: None };
        assert_eq!(reason(&exchange(nobody, Verbs::Boot, b"")), Reason::NotAllowed);
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(dir.path(), open).unwrap();
    let path = dir.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&path, open).unwrap();
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                  data = b''\nwhile True:\n    more = s.recv(65536)\n    if not more: break\n    \
                  data += more\nsys.stdout.buffer.write(data)\n";
    let child = std::process::Command::new("/usr/bin/env")
        .args(["python3", "-c", script])
        .arg(&path)
        .uid(65_534)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (theirs, _) = listener.accept().unwrap();
    let host = Host::with_grub();
    serve(theirs, Allowed { agent: Some(4711) }, Verbs::Boot, &host.actuator).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    assert_eq!(reason(&decode(&output[4..]).unwrap()), Reason::NotAllowed);
}

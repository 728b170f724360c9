//! The root actuator's sockets, from the unprivileged side.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use wavegate_common::actuator::{
    Answer, FrameError, Refusal, Request, body_length, decode, encode,
};

/// Time for verbs that do not run a package manager. Loading a kernel for kexec reads some
/// hundred megabytes on a busy disk; the rest takes milliseconds.
const QUICK: Duration = Duration::from_secs(120);

/// Why the actuator did not do something.
#[derive(Debug, thiserror::Error)]
pub enum ActuatorError {
    /// It is not installed, not enabled, or does not let this user in.
    #[error(
        "cannot reach the actuator at {path}: {source}; \
         `systemctl enable --now wavegate-actuator.socket`"
    )]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What came back is not an answer.
    #[error("the actuator's answer to {verb} cannot be read: {source}")]
    Unreadable {
        /// What was asked.
        verb: &'static str,
        /// Why.
        source: FrameError,
    },
    /// It ended without an answer.
    #[error("the actuator ended before it answered to {verb}: {source}; see its journal")]
    Cut {
        /// What was asked.
        verb: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It took too long.
    #[error("the actuator did not answer to {verb} in {} s", .limit.as_secs())]
    TimedOut {
        /// What was asked.
        verb: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// It said no; nothing was done.
    #[error("{}", said(.0))]
    Refused(Refusal),
    /// It answered to another question.
    #[error("the actuator answered to {verb} with something else; are both of one release")]
    OffTopic {
        /// What was asked.
        verb: &'static str,
    },
}

fn said(refusal: &Refusal) -> String {
    if refusal.hint.is_empty() {
        refusal.message.clone()
    } else {
        format!("{}; {}", refusal.message, refusal.hint)
    }
}

/// The actuator as seen from the agent.
#[derive(Debug, Clone)]
pub struct Actuator {
    dir: PathBuf,
}

impl Actuator {
    /// The one whose sockets are in this directory.
    #[must_use]
    pub fn in_dir(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Asks for one thing.
    ///
    /// # Errors
    /// See [`ActuatorError`]. `Cut` and `TimedOut` leave open whether it was done.
    pub async fn ask(&self, request: &Request) -> Result<Answer, ActuatorError> {
        let verb = request.verb();
        let limit = match request {
            Request::Stage { timeout, .. } => QUICK + Duration::from_millis(timeout.0),
            Request::Probe { .. }
            | Request::Arm { .. }
            | Request::Disarm
            | Request::Switch { .. }
            | Request::Confirm { .. }
            | Request::Revert { .. }
            | Request::Collect => QUICK,
        };
        let answer = timeout(limit, self.exchange(request))
            .await
            .map_err(|_| ActuatorError::TimedOut { verb, limit })??;
        match answer {
            Answer::Refused(refusal) => Err(ActuatorError::Refused(refusal)),
            other => Ok(other),
        }
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, ActuatorError> {
        let verb = request.verb();
        let path = self.dir.join(request.socket());
        let unreadable = |source| ActuatorError::Unreadable { verb, source };
        let cut = |source| ActuatorError::Cut { verb, source };
        let frame = encode(request).map_err(unreadable)?;
        let mut stream = UnixStream::connect(&path)
            .await
            .map_err(|source| ActuatorError::Unreachable { path, source })?;
        stream.write_all(&frame).await.map_err(cut)?;
        let mut prefix = [0u8; 4];
        stream.read_exact(&mut prefix).await.map_err(cut)?;
        let mut body = vec![0u8; body_length(prefix).map_err(unreadable)?];
        stream.read_exact(&mut body).await.map_err(cut)?;
        decode(&body).map_err(unreadable)
    }
}

#[cfg(test)]
pub(crate) mod fake {
    //! An actuator that answers from a function.

    use super::{Answer, AsyncReadExt, AsyncWriteExt, Request, body_length, decode, encode, io};
    use std::path::Path;
    use std::sync::{Arc, Mutex};
    use tokio::net::{UnixListener, UnixStream};
    use wavegate_common::actuator::{BOOT_SOCKET, INSTALL_SOCKET};

    /// What it was asked, in order.
    pub(crate) type Asked = Arc<Mutex<Vec<Request>>>;

    async fn exchange(
        mut stream: UnixStream,
        asked: &Asked,
        answer: &(impl Fn(&Request) -> Option<Answer> + ?Sized),
    ) -> io::Result<()> {
        let mut prefix = [0u8; 4];
        stream.read_exact(&mut prefix).await?;
        let mut body = vec![0u8; body_length(prefix).unwrap()];
        stream.read_exact(&mut body).await?;
        let request: Request = decode(&body).unwrap();
        asked.lock().unwrap().push(request.clone());
        match answer(&request) {
            Some(answer) => stream.write_all(&encode(&answer).unwrap()).await,
            None => Ok(()),
        }
    }

    /// Listens on both sockets in a directory for as long as the runtime lives.
    pub(crate) fn serve(
        dir: &Path,
        answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Asked {
        let asked = Asked::default();
        let answer = Arc::new(answer);
        for name in [BOOT_SOCKET, INSTALL_SOCKET] {
            let listener = UnixListener::bind(dir.join(name)).unwrap();
            let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // An agent that stops may be gone before it has its answer.
                    let _ = exchange(stream, &asked, &*answer).await;
                }
            });
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavegate_common::actuator::Reason;

    #[tokio::test]
    async fn a_refusal_is_an_error_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        fake::serve(dir.path(), |_| {
            Some(Answer::Refused(Refusal {
                reason: Reason::Unsafe,
                message: "the watchdog stops over kexec".into(),
                hint: "boot with watchdog.stop_on_reboot=0".into(),
            }))
        });
        let told =
            Actuator::in_dir(dir.path()).ask(&Request::Disarm).await.unwrap_err().to_string();
        assert_eq!(told, "the watchdog stops over kexec; boot with watchdog.stop_on_reboot=0");
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_said_to_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        fake::serve(dir.path(), |_| None);
        let told = Actuator::in_dir(dir.path()).ask(&Request::Disarm).await.unwrap_err();
        assert!(matches!(told, ActuatorError::Cut { verb: "disarm", .. }), "{told}");
    }

    #[tokio::test]
    async fn without_an_actuator_it_is_said_how_to_get_one() {
        let dir = tempfile::tempdir().unwrap();
        let told =
            Actuator::in_dir(dir.path()).ask(&Request::Collect).await.unwrap_err().to_string();
        assert!(told.contains("wavegate-actuator.socket"), "{told}");
    }
}

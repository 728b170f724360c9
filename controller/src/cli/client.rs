//! The connection to a controller, and its refusals as failures with a way out.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use tonic::{Code, Status};
use wavegate_proto::operator::OperatorClient;
use wavegate_proto::operator::ask::Reason;
use wavegate_proto::tls::{self, HostKey, Identity};

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;

/// A controller that can be asked.
#[derive(Debug, Clone)]
pub struct Client {
    /// The calls.
    pub calls: OperatorClient,
    /// `host:port`, for messages.
    pub controller: String,
}

impl Client {
    /// Connects as the context says.
    ///
    /// # Errors
    /// If a file of the context cannot be used, or the controller cannot be reached in time.
    pub async fn connect(context: &Context, limit: Duration) -> Result<Self, Failure> {
        let ca = read(&context.ca, "the certificate of the controller's CA")?;
        let certificate = read(&context.certificate, "your certificate")?;
        let key = tls::read_secret(&context.key)
            .map_err(|error| {
                Failure::usage(format!("cannot use your key {}", context.key.display()))
                    .caused_by(&error)
            })?
            .ok_or_else(|| missing(&context.key, "your key"))?;
        let key = HostKey::from_pem(&key).map_err(|error| {
            Failure::usage(format!("{} holds no usable key", context.key.display()))
                .caused_by(&error)
        })?;
        let identity = Identity::new(&certificate, key).map_err(|error| {
            Failure::usage(format!("{} does not fit your key", context.certificate.display()))
                .caused_by(&error)
        })?;
        let client = Self::open(&context.controller, &ca, Some(&identity), limit).await?;
        Ok(client)
    }

    /// Connects to an address, as somebody or as nobody.
    ///
    /// # Errors
    /// If the certificate cannot be used, or the controller cannot be reached in time.
    pub async fn open(
        controller: &str,
        ca_pem: &str,
        identity: Option<&Identity>,
        limit: Duration,
    ) -> Result<Self, Failure> {
        let config = tls::client_config(ca_pem, identity)
            .map_err(|error| Failure::usage("cannot set up the connection").caused_by(&error))?;
        let connecting = tls::connect(controller, config);
        let channel = match tokio::time::timeout(limit, connecting).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(error @ tls::TlsError::Address { .. })) => {
                return Err(Failure::usage("the controller's address is none").caused_by(&error));
            }
            Ok(Err(error)) => return Err(unreachable(controller).caused_by(&error)),
            Err(_) => return Err(unreachable(controller).because("it did not answer in time")),
        };
        Ok(Self { calls: OperatorClient::new(channel), controller: controller.to_owned() })
    }

    /// A refusal as a failure; `what` is what was attempted.
    #[must_use]
    pub fn failed(&self, what: impl Into<String>, status: &Status) -> Failure {
        refusal(&self.controller, what, status)
    }
}

/// The controller cannot be reached.
fn unreachable(controller: &str) -> Failure {
    Failure::new(Exit::Unreachable, format!("cannot reach the controller at {controller}")).next(
        "is it running (`systemctl status wavegate-controller`), and is this the right context \
         (`--context FILE`)?",
    )
}

/// A refusal of the controller as a failure.
#[must_use]
pub fn refusal(controller: &str, what: impl Into<String>, status: &Status) -> Failure {
    let exit = exit_of(status);
    if exit == Exit::Unreachable {
        return unreachable(controller).because(told(status));
    }
    let failure = Failure::new(exit, what).because(told(status));
    match exit {
        Exit::Denied => failure.next(
            "`wavegate token create --operator NAME --role ROLE` by an admin gives the right to",
        ),
        Exit::TimedOut => failure.next("give it longer with `--timeout`"),
        _ => failure,
    }
}

/// Which exit status a refusal means.
#[must_use]
pub fn exit_of(status: &Status) -> Exit {
    match status.code() {
        Code::Ok => Exit::Ok,
        Code::Unauthenticated | Code::PermissionDenied => Exit::Denied,
        Code::Unavailable => Exit::Unreachable,
        // A connection that breaks under a call comes as one of these, with the break as source.
        Code::Unknown | Code::Cancelled | Code::Internal if status.source().is_some() => {
            Exit::Unreachable
        }
        Code::DeadlineExceeded => Exit::TimedOut,
        Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => Exit::Conflict,
        Code::InvalidArgument | Code::NotFound | Code::OutOfRange => Exit::Usage,
        Code::Unknown
        | Code::Cancelled
        | Code::Internal
        | Code::ResourceExhausted
        | Code::Unimplemented
        | Code::DataLoss => Exit::Failed,
    }
}

/// What a refusal says, in words.
#[must_use]
pub fn told(status: &Status) -> String {
    match status.message() {
        "" => status.code().description().to_owned(),
        text => text.to_owned(),
    }
}

/// A reason as the protocol wants it.
///
/// # Errors
/// If it is empty or too long.
pub fn reason(text: &str) -> Result<Reason, Failure> {
    Reason::new(text).map_err(|error| Failure::usage("the reason cannot be used").caused_by(&error))
}

fn read(path: &Path, what: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(path, what),
        _ => Failure::usage(format!("cannot read {what}, {}", path.display())).caused_by(&error),
    })
}

fn missing(path: &Path, what: &str) -> Failure {
    Failure::usage(format!("{what} is not at {}", path.display()))
        .next("the context file names it: mend the path there, or enrol again with `wavegate operator enroll`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_exit_status() {
        for (code, exit) in [
            (Code::PermissionDenied, Exit::Denied),
            (Code::Unauthenticated, Exit::Denied),
            (Code::Unavailable, Exit::Unreachable),
            (Code::DeadlineExceeded, Exit::TimedOut),
            (Code::AlreadyExists, Exit::Conflict),
            (Code::Aborted, Exit::Conflict),
            (Code::FailedPrecondition, Exit::Conflict),
            (Code::NotFound, Exit::Usage),
            (Code::InvalidArgument, Exit::Usage),
            (Code::Internal, Exit::Failed),
            (Code::ResourceExhausted, Exit::Failed),
        ] {
            assert_eq!(exit_of(&Status::new(code, "x")), exit, "{code:?}");
        }
    }

    #[test]
    fn nobody_at_the_door() {
        let runtime = crate::cli::session::runtime().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let now = wavegate_common::Timestamp(1_780_315_200_000);
        let authority = crate::trust::Authority::open_or_create(dir.path(), now).unwrap();
        // Port 1 on loopback: nobody listens there.
        let limit = Duration::from_secs(5);
        let result = runtime.block_on(Client::open("127.0.0.1:1", authority.pem(), None, limit));
        let failure = result.unwrap_err();
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert!(failure.render(false).contains("127.0.0.1:1"), "{}", failure.render(false));
    }
}

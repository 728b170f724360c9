//! Who is on the other end of a connection, as its certificate says.

use std::fmt;
use std::net::SocketAddr;

use tonic::{Request, Status};
use wavegate_common::HostId;
use wavegate_common::view::Role;

/// Whom a verified certificate names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Peer {
    /// No certificate was shown: enough to enrol, and for nothing else.
    #[default]
    Nobody,
    /// An agent.
    Host(HostId),
    /// A person, or a program that acts for one.
    Operator {
        /// Their name, as in the audit log.
        name: String,
        /// What they may do.
        role: Role,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::Host(host) => write!(f, "host {host}"),
            Self::Operator { name, role } => write!(f, "{role} {name}"),
        }
    }
}

/// One connection's other end. A server puts it into the extensions of every request, as the
/// connection info of the accepted stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// Who.
    pub peer: Peer,
    /// From where.
    pub addr: Option<SocketAddr>,
}

impl Caller {
    /// The caller of a request; nobody if the server did not say.
    pub(crate) fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// The host that calls.
    pub(crate) fn host(&self) -> Result<HostId, Status> {
        match &self.peer {
            Peer::Host(host) => Ok(*host),
            Peer::Nobody => Err(Status::unauthenticated(
                "no client certificate was shown; enrol this host with a token first",
            )),
            Peer::Operator { .. } => {
                Err(Status::permission_denied("only a host's certificate may do this"))
            }
        }
    }
}

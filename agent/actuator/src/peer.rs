//! Who may ask.

use std::os::fd::AsFd;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::User;

use crate::error::Error;

/// The user the agent runs as.
pub const AGENT_USER: &str = "wavegate";

/// The users who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The agent's user, if this host has it.
    pub agent: Option<u32>,
}

impl Allowed {
    /// Root and the agent's user of this host.
    #[must_use]
    pub fn on_this_host() -> Self {
        let agent = User::from_name(AGENT_USER).ok().flatten().map(|user| user.uid.as_raw());
        Self { agent }
    }

    /// Whether this user may.
    #[must_use]
    pub fn admits(self, uid: u32) -> bool {
        uid == 0 || self.agent == Some(uid)
    }

    /// Asks the kernel who connected.
    ///
    /// # Errors
    ///
    /// If it is somebody else, or the kernel does not tell.
    pub fn check(self, socket: impl AsFd) -> Result<(), Error> {
        let peer = getsockopt(&socket, PeerCredentials)
            .map_err(|e| Error::BadRequest(format!("the peer is not known: {e}")))?;
        if self.admits(peer.uid()) { Ok(()) } else { Err(Error::NotAllowed { uid: peer.uid() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_the_agent_may() {
        let allowed = Allowed { agent: Some(991) };
        assert!(allowed.admits(0) && allowed.admits(991));
        assert!(!allowed.admits(1000) && !allowed.admits(u32::MAX));
        assert!(!Allowed { agent: None }.admits(991));
    }
}

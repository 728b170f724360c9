//! From a request to its answer.

use std::str::FromStr;

use wavegate_common::actuator::{Answer, INSTALL_SOCKET, Request};

use crate::error::Error;
use crate::power::Power;
use crate::tree::Tree;
use crate::watchdog::WatchdogPolicy;

/// The verbs that a process serves. Each half runs in a sandbox that fits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbs {
    /// Everything except installing: no network, may load a kernel and shut down.
    Boot,
    /// Installing: may run the package manager, may not load a kernel.
    Install,
}

impl FromStr for Verbs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "boot" => Ok(Self::Boot),
            "install" => Ok(Self::Install),
            other => Err(format!("`{other}` is neither boot nor install")),
        }
    }
}

impl Verbs {
    /// Whether this half serves a request.
    ///
    /// # Errors
    ///
    /// If the other half does.
    pub fn check(self, request: &Request) -> Result<(), Error> {
        let installs = request.socket() == INSTALL_SOCKET;
        if installs == (self == Self::Install) {
            return Ok(());
        }
        let (verb, socket) = (request.verb(), request.socket());
        Err(Error::BadRequest(format!("{verb} is served at {socket}, not here")))
    }
}

/// The hands of the agent on one host.
#[derive(Debug)]
pub struct Actuator<P> {
    pub(crate) tree: Tree,
    pub(crate) power: P,
    pub(crate) watchdog: WatchdogPolicy,
}

impl<P: Power> Actuator<P> {
    /// One that works on this tree.
    pub const fn new(tree: Tree, power: P, watchdog: WatchdogPolicy) -> Self {
        Self { tree, power, watchdog }
    }

    /// Does what is asked, or says why not.
    pub fn answer(&self, request: &Request) -> Answer {
        self.carry_out(request).unwrap_or_else(|error| Answer::Refused(error.into()))
    }

    fn carry_out(&self, request: &Request) -> Result<Answer, Error> {
        // An agent that was restarted asks again while its first request is still being worked
        // on; the second one waits and then finds the work done.
        let lock = format!("/var/lib/wavegate-actuator/{}.lock", request.socket());
        let _turn = self.tree.hold(&lock)?;
        match request {
            Request::Probe { dry_run } => {
                Ok(Answer::Probed(Box::new(self.probe(dry_run.as_ref())?)))
            }
            Request::Stage { release, timeout } => {
                Ok(Answer::Staged(self.stage(release, *timeout)?))
            }
            Request::Arm { boot_id, kernel, method, append } => {
                Ok(Answer::Armed(self.arm(*boot_id, kernel, *method, append)?))
            }
            Request::Disarm => self.disarm().map(|()| Answer::Disarmed),
            Request::Switch { boot_id, kernel, method } => {
                self.switch(*boot_id, kernel, *method).map(|()| Answer::Leaving)
            }
            Request::Confirm { kernel } => Ok(Answer::Confirmed { entry: self.confirm(kernel)? }),
            Request::Revert { boot_id } => self.revert(*boot_id).map(|()| Answer::Leaving),
            Request::Collect => Ok(Answer::Collected(self.collect()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavegate_common::{Millis, Release};

    #[test]
    fn each_half_serves_its_own_verbs_only() {
        let stage =
            Request::Stage { release: Release::installed("6.1".into()), timeout: Millis(1) };
        assert!(Verbs::Install.check(&stage).is_ok());
        assert!(Verbs::Boot.check(&stage).is_err());
        assert!(Verbs::Boot.check(&Request::Disarm).is_ok());
        assert!(Verbs::Install.check(&Request::Disarm).is_err());
    }
}

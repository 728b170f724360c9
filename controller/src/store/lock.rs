//! Notices a second controller on the same data directory.
//!
//! Only a warning: safety comes from compare-and-set commits. Two controllers on one store work,
//! but each holds the streams of half the hosts, and that is hardly ever meant.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

/// Held as long as the controller runs; the kernel lets it go if the process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its drop")] Flock<File>);

/// Whether another process has it.
#[derive(Debug)]
pub enum LockState {
    /// It is ours.
    Ours(Lock),
    /// Another process holds it.
    Taken,
}

impl Lock {
    /// Tries to take the lock of a data directory.
    ///
    /// # Errors
    /// If the lock file cannot be made.
    pub fn take(dir: &Path) -> io::Result<LockState> {
        let path = dir.join("controller.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(LockState::Ours(Self(lock))),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(LockState::Taken),
            Err((_, errno)) => Err(errno.into()),
        }
    }
}

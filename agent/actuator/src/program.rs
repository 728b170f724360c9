//! Running one of the few programs of the host: a fixed path, arguments one by one, never a
//! shell, an environment of its own, a time limit, and only the end of the output kept.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::Error;
use crate::tree::Tree;

/// How much of a program's output is kept, in bytes.
const OUTPUT_KEPT: usize = 4 * 1024;
/// How long a program may take to clean up after it was told to stop.
const GRACE: Duration = Duration::from_secs(20);
/// How long output is waited for after the program is gone; something it started may hold it.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// A program about to be run.
#[derive(Debug)]
pub struct Program<'a> {
    path: &'a str,
    command: Command,
    timeout: Duration,
}

impl<'a> Program<'a> {
    /// The program at this absolute path of the tree.
    #[must_use]
    pub fn new(tree: &Tree, path: &'a str, timeout: Duration) -> Self {
        let mut command = Command::new(tree.path(path));
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", "/root")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        Self { path, command, timeout }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Several more arguments.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// One more variable in the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it and returns the end of its output.
    ///
    /// # Errors
    ///
    /// If it cannot be started, fails, or does not end in time; then it is stopped together with
    /// what it started.
    pub fn run(mut self) -> Result<String, Error> {
        // Errors belong between the lines they are about, so both streams share one pipe.
        let (reader, writer) =
            std::io::pipe().map_err(Error::io("make a pipe for", self.path.as_ref()))?;
        let clone = writer.try_clone().map_err(Error::io("make a pipe for", self.path.as_ref()))?;
        self.command.stdout(writer).stderr(clone);
        let child = self.command.spawn().map_err(Error::io("run", self.path.as_ref()))?;
        // The command holds the writing ends; the reader would wait for them for ever.
        let path = self.path;
        drop(self.command);
        let output = keep_end_of(reader);
        let waited = wait(child, self.timeout);
        let output = output.recv_timeout(OUTPUT_GRACE).unwrap_or_default();
        let fail = |outcome: String, output: &str| Error::Program {
            program: path.to_owned(),
            outcome,
            output: if output.is_empty() { "no output".into() } else { output.to_owned() },
        };
        match waited {
            Waited::Ended(status) if status.success() => Ok(output),
            Waited::Ended(status) => Err(fail(format!("failed ({status})"), &output)),
            Waited::TooLate => {
                Err(fail(format!("did not end within {} s", self.timeout.as_secs()), &output))
            }
            Waited::Lost(error) => Err(fail(format!("cannot be waited for ({error})"), &output)),
        }
    }
}

impl Program<'_> {
    /// Runs it and hands over each line of its output, however many; errors it writes go to the
    /// journal.
    ///
    /// # Errors
    ///
    /// If it cannot be started or fails. The time limit is not kept here: for programs that only
    /// read a file.
    pub fn for_each_line(mut self, mut see: impl FnMut(&str)) -> Result<(), Error> {
        let doing = || Error::io("run", self.path.as_ref());
        let mut child = self.command.spawn().map_err(doing())?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines() {
                see(&line.map_err(doing())?);
            }
        }
        let status = child.wait().map_err(doing())?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Program {
            program: self.path.to_owned(),
            outcome: format!("failed ({status})"),
            output: "its errors are in the journal".into(),
        })
    }
}

enum Waited {
    Ended(ExitStatus),
    TooLate,
    Lost(std::io::Error),
}

fn wait(mut child: Child, timeout: Duration) -> Waited {
    let group = i32::try_from(child.id()).map(Pid::from_raw);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait()));
    let outcome = |ended: Result<std::io::Result<ExitStatus>, _>| match ended {
        Ok(Ok(status)) => Some(Waited::Ended(status)),
        Ok(Err(error)) => Some(Waited::Lost(error)),
        Err(mpsc::RecvTimeoutError::Timeout | mpsc::RecvTimeoutError::Disconnected) => None,
    };
    if let Some(ended) = outcome(told.recv_timeout(timeout)) {
        return ended;
    }
    if let Ok(group) = group {
        // The leader has not been waited for, so the number cannot belong to anybody else yet.
        let _ = killpg(group, Signal::SIGTERM);
        if outcome(told.recv_timeout(GRACE)).is_none() {
            let _ = killpg(group, Signal::SIGKILL);
            let _ = told.recv_timeout(GRACE);
        }
    }
    Waited::TooLate
}

/// Reads to the end in a thread of its own, so that a program never waits for us to read.
fn keep_end_of(mut reader: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut kept: VecDeque<u8> = VecDeque::with_capacity(OUTPUT_KEPT);
        let mut chunk = [0; 1024];
        while let Ok(n) = reader.read(&mut chunk) {
            if n == 0 {
                break;
            }
            kept.extend(&chunk[..n]);
            let surplus = kept.len().saturating_sub(OUTPUT_KEPT);
            kept.drain(..surplus);
        }
        let bytes: Vec<u8> = kept.into();
        let _ = tell.send(String::from_utf8_lossy(&bytes).trim().to_owned());
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Duration) -> Result<String, Error> {
        Program::new(&Tree::at("/"), "/bin/sh", timeout).args(&["-c", script]).run()
    }

    #[test]
    fn output_of_both_streams_is_kept_in_order() {
        let output = shell("echo a; echo b >&2; echo c", Duration::from_secs(20)).unwrap();
        assert_eq!(output, "a\nb\nc");
    }

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let output = shell("yes 0123456789 | head -c 100000; echo end", Duration::from_secs(20));
        let output = output.unwrap();
        assert!(output.len() <= OUTPUT_KEPT && output.ends_with("end"), "{}", output.len());
    }

    #[test]
    fn failure_carries_what_was_said() {
        let error = shell("echo broken; exit 3", Duration::from_secs(20)).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("broken"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped_with_its_children() {
        let error = shell("sleep 1000 & wait", Duration::from_millis(50)).unwrap_err().to_string();
        assert!(error.contains("did not end"), "{error}");
    }

    #[test]
    fn the_environment_is_not_inherited() {
        let output = shell("echo ${CARGO_MANIFEST_DIR:-unset}", Duration::from_secs(20)).unwrap();
        assert_eq!(output, "unset");
    }
}

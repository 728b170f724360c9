//! Other programs, run within bounds: a cleared environment, a time limit for the whole process
//! group, and no more of the output than fits a report.
//!
//! Programs are started directly. No shell ever sees an argument.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// The most of a program's output that is kept, in bytes; the rest is read and thrown away.
const KEPT_OUTPUT: usize = 4 * 1024;

/// How long output is awaited after a program ended, in case something it left behind keeps the
/// pipe open.
const OUTPUT_GRACE: Duration = Duration::from_millis(250);

/// A script that is just being written cannot be started; that passes.
const BUSY_RETRIES: u32 = 10;
const BUSY_WAIT: Duration = Duration::from_millis(20);

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One program to run.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Which.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// What it may read; the pipe is closed after that.
    pub input: &'a [u8],
    /// How long it may take in all.
    pub time_limit: Duration,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// Killed with everything it had started, because it took too long.
    TimedOut,
}

/// What came of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The beginning of what it wrote to standard output, or to standard error if it wrote
    /// nothing else.
    pub output: String,
}

impl Outcome {
    /// The first line of the output that is not empty, without control characters.
    #[must_use]
    pub fn first_line(&self) -> String {
        let line = self.output.lines().map(str::trim).find(|line| !line.is_empty());
        line.unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
    }

    /// How it ended, in words for people.
    #[must_use]
    pub fn says(&self) -> String {
        let said = self.first_line();
        let ending = match self.ending {
            Ending::Exit(status) => format!("exit status {status}"),
            Ending::Signal(signal) => format!("killed by signal {signal}"),
            Ending::TimedOut => "killed at its time limit".to_owned(),
        };
        if said.is_empty() { ending } else { format!("{ending}: {said}") }
    }
}

/// Kills a process group unless told not to. In this way a caller that is cancelled leaves
/// nothing running.
struct GroupGuard(Option<Pid>);

impl GroupGuard {
    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // The group may be gone already; there is nothing else to do about an error.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end or to its time limit.
///
/// # Errors
/// It cannot be started: missing, not executable, or an interpreter that does not exist.
pub async fn run(call: Call<'_>) -> io::Result<Outcome> {
    let mut child = start(&call).await?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let mut guard = GroupGuard(group);

    let (mut out, mut err) = (Vec::new(), Vec::new());
    let feed = feed(child.stdin.take(), call.input);
    let read_out = read_some(child.stdout.take(), &mut out);
    let read_err = read_some(child.stderr.take(), &mut err);
    let ended = timeout(call.time_limit, async {
        let output = async { tokio::join!(feed, read_out, read_err) };
        tokio::pin!(output);
        let status = tokio::select! {
            status = child.wait() => status,
            _ = &mut output => return child.wait().await,
        };
        let _ = timeout(OUTPUT_GRACE, output).await;
        status
    })
    .await;

    let ending = match ended {
        Ok(status) => {
            // What a hook leaves running on purpose stays.
            guard.0 = None;
            let status = status?;
            match status.code() {
                Some(code) => Ending::Exit(code),
                None => Ending::Signal(status.signal().unwrap_or_default()),
            }
        }
        Err(_) => {
            guard.kill();
            child.wait().await?;
            Ending::TimedOut
        }
    };
    let kept = if out.trim_ascii().is_empty() { err } else { out };
    Ok(Outcome { ending, output: String::from_utf8_lossy(&kept).into_owned() })
}

async fn start(call: &Call<'_>) -> io::Result<Child> {
    let mut command = Command::new(call.program);
    command
        .args(call.arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_RETRIES =>
            {
                tries += 1;
                sleep(BUSY_WAIT).await;
            }
            other => return other,
        }
    }
}

/// A program that does not read its input is none the worse for it.
async fn feed(pipe: Option<tokio::process::ChildStdin>, input: &[u8]) {
    if let Some(mut pipe) = pipe {
        let _ = pipe.write_all(input).await;
        let _ = pipe.shutdown().await;
    }
}

/// Reads to the end so that the program never blocks, but keeps only the beginning.
async fn read_some(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = [0u8; 1024];
    while let Ok(count) = pipe.read(&mut chunk).await {
        if count == 0 {
            return;
        }
        let room = KEPT_OUTPUT.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&chunk[..room]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str, input: &str, limit: Duration) -> Outcome {
        let call = Call {
            program: Path::new("/bin/sh"),
            arguments: &["-c", script],
            input: input.as_bytes(),
            time_limit: limit,
        };
        run(call).await.unwrap()
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn input_goes_in_and_output_comes_out() {
        let outcome = sh("read x; echo got $x; echo aside >&2; exit 3", "seven\n", LONG).await;
        assert_eq!(outcome, Outcome { ending: Ending::Exit(3), output: "got seven\n".into() });
        assert_eq!(outcome.says(), "exit status 3: got seven");
        assert_eq!(
            sh("echo aside >&2; kill -9 $$", "", LONG).await.says(),
            "killed by signal 9: aside"
        );
    }

    #[tokio::test]
    async fn the_environment_is_not_handed_on() {
        let outcome = sh("env | sed 's/=.*//' | sort | tr '\\n' ' '", "", LONG).await;
        assert!(
            !outcome.output.contains("HOME") && !outcome.output.contains("CARGO"),
            "{outcome:?}"
        );
    }

    #[tokio::test]
    async fn output_without_end_is_cut_and_does_not_block() {
        let outcome = sh("yes | head -c 1000000", "", LONG).await;
        assert_eq!((outcome.ending, outcome.output.len()), (Ending::Exit(0), KEPT_OUTPUT));
    }

    #[tokio::test]
    async fn the_time_limit_takes_the_children_along() {
        let script = "sleep 600 & echo $!; wait";
        let outcome = sh(script, "", Duration::from_millis(200)).await;
        assert_eq!(outcome.ending, Ending::TimedOut);
        let child = Pid::from_raw(outcome.first_line().parse().unwrap());
        // It dies a moment after the signal, and is reaped by whoever inherited it.
        let gone = || {
            let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z")
        };
        let dying = async {
            while !gone() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, dying).await.unwrap();
    }

    #[tokio::test]
    async fn something_left_running_does_not_hold_the_answer_up() {
        let outcome = sh("sleep 5 & echo done", "", LONG).await;
        assert_eq!((outcome.ending, outcome.first_line().as_str()), (Ending::Exit(0), "done"));
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error() {
        let call = Call {
            program: Path::new("/no/such/program"),
            arguments: &[],
            input: b"",
            time_limit: LONG,
        };
        assert!(run(call).await.is_err());
    }
}

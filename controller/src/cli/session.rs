//! What every command has at hand: where output goes, which controller, how long to wait.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use wavegate_common::Millis;

use super::client::Client;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::Output;
use super::root::Global;

/// How long one call to the controller may take if nobody says otherwise.
const CALL: Millis = Millis::secs(30);

/// One run of a command.
#[derive(Debug)]
pub struct Session {
    /// Where data and talk go.
    pub output: Output,
    context: Option<PathBuf>,
    /// As given; commands that wait have no limit without it.
    pub timeout: Option<Millis>,
}

impl Session {
    /// From the options.
    #[must_use]
    pub fn new(global: &Global, output: Output) -> Self {
        Self { output, context: global.context.clone(), timeout: global.timeout }
    }

    /// The context file as given, if one was.
    #[must_use]
    pub fn context_file(&self) -> Option<&Path> {
        self.context.as_deref()
    }

    /// How long one call may take.
    #[must_use]
    pub fn call_limit(&self) -> Duration {
        Duration::from_millis(self.timeout.unwrap_or(CALL).0)
    }

    /// A client of the controller that the context names.
    ///
    /// # Errors
    /// If there is no usable context, or the controller cannot be reached.
    pub async fn client(&self) -> Result<Client, Failure> {
        let file = Context::find(self.context_file())?;
        let context = Context::load(&file)?;
        Client::connect(&context, self.call_limit()).await
    }

    /// Runs something that waits, on this thread, within the limit of one call.
    ///
    /// # Errors
    /// Whatever it says, or that the limit passed.
    pub fn block_on<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let limit = self.call_limit();
        self.block_on_unlimited(async {
            tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
                let span = Millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
                Err(Failure::new(Exit::TimedOut, format!("there was no answer within {span}"))
                    .next(
                        "give it longer with `--timeout`; nothing is half done: ask again to see",
                    ))
            })
        })
    }

    /// As [`Session::block_on`], for work that keeps its own limits.
    ///
    /// # Errors
    /// Whatever it says.
    pub fn block_on_unlimited<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        runtime()?.block_on(work)
    }
}

/// Resolves when the process is asked to stop by SIGTERM or SIGINT.
///
/// # Errors
/// If signals cannot be listened for.
pub fn asked_to_stop() -> Result<impl Future<Output = ()> + Send, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, "cannot listen for signals").caused_by(&error)
    };
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// One thread is plenty for a command.
///
/// # Errors
/// If the system refuses what a runtime needs.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::new(Exit::Failed, "cannot start the asynchronous runtime").caused_by(&error)
    })
}

//! The agent's program: reads the command line, sets the log up, and hands over to the library.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing::level_filters::LevelFilter;
use wavegate_agent::cli::{Cli, Exit};

/// Threads beside the main one only read files; they need little.
const THREAD_STACK: usize = 256 * 1024;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.log());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_stack_size(THREAD_STACK)
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::NotWell.into()
        }
    }
}

/// The journal adds the time itself.
fn start_log(level: LevelFilter) {
    let on_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(on_terminal)
        .with_target(false);
    if on_terminal { log.init() } else { log.without_time().init() }
}

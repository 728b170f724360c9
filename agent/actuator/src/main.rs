//! Serves the connection on standard input and ends. systemd starts one of these per connection.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal};
use wavegate_actuator::peer::Allowed;
use wavegate_actuator::power::ThisMachine;
use wavegate_actuator::{Actuator, Tree, Verbs, WatchdogPolicy, serve};

const USAGE: &str = "usage: wavegate-actuator --verbs=boot|install \
                     [--watchdog=require|if-active|ignore]\n\
                     Serves one request of the agent on the socket that is its standard input.";

struct Settings {
    verbs: Verbs,
    watchdog: WatchdogPolicy,
}

fn main() -> ExitCode {
    let settings = match settings(std::env::args().skip(1)) {
        Ok(Some(settings)) => settings,
        Ok(None) => return ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("wavegate-actuator: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(why) = run(&settings) {
        eprintln!("wavegate-actuator: {why}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// `None` if the question was answered already.
fn settings(arguments: impl Iterator<Item = String>) -> Result<Option<Settings>, String> {
    let mut verbs = None;
    let mut watchdog = WatchdogPolicy::default();
    for argument in arguments {
        match argument.split_once('=') {
            Some(("--verbs", value)) => verbs = Some(value.parse()?),
            Some(("--watchdog", value)) => watchdog = value.parse()?,
            None if argument == "--help" => {
                println!("{USAGE}");
                return Ok(None);
            }
            None if argument == "--version" => {
                println!("wavegate-actuator {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            _ => return Err(format!("unknown argument `{argument}`")),
        }
    }
    let verbs = verbs.ok_or("--verbs is missing")?;
    Ok(Some(Settings { verbs, watchdog }))
}

fn run(settings: &Settings) -> Result<(), String> {
    if settings.verbs == Verbs::Install {
        // A package manager that is under way is brought to its end; systemd waits for that.
        let mut stop = SigSet::empty();
        stop.add(Signal::SIGTERM);
        stop.thread_block().map_err(|e| format!("cannot hold back SIGTERM: {e}"))?;
    }
    let input = std::io::stdin().as_fd().try_clone_to_owned();
    let socket = UnixStream::from(input.map_err(|e| format!("standard input is closed: {e}"))?);
    let actuator = Actuator::new(Tree::at("/"), ThisMachine, settings.watchdog);
    serve(socket, Allowed::on_this_host(), settings.verbs, &actuator).map_err(|e| e.to_string())
}

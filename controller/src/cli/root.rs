//! The tree of commands and the options that hold for all of them.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use wavegate_common::Millis;

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Colour, Format, Output};
use super::session::Session;
use super::{
    alert, audit, completion, controller, demo, gate, host, kernel, man, operator, rollout, signal,
    token, topics, version,
};

/// Moves a fleet of Linux hosts from one kernel to the next, and stops when it should.
#[derive(Debug, Parser)]
#[command(
    name = "wavegate",
    version,
    propagate_version = false,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Try it without any host: `wavegate demo`\nExit codes: `wavegate help exit-codes`; a rollout's file: `wavegate help rollout-spec`"
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that hold for every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Shape of the data on stdout; json and yaml are stable. Without it table, for `gate` json
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    pub output: Option<Format>,
    /// Client context: which controller, and as whom. Without it the one in
    /// ~/.config/wavegate/context.yaml, else ./wavegate-data/admin.yaml
    #[arg(long, global = true, value_name = "FILE", env = super::context::VARIABLE, hide_env_values = true)]
    pub context: Option<PathBuf>,
    /// Give up after this long, as in `90s` or `1h`. Without it 30s; a watch has no limit but
    /// gives up on a controller that cannot be reached for 5m
    #[arg(long, global = true, value_name = "SPAN")]
    pub timeout: Option<Millis>,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Colour,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Why somebody changes something; every change needs it.
#[derive(Debug, Clone, Args)]
pub struct Reason {
    /// Why you do this; it goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say why: the text goes into the audit log".to_owned()),
        text if text.len() > 1_000 => Err("use at most 1,000 bytes".to_owned()),
        text => Ok(text.to_owned()),
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a controller, back it up, check its configuration
    #[command(subcommand)]
    Controller(controller::Command),
    /// Tokens with which hosts and operators join
    #[command(subcommand)]
    Token(token::Command),
    /// Become an operator of a controller
    #[command(subcommand)]
    Operator(operator::Command),
    /// Hosts: what they run, and why they do not move
    #[command(subcommand)]
    Host(host::Command),
    /// Kernels that may be rolled out
    #[command(subcommand)]
    Kernel(kernel::Command),
    /// Rollouts: plan, apply, watch, stop, roll back
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// The gate's statistics: on plain files, and behind the verdicts of rollouts
    #[command(subcommand)]
    Gate(gate::Command),
    /// Incidents: what people are told, and whether it reached them
    #[command(subcommand)]
    Alert(alert::Command),
    /// Signals of outside sources: what they say about hosts now
    #[command(subcommand)]
    Signal(signal::Command),
    /// Who did what, when and why
    #[command(subcommand)]
    Audit(audit::Command),
    /// The whole thing with simulated hosts on this machine: no root, no network
    Demo(demo::Demo),
    /// Print a completion script for a shell
    Completion(completion::Completion),
    /// Print or write the manual pages
    Man(man::Man),
    /// Help for a command, or one of the pages exit-codes and rollout-spec
    Help(topics::Help),
    /// Print the version
    Version(version::Version),
}

/// Runs the command of this process's arguments and says how it ended.
#[must_use]
pub fn main() -> Exit {
    run(std::env::args_os())
}

/// Runs a command line.
pub fn run<I, T>(words: I) -> Exit
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return refuse(error),
    };
    let output = Output::new(cli.global.output, cli.global.color, cli.global.quiet);
    match dispatch(cli.command, &Session::new(&cli.global, output)) {
        Ok(exit) => exit,
        Err(failure) => {
            let _ = write!(io::stderr(), "{}", failure.render(output.talk_colour));
            failure.exit()
        }
    }
}

fn dispatch(command: Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Controller(command) => controller::run(command, session),
        Command::Token(command) => token::run(&command, session),
        Command::Operator(command) => operator::run(&command, session),
        Command::Host(command) => host::run(&command, session),
        Command::Kernel(command) => kernel::run(&command, session),
        Command::Rollout(command) => rollout::run(&command, session),
        Command::Gate(command) => gate::run(&command, session),
        Command::Alert(command) => alert::run(&command, session),
        Command::Signal(command) => signal::run(&command, session),
        Command::Audit(command) => audit::run(&command, session),
        Command::Demo(args) => demo::run(&args, session),
        Command::Completion(args) => completion::run(&args),
        Command::Man(args) => man::run(&args, session),
        Command::Help(args) => topics::run(&args),
        Command::Version(_) => version::run(session),
    }
}

/// The tree for completions, manual pages and help.
#[must_use]
pub fn tree() -> clap::Command {
    Cli::command()
}

/// Prints what clap says, with a word more where its own does not tell why.
fn refuse(mut error: clap::Error) -> Exit {
    if let Some(tip) = tip(&error) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Ok }
}

fn tip(error: &clap::Error) -> Option<&'static str> {
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let wants_reason = missing.iter().any(|arg| arg.starts_with("--reason"));
    (error.kind() == ErrorKind::MissingRequiredArgument && wants_reason).then_some(
        "whoever changes something says why: the reason goes into the audit log, \
         as in --reason 'CVE-2026-1234'",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(words: &[&str]) -> String {
        let mut error = Cli::try_parse_from(words).unwrap_err();
        if let Some(tip) = tip(&error) {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
        error.to_string()
    }

    #[test]
    fn the_tree_holds_together() {
        tree().debug_assert();
    }

    #[test]
    fn help_is_as_agreed() {
        use crate::cli::render::samples::golden;
        let mut tree = tree().term_width(100);
        tree.build();
        let mut open = vec![tree];
        let mut all = String::new();
        while let Some(mut command) = open.pop() {
            let name = command.get_bin_name().unwrap_or("wavegate").to_owned();
            // The global options are the same everywhere: once is enough.
            let hide = if name == "wavegate" { "" } else { "Global options:" };
            let help = command.render_help().to_string();
            let own =
                if hide.is_empty() { &help[..] } else { help.split(hide).next().unwrap_or("") };
            all.push_str(&format!("==== {name}\n{}\n", own.trim_end()));
            let mut below: Vec<_> = command.get_subcommands().cloned().collect();
            below.reverse();
            open.extend(below);
        }
        golden("help", &all);
    }

    #[test]
    fn every_change_asks_for_a_reason_and_says_why() {
        for words in [
            &["wavegate", "host", "hold", "a"][..],
            &["wavegate", "host", "release", "a"],
            &["wavegate", "host", "exclude", "a"],
            &["wavegate", "rollout", "pause", "r1"],
            &["wavegate", "rollout", "resume", "r1"],
            &["wavegate", "rollout", "abort", "r1"],
            &["wavegate", "rollout", "rollback", "r1"],
            &["wavegate", "rollout", "approve", "r1"],
            &["wavegate", "rollout", "apply", "-f", "x"],
            &["wavegate", "token", "create", "--name", "x"],
            &["wavegate", "token", "revoke", "x"],
            &["wavegate", "kernel", "add", "x", "--kernel", "6.1", "--package", "p"],
        ] {
            let text = refusal(words);
            assert!(text.contains("--reason"), "{words:?}: {text}");
            assert!(text.contains("audit log"), "{words:?}: {text}");
        }
    }

    #[test]
    fn an_empty_selector_is_an_error() {
        for words in [
            &["wavegate", "host", "list", "-l", ""][..],
            &["wavegate", "host", "hold", "-l", " ", "--reason", "x"],
        ] {
            let text = refusal(words);
            assert!(text.contains("to choose every host, write `*`"), "{text}");
            assert_eq!(run(words), Exit::Usage);
        }
    }

    #[test]
    fn an_empty_reason_is_no_reason() {
        let text = refusal(&["wavegate", "host", "hold", "a", "--reason", "  "]);
        assert!(text.contains("say why"), "{text}");
    }
}

//! `wavegate-agent status`

use std::path::Path;

use anyhow::Context;

use super::Exit;
use super::output::{Output, print_json, settings};
use crate::daemon::{LinkState, StatusFile};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// In which form
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &Args, config: &Path) -> anyhow::Result<Exit> {
    let settings = match settings(config) {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let path = StatusFile::path(&settings.state_dir);
    let status = StatusFile::read(&settings.state_dir).with_context(|| {
        format!(
            "cannot read {}; is the agent running: `systemctl status wavegate-agent`",
            path.display()
        )
    })?;
    let alive = Path::new(&format!("/proc/{}", status.pid)).exists();
    if args.output == Output::Json {
        print_json(&status)?;
    } else {
        print(&status, alive);
    }
    let up = matches!(status.link, LinkState::Up { .. });
    Ok(if alive && up { Exit::Well } else { Exit::NotWell })
}

fn print(status: &StatusFile, alive: bool) {
    let report = &status.report;
    let link = match &status.link {
        LinkState::Up { .. } => "up".to_owned(),
        LinkState::Down { reason, .. } => format!("down: {reason}"),
    };
    println!("agent      {} {}", status.version, if alive { "running" } else { "not running" });
    println!("host       {} ({})", report.name, report.host);
    println!("link       {link}");
    println!("doing      {}", status.doing);
    println!("kernel     {}", report.boot.kernel);
    println!("health     {:?}", report.health.state);
    for check in report.health.checks.iter().filter(|check| !check.ok) {
        println!("           {}: {}", check.name, check.detail);
    }
    if let Some(transaction) = &report.transaction {
        println!(
            "order      {} to {}: {:?}",
            transaction.command, transaction.target, transaction.step
        );
    }
    for reason in &report.guard {
        println!("guard      {reason}");
    }
    for reason in &report.no_kexec {
        println!("no kexec   {reason}");
    }
}

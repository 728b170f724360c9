//! `wavegate-agent check`

use std::path::Path;

use wavegate_common::HealthState;

use super::Exit;
use super::output::{Output, print_json, settings};
use crate::health::{UnitBaseline, check};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// In which form
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: Args, config: &Path) -> anyhow::Result<Exit> {
    let settings = match settings(config) {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let baseline = UnitBaseline::load(&settings.state_dir);
    let health = check(&settings.health, baseline.as_ref()).await;
    if args.output == Output::Json {
        print_json(&health)?;
    } else {
        for check in &health.checks {
            println!(
                "{:<6} {:<20} {}",
                if check.ok { "ok" } else { "failed" },
                check.name,
                check.detail
            );
        }
        println!(
            "{}",
            match health.state {
                HealthState::Healthy => "healthy",
                HealthState::Unhealthy => "unhealthy",
                HealthState::Unknown => "unknown: no check is configured, and none is no pass",
            }
        );
    }
    Ok(if health.state == HealthState::Healthy { Exit::Well } else { Exit::NotWell })
}

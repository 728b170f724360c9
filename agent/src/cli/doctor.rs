//! `wavegate-agent doctor`

use std::path::Path;

use wavegate_common::actuator::{Answer, Capabilities, Request};

use super::Exit;
use super::output::{Output, print_json, settings};
use crate::act::Actuator;
use crate::config::Settings;
use crate::daemon::identity_dir;
use crate::doctor::{Level, Patient, examine, worst};
use crate::link::Identity;
use crate::observe::{boot_facts, guard};
use crate::root::Root;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// In which form
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: Args, config: &Path, root: &Root) -> anyhow::Result<Exit> {
    let settings = match settings(config) {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let patient = Patient {
        root,
        capabilities: capabilities(&settings, root).await,
        enrolled: Identity::load(&identity_dir(&settings)).map(drop).map_err(|e| e.to_string()),
        observe: settings.observe,
        guard: guard(root, &settings.guard),
        hooks: vec![&settings.hooks.drain, &settings.hooks.undrain, &settings.health.scripts],
    };
    let items = examine(&patient);
    if args.output == Output::Json {
        print_json(&items)?;
    } else {
        for item in &items {
            println!("{:<5} {:<14} {}", item.level, item.name, item.found);
            if !item.todo.is_empty() {
                println!("{:<5} {:<14} -> {}", "", "", item.todo);
            }
        }
    }
    Ok(if worst(&items) == Level::Bad { Exit::NotWell } else { Exit::Well })
}

/// The running kernel's image is loaded for kexec and unloaded again, because only trying tells
/// whether a locked-down kernel would take it.
async fn capabilities(settings: &Settings, root: &Root) -> Result<Capabilities, String> {
    let dry_run = boot_facts(root).ok().map(|boot| boot.kernel);
    let actuator = Actuator::in_dir(&settings.actuator_dir);
    match actuator.ask(&Request::Probe { dry_run }).await {
        Ok(Answer::Probed(found)) => Ok(*found),
        Ok(_) => Err("the actuator answered with something else".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

//! Starts the controller of a demo and raises its hosts.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use wavegate_agent::machine::MachineConfig;
use wavegate_common::Millis;
use wavegate_simfleet::{EPOCH, Fleet, HostProfile, Timing};

use super::controller::ControllerProcess;
use super::driver::World;
use super::fleet::{measured, raise, settled};
use super::ground::Ground;
use super::recipe;
use super::show::Show;
use super::stage::Stage;
use super::story::Settings;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::render::time;

/// Starts controller and hosts.
pub(super) async fn set(
    settings: &Settings,
    output: &Output,
    dir: &Path,
) -> Result<Stage, Failure> {
    let scenario = settings.scenario.unwrap_or_default();
    let mut profiles = Fleet::demo(settings.hosts, settings.seed).profiles;
    let clock_offset = time::now().0.saturating_sub(EPOCH.0);
    for profile in &mut profiles {
        profile.clock_offset = clock_offset;
        profile.timing = Timing::default().faster(settings.speed);
        profile.config = MachineConfig {
            min_reboot_gap: Millis(0),
            permit_retry: Millis(500),
            ..profile.config
        };
    }
    let mut racks: Vec<String> =
        profiles.iter().filter_map(|p| p.labels.get("rack").cloned()).collect();
    racks.dedup();
    let classes: BTreeSet<_> = profiles.iter().map(HostProfile::class).collect();
    let head = format!(
        "wavegate demo · {} · seed {} · {} hosts of {} classes in {} racks\n{}",
        scenario.name(),
        settings.seed,
        settings.hosts,
        classes.len(),
        racks.len(),
        scenario.says()
    );
    let mut show = Show::new(output, head, racks);
    let kernel = recipe::release().kernel;
    let (physics, _) = scenario.prepare(&mut profiles, &kernel, settings.seed);
    let rack = scenario.rack(&profiles, settings.seed);
    let disks = scenario.disks(&profiles, &kernel, settings.seed).map(Arc::new);
    let judged = disks.is_some();

    let controller = ControllerProcess::start(dir, settings).await?;
    show.event(&format!("the controller listens on {}", controller.address()));
    let mut client = controller.client().await?;
    let keys = recipe::policy().domain_keys;
    let ground = Arc::new(Ground::new(kernel, &keys));
    let (cut, cut_seen) = watch::channel(None);
    let world = World {
        begun: Instant::now(),
        controller: controller.address(),
        ground: Arc::clone(&ground),
        cut: cut_seen,
        seed: settings.seed,
        disks,
    };
    let ca_pem = ca(&controller)?;
    let hosts =
        raise(profiles, &Arc::new(physics), settings.seed, &ca_pem, &client, &world).await?;
    show.event(&format!("{} hosts have enrolled, each with its own token and key", hosts.len()));
    settled(&mut client, settings.hosts, |_| {}).await?;
    show.event("every host has reported that it is well");
    if judged {
        measured(&mut client).await?;
        show.event("every host has measured its disks for a while");
    }
    let seed = settings.seed;
    Ok(Stage { scenario, seed, controller, ground, judged, cut, rack, show, hosts })
}

fn ca(controller: &ControllerProcess) -> Result<String, Failure> {
    let context = Context::load(&controller.context_file())?;
    std::fs::read_to_string(&context.ca).map_err(|error| {
        Failure::new(Exit::Failed, "the demo's controller has no CA certificate").caused_by(&error)
    })
}

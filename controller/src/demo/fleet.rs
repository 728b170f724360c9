//! The hosts of a demo: enrolled one by one with single-use tokens, as real hosts are.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use wavegate_agent::link::{Enrolment, Identity, Trust, enroll};
use wavegate_common::order::stable_hash;
use wavegate_common::view::TokenBinding;
use wavegate_common::{HealthState, Millis};
use wavegate_proto::operator::ask::{CreateToken, GetBaseline, ListHosts};
use wavegate_simfleet::{HostProfile, Physics, SimHost};

use super::driver::{Driver, World};
use crate::cli::client::{Client, reason};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Hosts that enrol at the same time.
const AT_ONCE: usize = 12;
/// Hosts power up over this span.
const POWER_UP: Duration = Duration::from_millis(1_500);
/// How long until all of them have reported, also on a busy machine.
const SETTLED: Duration = Duration::from_secs(90);

/// Enrols every host and sets it going. The hosts live as long as the set of tasks.
pub(super) async fn raise(
    profiles: Vec<HostProfile>,
    physics: &Arc<Physics>,
    seed: u64,
    ca_pem: &str,
    client: &Client,
    world: &World,
) -> Result<JoinSet<()>, Failure> {
    let mut hosts = JoinSet::new();
    let mut enrolling: JoinSet<Result<(HostProfile, Identity), Failure>> = JoinSet::new();
    let mut waiting = profiles.into_iter();
    loop {
        while enrolling.len() < AT_ONCE
            && let Some(profile) = waiting.next()
        {
            let (client, controller) = (client.clone(), world.controller.clone());
            enrolling.spawn(admit(profile, client, controller, ca_pem.to_owned()));
        }
        let Some(done) = enrolling.join_next().await else { return Ok(hosts) };
        let (mut profile, identity) = done.map_err(|error| {
            Failure::new(Exit::Failed, "a host's enrolment did not end").caused_by(&error)
        })??;
        profile.id = identity.host;
        let spread = u64::try_from(POWER_UP.as_millis()).unwrap_or(1);
        let pause = stable_hash(seed, &[profile.id.0]) % spread.max(1);
        let host = SimHost::new(profile, Arc::clone(physics), seed);
        let driver = Driver::new(host, identity, world.clone());
        hosts.spawn(driver.run(Duration::from_millis(pause)));
    }
}

/// A token for the host, and the host's key signed against it.
async fn admit(
    profile: HostProfile,
    mut client: Client,
    controller: String,
    ca_pem: String,
) -> Result<(HostProfile, Identity), Failure> {
    let ask = CreateToken {
        binding: TokenBinding::Host { name: profile.name.clone() },
        life: Millis::mins(10),
        reason: reason("a host of the demo")?,
    };
    let made = client
        .calls
        .create_token(&ask)
        .await
        .map_err(|status| client.failed(format!("no token for {}", profile.name), &status))?;
    let identity = enroll(Enrolment {
        controller,
        token: made.secret,
        name: profile.name.clone(),
        labels: profile.labels.clone(),
        trust: Trust::CaPem(ca_pem),
    })
    .await
    .map_err(|error| {
        Failure::new(Exit::Failed, format!("{} cannot enrol", profile.name)).caused_by(&error)
    })?;
    Ok((profile, identity))
}

/// Slots that each host must have measured before anything moves.
const MEASURED: u64 = 4;

/// Waits until hosts have measured themselves for some slots. The last to have come up speaks
/// for all.
pub(super) async fn measured(client: &mut Client) -> Result<(), Failure> {
    let begun = Instant::now();
    let ask = ListHosts { selector: None, after: None, limit: 10_000 };
    let page = client
        .calls
        .list_hosts(&ask)
        .await
        .map_err(|status| client.failed("cannot list the demo's hosts", &status))?;
    for host in page.hosts.iter().step_by(12) {
        loop {
            let ask = GetBaseline { host: host.id.to_string(), metrics: Vec::new() };
            let known = client
                .calls
                .get_baseline(&ask)
                .await
                .map_err(|status| client.failed("cannot read a host's baselines", &status))?;
            if known.boots.first().is_some_and(|boot| boot.slots >= MEASURED) {
                break;
            }
            if begun.elapsed() > SETTLED {
                return Err(Failure::new(Exit::Failed, "the demo's hosts do not measure anything")
                    .because(format!("{} has sent too few slots", host.name)));
            }
            sleep(Duration::from_millis(300)).await;
        }
    }
    Ok(())
}

/// Waits until every host has reported that it is well. `tell` hears how many have.
pub(super) async fn settled(
    client: &mut Client,
    hosts: usize,
    mut tell: impl FnMut(usize),
) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        let ask = ListHosts { selector: None, after: None, limit: 10_000 };
        let page = client
            .calls
            .list_hosts(&ask)
            .await
            .map_err(|status| client.failed("cannot list the demo's hosts", &status))?;
        let well = page.hosts.iter().filter(|host| host.health == HealthState::Healthy).count();
        tell(well);
        if well == hosts {
            return Ok(());
        }
        if begun.elapsed() > SETTLED {
            return Err(Failure::new(Exit::Failed, "the demo's hosts did not all come up")
                .because(format!("{well} of {hosts} have reported that they are well")));
        }
        sleep(Duration::from_millis(200)).await;
    }
}

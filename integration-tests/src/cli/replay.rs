//! `fleet-sim replay`.

use wavegate_common::Millis;
use wavegate_simfleet::Moment;

use super::args::Size;
use crate::sim::World;

/// Runs one seed and prints its trace. Returns whether no invariant was broken.
pub(super) fn replay(
    seed: u64,
    size: Size,
    until: Option<Millis>,
    why: Option<&str>,
) -> anyhow::Result<bool> {
    let mut world = World::new(size.options(seed), true);
    if let Some(name) = why {
        anyhow::ensure!(world.place(name).is_some(), "there is no host `{name}` in this seed");
    }
    let fine = match until {
        Some(span) => world.run_until(Moment(0).after(span)),
        None => world.run_to_end(),
    };
    for line in world.take_lines() {
        if why.is_none() || line.host.is_none() || line.host.as_deref() == why {
            println!("{line}");
        }
    }
    if let Some(name) = why {
        print!("{}", world.explain(name));
    }
    print!("{}", world.summary());
    match world.violation() {
        Some(violation) => println!("VIOLATION {violation}"),
        None => println!("hash {:016x}", world.hash()),
    }
    Ok(fine)
}

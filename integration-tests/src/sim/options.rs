//! What one seed chooses: how large the fleet, how bad the network, what breaks and how often.

use wavegate_common::order::stable_hash;
use wavegate_common::spec::{Bound, Budget, CanaryRule, Share, Wave};
use wavegate_common::{
    BootMethod, Freeze, JudgeRule, KernelRelease, Millis, Release, ReleaseName, ReleaseSource,
    RollbackRule, RolloutSpec,
};
use wavegate_core::Policy;
use wavegate_simfleet::{Dice, KernelBehaviour, Moment, Span};

use super::network::Weather;

/// Everything that differs from run to run. All of it follows from the seed.
#[derive(Debug, Clone)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// Machines.
    pub hosts: usize,
    /// Classes among them, at most.
    pub classes: usize,
    /// Controllers at once: 1 or 2.
    pub controllers: usize,
    /// When everything that can be mended is.
    pub heal_at: Moment,
    /// When the run ends and the fleet must have come to rest.
    pub end: Moment,
    /// The network until then.
    pub weather: Weather,
    /// Chance that a controller dies between two steps, in millionths.
    pub die_ppm: u32,
    /// Chance that it freezes there for up to half an hour, in millionths.
    pub freeze_ppm: u32,
    /// Share of messages to hosts that forgeries follow, in millionths.
    pub forge_ppm: u32,
    /// Chance that a host is struck at its weakest moment, in millionths.
    pub ambush_ppm: u32,
    /// How often each kind of fault strikes until then.
    pub faults: FaultCounts,
    /// How many things people do, besides applying rollouts.
    pub operator_acts: u32,
    /// How long a controller waits for more news before it decides.
    pub debounce: Millis,
    /// How often it decides without news.
    pub idle: Millis,
    /// How often agents send a heartbeat.
    pub heartbeat: Millis,
    /// The agents' limit on reboots by order.
    pub min_reboot_gap: Millis,
    /// What holds for every rollout.
    pub policy: Policy,
    /// The rollouts, with when they are applied.
    pub rollouts: Vec<(Moment, Wanted)>,
}

/// How often each kind of fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounts {
    /// Agents that die.
    pub agent_crashes: u32,
    /// Ledger writes cut short, the agent dying with them.
    pub torn_writes: u32,
    /// Hosts that go down unasked.
    pub host_crashes: u32,
    /// Racks cut off.
    pub rack_partitions: u32,
    /// Times that most hosts are cut off.
    pub wide_partitions: u32,
    /// Clocks of hosts that jump.
    pub host_clocks: u32,
    /// Clocks of controllers that jump.
    pub controller_clocks: u32,
    /// Controllers killed at any moment.
    pub kills: u32,
    /// Databases replaced by an older copy.
    pub restores: u32,
    /// Ledgers that go bad in the middle.
    pub rotten_ledgers: u32,
    /// Hosts whose checks, hooks, disks or guards complain for a while.
    pub complaints: u32,
    /// Hosts whose firmware cannot clear its one-shot boot entry.
    pub sticky_entries: u32,
}

/// A rollout that somebody will apply.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What is asked for.
    pub spec: RolloutSpec,
    /// The release it names.
    pub release: Release,
    /// What its kernel does, and on which share of hosts, in millionths.
    pub behaviour: (KernelBehaviour, Breadth),
}

/// Where a kernel misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// On every host of the class of this number.
    Class(usize),
    /// On this share of all hosts, in millionths.
    Share(u32),
}

/// A package of this name for this kernel.
#[must_use]
pub fn release(kernel: &str) -> Release {
    Release {
        name: ReleaseName::from(kernel),
        kernel: KernelRelease::from(kernel),
        source: ReleaseSource::Package { package: format!("linux-image-{kernel}"), version: None },
        append: Vec::new(),
    }
}

/// A specification with limits that fit simulated hosts.
#[must_use]
pub fn spec(name: &str, release: &Release, selector: &str) -> Option<RolloutSpec> {
    Some(RolloutSpec {
        name: name.to_owned(),
        release: release.name.clone(),
        selector: selector.parse().ok()?,
        canary: CanaryRule { per_class: 2, at_least: 1, waive: Vec::new() },
        waves: [50_000, 250_000, 1_000_000].map(|ppm| Wave(Share(ppm))).to_vec(),
        holdback: Share(10_000),
        bake: Millis::mins(8),
        gate: wavegate_common::GateRule::default(),
        judge: None,
        signals: Vec::new(),
        budgets: Vec::new(),
        windows: Vec::new(),
        method: BootMethod::Auto,
        limits: wavegate_common::spec::Limits {
            drain: Millis::mins(4),
            boot: Millis::mins(10),
            verify: Millis::mins(6),
            soak: Millis::secs(60),
            order: Millis::mins(5),
        },
        rollback: RollbackRule::Manual,
    })
}

impl Options {
    /// A fleet on which nothing goes wrong unless somebody makes it.
    #[must_use]
    pub fn calm(seed: u64, hosts: usize, end: Moment) -> Self {
        Self {
            seed,
            hosts,
            classes: 4,
            controllers: 1,
            heal_at: end,
            end,
            weather: Weather::FAIR,
            die_ppm: 0,
            freeze_ppm: 0,
            forge_ppm: 0,
            ambush_ppm: 0,
            faults: FaultCounts::default(),
            operator_acts: 0,
            debounce: Millis::secs(1),
            idle: Millis::secs(10),
            heartbeat: Millis::secs(15),
            min_reboot_gap: Millis(0),
            policy: Policy::default(),
            rollouts: Vec::new(),
        }
    }

    /// What this seed chooses for a run in which guards are taken away: as a swarm, but with
    /// more of what only guards keep from doing harm.
    #[must_use]
    pub fn provoking(seed: u64, hosts: usize, hours: u64) -> Self {
        let mut options = Self::swarm(seed, hosts, hours);
        options.forge_ppm = options.forge_ppm.max(50_000);
        options.ambush_ppm = 40_000;
        if seed.is_multiple_of(2) {
            options.min_reboot_gap = Millis::hours(6);
        }
        options.faults.torn_writes += 60;
        options.faults.rotten_ledgers += 4;
        options.faults.complaints += 30;
        options.faults.sticky_entries += 40;
        options.faults.agent_crashes += 20;
        options.faults.wide_partitions += 1;
        options
    }

    /// What this seed chooses for a run of so many hosts and hours.
    #[must_use]
    pub fn swarm(seed: u64, hosts: usize, hours: u64) -> Self {
        let mut dice = Dice::new(seed).fork(0x5a);
        let end = Moment(Millis::hours(hours).0);
        let mut options = Self::calm(seed, hosts, end);
        options.heal_at = Moment(end.0 * dice.between(40, 55) / 100);
        options.classes = usize::try_from(dice.between(2, 12)).unwrap_or(2);
        options.controllers = if dice.chance(350_000) { 2 } else { 1 };
        options.weather = weather(&mut dice);
        options.debounce = Millis::secs(dice.between(3, 8));
        options.idle = Millis::secs(dice.between(20, 40));
        options.die_ppm = rare(&mut dice, 500_000, 3_000);
        options.freeze_ppm = rare(&mut dice, 400_000, 2_000);
        options.forge_ppm = rare(&mut dice, 250_000, 100_000);
        options.ambush_ppm = rare(&mut dice, 200_000, 20_000);
        options.operator_acts = rare(&mut dice, 600_000, 8);
        let gaps = [Millis(0), Millis::mins(20), Millis::hours(6)];
        options.min_reboot_gap = dice.pick(&gaps).copied().unwrap_or_default();
        options.faults = faults(&mut dice);
        options.policy = policy(&mut dice, hosts, seed, options.classes);
        options.rollouts = rollouts(&mut dice, &options);
        options
    }
}

/// Zero, or with some probability a number up to `most`: swarm testing leaves whole features out
/// so that others come further.
fn rare(dice: &mut Dice, ppm: u32, most: u32) -> u32 {
    if !dice.chance(ppm) {
        return 0;
    }
    u32::try_from(dice.between(1, u64::from(most))).unwrap_or(most)
}

fn weather(dice: &mut Dice) -> Weather {
    Weather {
        loss_ppm: rare(dice, 600_000, 50_000),
        double_ppm: rare(dice, 600_000, 30_000),
        late_ppm: rare(dice, 600_000, 20_000),
        delay: Span::millis(1, dice.between(20, 2_500)),
    }
}

fn faults(dice: &mut Dice) -> FaultCounts {
    FaultCounts {
        agent_crashes: rare(dice, 600_000, 60),
        torn_writes: rare(dice, 500_000, 40),
        host_crashes: rare(dice, 400_000, 12),
        rack_partitions: rare(dice, 400_000, 3),
        wide_partitions: rare(dice, 250_000, 2),
        host_clocks: rare(dice, 300_000, 20),
        controller_clocks: rare(dice, 150_000, 2),
        kills: rare(dice, 500_000, 10),
        restores: rare(dice, 200_000, 1),
        rotten_ledgers: rare(dice, 150_000, 3),
        complaints: rare(dice, 500_000, 20),
        sticky_entries: rare(&mut dice.fork(7), 300_000, 40),
    }
}

fn policy(dice: &mut Dice, hosts: usize, seed: u64, classes: usize) -> Policy {
    let mut policy = Policy::default();
    let rack = [Bound::Count(1), Bound::Count(2), Bound::Share(Share(250_000))];
    policy.budgets = vec![Budget::PerDomain {
        key: "rack".to_owned(),
        max_down: dice.pick(&rack).copied().unwrap_or(Bound::Count(1)),
    }];
    if dice.chance(300_000) {
        policy.budgets.push(Budget::PerDomain {
            key: "power".to_owned(),
            max_down: Bound::Count(dice.between(2, 6)),
        });
    }
    if dice.chance(200_000) {
        policy.freezes.push(Freeze {
            name: "quarter end".to_owned(),
            from: Moment(Millis::mins(dice.between(20, 60)).0).wall(0),
            until: Moment(Millis::mins(dice.between(61, 100)).0).wall(0),
            selector: None,
        });
    }
    if dice.chance(200_000) {
        let fleet = wavegate_simfleet::Fleet::of_classes(hosts, classes, seed);
        policy.controller_host = dice.pick(&fleet.profiles).map(|profile| profile.id);
    }
    if dice.chance(150_000) {
        policy.approval_above = Some(10);
    }
    policy
}

fn rollouts(dice: &mut Dice, options: &Options) -> Vec<(Moment, Wanted)> {
    let first = Moment(Millis::secs(dice.between(120, 600)).0);
    let next = Moment(options.heal_at.0 * dice.between(60, 95) / 100);
    let mut out = Vec::new();
    if dice.chance(200_000) {
        out.push((first, wanted(dice, options, 1, "site=ams")));
        let number = if dice.chance(500_000) { 1 } else { 2 };
        out.push((first.after(Millis::mins(7)), wanted(dice, options, number, "site=fra")));
    } else {
        out.push((first, wanted(dice, options, 1, "*")));
    }
    if dice.chance(300_000) {
        let number = if dice.chance(400_000) { 1 } else { 3 };
        out.push((next, wanted(dice, options, number, "role in (web,db)")));
    }
    if dice.chance(50_000) {
        out.push((first, wanted(dice, options, 4, "role=nosuchrole")));
    }
    out
}

fn wanted(dice: &mut Dice, options: &Options, number: u64, selector: &str) -> Wanted {
    let release = release(&format!("6.1.0-{}-amd64", 54 + number));
    let behaviours = [
        KernelBehaviour::HangsAtBoot,
        KernelBehaviour::HangThenWatchdog { after: Millis::mins(4) },
        KernelBehaviour::Panics,
        KernelBehaviour::CrashLoop { after: Millis::secs(dice.between(20, 900)) },
        KernelBehaviour::WrongKernel,
        KernelBehaviour::Slow { by: Millis::mins(dice.between(1, 20)) },
        KernelBehaviour::BadHealth,
    ];
    let behaviour = if dice.chance(550_000) {
        KernelBehaviour::Healthy
    } else {
        dice.pick(&behaviours).copied().unwrap_or_default()
    };
    let breadth = if dice.chance(600_000) {
        Breadth::Class(usize::try_from(dice.below(options.classes as u64)).unwrap_or(0))
    } else {
        Breadth::Share(rare(dice, 1_000_000, 300_000))
    };
    // The selectors here are constants that parse; a bad one would fail every seed at once.
    let mut spec = spec(&format!("rollout-{number}"), &release, selector)
        .unwrap_or_else(|| unreachable!("the selectors of the swarm are valid"));
    spec.canary.per_class = u32::try_from(dice.between(1, 3)).unwrap_or(1);
    spec.bake = Millis::mins(dice.between(3, 10));
    spec.limits.soak = Millis::secs(dice.between(20, 90));
    spec.holdback = Share(if dice.chance(500_000) { 10_000 } else { 0 });
    let methods = [BootMethod::Auto, BootMethod::Firmware];
    spec.method = dice.pick(&methods).copied().unwrap_or_default();
    // From the seed alone, so that the other choices stay what they are.
    if stable_hash(options.seed, &[u128::from(number)]).is_multiple_of(5) {
        spec.judge = Some(JudgeRule { max_wait: Millis::mins(20), ..JudgeRule::default() });
    }
    if dice.chance(150_000) {
        spec.rollback = RollbackRule::OnGateFailure;
    }
    if dice.chance(300_000) {
        spec.budgets.push(Budget::Selected {
            selector: "role=db".parse().unwrap_or_else(|_| unreachable!("it is valid")),
            max_down: Bound::Count(dice.between(1, 3)),
        });
    }
    Wanted { spec, release, behaviour: (behaviour, breadth) }
}

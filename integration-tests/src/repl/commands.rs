//! Commands that change something.

use std::sync::Arc;

use wavegate_common::spec::{Bound, Share, Wave};
use wavegate_common::{
    BootMethod, Budget, Freeze, HostClass, HostId, Millis, RollbackRule, RolloutId, RolloutSpec,
    Selector, Window,
};
use wavegate_core::Request;
use wavegate_simfleet::{Fault, HostEvent, KernelBehaviour, Moment};

use super::parse::{Words, behaviour};
use super::session::Session;
use crate::sim::{Breadth, Options, Wanted, World, release, short_clock, spec};

/// Longer than any scenario.
const FOREVER: Moment = Moment(Millis::hours(24 * 365).0);

impl Session {
    pub(super) fn fleet(&mut self, words: &Words<'_>) -> Result<String, String> {
        let hosts = words.get("hosts")?.unwrap_or(24);
        let seed = words.get("seed")?.unwrap_or(1);
        let mut options = Options::calm(seed, hosts, FOREVER);
        options.classes = words.get("classes")?.unwrap_or(4);
        options.controllers = words.get("controllers")?.unwrap_or(1);
        let policy = &mut options.policy;
        let max_down = Bound::Count(words.get("per-rack")?.unwrap_or(2));
        policy.budgets = vec![Budget::PerDomain { key: "rack".to_owned(), max_down }];
        policy.approval_above = words.get("approval-above")?;
        if let Some(text) = words.text("freeze") {
            let (from, until) = text.split_once("..").ok_or("freeze: write `10m..30m`")?;
            let wall = |text: &str| {
                let span: Millis = text.parse().map_err(|error| format!("{error}"))?;
                Ok::<_, String>(Moment(span.0).wall(0))
            };
            let (from, until) = (wall(from)?, wall(until)?);
            policy.freezes =
                vec![Freeze { name: "release day".to_owned(), from, until, selector: None }];
        }
        let own = words.text("controller-host").map(str::to_owned);
        let mut world = World::new(options.clone(), false);
        if let Some(name) = own {
            let at = world.place(&name).ok_or_else(|| format!("there is no host `{name}`"))?;
            let id = world.hosts().nth(at as usize).map(|host| host.profile().id);
            options.policy.controller_host = id;
            world = World::new(options, false);
        }
        let classes = world.hosts().map(|host| host.class().clone());
        let classes = classes.collect::<std::collections::BTreeSet<HostClass>>().len();
        self.world = Some(world);
        self.advance(Moment(Millis::mins(6).0))?;
        Ok(format!("{hosts} hosts of {classes} classes are up\n"))
    }

    pub(super) fn release(&mut self, words: &Words<'_>) -> Result<String, String> {
        let release = release(words.word(0, "the kernel")?);
        let does = behaviour(words.text("does").unwrap_or("healthy"))?;
        let class = match words.get::<usize>("class")? {
            Some(number) => Some(self.class(number)?),
            None => None,
        };
        let share: Option<Share> = words.get("share")?;
        self.physics.rules.push(wavegate_simfleet::Rule {
            kernel: release.kernel.clone(),
            class: class.clone(),
            share_ppm: share.map_or(1_000_000, |share| share.0),
            behaviour: does,
        });
        let physics = Arc::new(self.physics.clone());
        self.world()?.set_physics(&physics);
        let mut out = format!("{} is registered", release.name);
        if does != KernelBehaviour::Healthy {
            let place = class.map_or("everywhere".to_owned(), |class| format!("on {class}"));
            let does = words.text("does").unwrap_or_default();
            out.push_str(&format!(":\n  {does} {place}"));
        }
        self.releases.push(release);
        Ok(out + "\n")
    }

    fn class(&mut self, number: usize) -> Result<HostClass, String> {
        let classes: std::collections::BTreeSet<HostClass> =
            self.world()?.hosts().map(|host| host.class().clone()).collect();
        classes.into_iter().nth(number).ok_or_else(|| format!("there is no class {number}"))
    }

    pub(super) fn rollout(&mut self, words: &Words<'_>) -> Result<String, String> {
        let name = words.word(0, "the name")?;
        let release = self.releases.last().cloned().ok_or("register a release first")?;
        let selector = words.text("selector").unwrap_or("*");
        let mut spec = spec(name, &release, selector).ok_or("the selector cannot be read")?;
        fill(&mut spec, words)?;
        let wanted =
            Wanted { spec, release, behaviour: (KernelBehaviour::Healthy, Breadth::Share(0)) };
        let world = self.world()?;
        let id = world.apply_rollout(&wanted)?;
        let rollout = world.rollouts().into_iter().find(|r| r.id == id);
        let hosts = rollout.map_or(0, |rollout| rollout.hosts.len());
        Ok(format!("{id} {name}: {hosts} hosts\n"))
    }

    pub(super) fn run(&mut self, words: &Words<'_>) -> Result<String, String> {
        let span: Millis =
            words.word(0, "the span")?.parse().map_err(|error| format!("{error}"))?;
        let to = self.world()?.now().after(span);
        let out = self.advance(to)?;
        Ok(out + &format!("it is {}\n", short_clock(to)))
    }

    /// `until paused 2h`, `until waiting class_ramp 1h`: runs until it is so, at most that long.
    pub(super) fn until(&mut self, words: &Words<'_>) -> Result<String, String> {
        let waits = words.word(0, "what for")? == "waiting";
        let wanted = words.word(usize::from(waits), "what for")?.to_owned();
        let span = words.word(1 + usize::from(waits), "how long at most")?;
        let span: Millis = span.parse().map_err(|error| format!("{error}"))?;
        let world = self.world()?;
        let last = world.now().after(span);
        loop {
            let world = self.world()?;
            let here = if waits { world.first_waiting(&wanted) } else { world.in_phase(&wanted) };
            if let Some(found) = here {
                let now = short_clock(world.now());
                return Ok(format!("it is {now}\n{found}"));
            }
            if world.now() >= last {
                return Ok(format!("not {wanted} within {span}\n"));
            }
            let next = world.now().after(Millis::secs(5));
            let out = self.advance(next)?;
            if !out.is_empty() {
                return Ok(out);
            }
        }
    }

    pub(super) fn ask(&mut self, verb: &str, words: &Words<'_>) -> Result<String, String> {
        let retry = match words.get::<usize>("retry")? {
            Some(number) => vec![self.class(number)?],
            None => Vec::new(),
        };
        let wish = match verb {
            "pause" => Request::Pause,
            "resume" => Request::Resume { retry },
            "abort" => Request::Abort,
            "rollback" => Request::Rollback,
            _ => Request::Approve,
        };
        let world = self.world()?;
        let id = last_rollout(world)?;
        world.ask(id, &wish, "for the scenario")?;
        Ok(format!("{id}: {verb} is noted\n"))
    }

    pub(super) fn about_hosts(&mut self, verb: &str, words: &Words<'_>) -> Result<String, String> {
        let world = self.world()?;
        let ids: Vec<HostId> = chosen(world, words)?
            .iter()
            .filter_map(|at| world.hosts().nth(*at as usize).map(|host| host.profile().id))
            .collect();
        let count = ids.len();
        match verb {
            "exclude" => {
                let id = last_rollout(world)?;
                world.ask(id, &Request::Exclude { hosts: ids }, "for the scenario")?;
            }
            "hold" => ids.into_iter().for_each(|id| world.hold(id, Some("a disk is replaced"))),
            _ => ids.into_iter().for_each(|id| world.hold(id, None)),
        }
        Ok(format!("{verb}: {count} hosts\n"))
    }

    pub(super) fn strike(&mut self, verb: &str, words: &Words<'_>) -> Result<String, String> {
        let world = self.world()?;
        let hosts = chosen(world, words)?;
        for at in &hosts {
            let event = match verb {
                "crash" => HostEvent::Crash,
                "power-on" => HostEvent::PowerOn,
                _ => HostEvent::AgentCrash,
            };
            world.strike(*at, event);
        }
        Ok(format!("{verb}: {} hosts\n", hosts.len()))
    }

    /// `trouble unhealthy HOST`, `trouble none HOST`.
    pub(super) fn trouble(&mut self, words: &Words<'_>) -> Result<String, String> {
        let what = words.word(0, "which trouble")?;
        let rest =
            Words { words: words.words.get(1..).unwrap_or_default().to_vec(), ..Words::of("") };
        let world = self.world()?;
        let mut hosts = chosen(world, &rest).unwrap_or_default();
        if hosts.is_empty() {
            hosts = chosen(world, words)?;
        }
        for at in &hosts {
            for fault in faults(what)? {
                world.strike(*at, HostEvent::Fault(fault));
            }
        }
        Ok(format!("{what}: {} hosts\n", hosts.len()))
    }

    pub(super) fn partition(&mut self, verb: &str, words: &Words<'_>) -> Result<String, String> {
        let world = self.world()?;
        let hosts = chosen(world, words)?;
        if verb == "mend" {
            world.reconnect(&hosts);
        } else {
            world.partition(&hosts, None);
        }
        Ok(format!("{verb}: {} hosts\n", hosts.len()))
    }

    pub(super) fn controller(&mut self, words: &Words<'_>) -> Result<String, String> {
        let what = words.word(0, "what")?;
        let at = words.word(1, "which").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let world = self.world()?;
        match what {
            "crash" => world.crash_controller(at),
            "stop" => world.stop_controller(at),
            "start" => world.start_later(at, Millis(1)),
            "second" => {
                world.add_controller();
            }
            _ => return Err(format!("`{what}` is not crash, stop, start or second")),
        }
        Ok(format!("controller {at}: {what}\n"))
    }

    pub(super) fn database(&mut self, words: &Words<'_>) -> Result<String, String> {
        let world = self.world()?;
        match words.word(0, "what")? {
            "copy" => world.copy_database(),
            "restore" => world.restore_database(),
            other => return Err(format!("`{other}` is neither copy nor restore")),
        }
        Ok("done\n".to_owned())
    }
}

fn last_rollout(world: &World) -> Result<RolloutId, String> {
    let last = world.rollouts().last().map(|rollout| rollout.id);
    last.ok_or_else(|| "there is no rollout".to_owned())
}

/// Hosts by name or by a selector.
pub(super) fn chosen(world: &World, words: &Words<'_>) -> Result<Vec<u32>, String> {
    let mut out = Vec::new();
    for name in &words.words {
        if let Some(at) = world.place(name) {
            out.push(at);
        } else if let Some(phase) = name.strip_prefix('@') {
            out.extend(in_phase(world, phase));
        } else if *name == "*" {
            out.extend((0u32..).zip(world.hosts()).map(|(at, _)| at));
        } else {
            return Err(format!("there is no host `{name}`"));
        }
    }
    for text in words.settings() {
        let selector: Selector = text.parse().map_err(|error| format!("{error}"))?;
        let all = world.hosts().zip(0u32..);
        let fits = all.filter(|(host, _)| selector.matches(&host.profile().labels));
        out.extend(fits.map(|(_, at)| at));
    }
    if out.is_empty() { Err("no host is chosen".to_owned()) } else { Ok(out) }
}

/// Hosts of the last rollout that are in a phase of this name.
fn in_phase(world: &World, phase: &str) -> Vec<u32> {
    let Some(rollout) = world.rollouts().into_iter().next_back() else { return Vec::new() };
    let all = (0u32..).zip(world.hosts());
    let here = all.filter(|(_, host)| {
        rollout.host(host.profile().id).is_some_and(|known| known.phase.name() == phase)
    });
    here.map(|(at, _)| at).collect()
}

fn faults(what: &str) -> Result<Vec<Fault>, String> {
    let text = || Some("for the scenario".to_owned());
    Ok(match what {
        "unhealthy" => vec![Fault::Unhealthy(text())],
        "guard" => vec![Fault::Guard(vec!["hold file".to_owned()])],
        "drift" => vec![Fault::Drift(vec!["sysctl net.core.somaxconn".to_owned()])],
        "drain-busy" => vec![Fault::DrainBusy(Some("the shard has no second copy".to_owned()))],
        "drain-fails" => vec![Fault::DrainFails(text())],
        "stage-fails" => vec![Fault::StageFails(Some("no space left on /boot".to_owned()))],
        "torn-write" => vec![Fault::TearNextAppend(50)],
        "dies-before-leaving" => vec![Fault::TearNextAppend(100)],
        "none" => vec![
            Fault::Unhealthy(None),
            Fault::Guard(Vec::new()),
            Fault::Drift(Vec::new()),
            Fault::DrainBusy(None),
            Fault::DrainFails(None),
            Fault::StageFails(None),
        ],
        _ => return Err(format!("`{what}` is not a trouble")),
    })
}

fn fill(spec: &mut RolloutSpec, words: &Words<'_>) -> Result<(), String> {
    if let Some(text) = words.text("waves") {
        let shares = text.split(',').map(|share| share.parse().map(Wave));
        spec.waves = shares.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    }
    spec.canary.per_class = words.get("canaries")?.unwrap_or(spec.canary.per_class);
    spec.holdback = words.get("holdback")?.unwrap_or(spec.holdback);
    spec.bake = words.get("bake")?.unwrap_or(spec.bake);
    spec.limits.soak = words.get("soak")?.unwrap_or(spec.limits.soak);
    spec.limits.drain = words.get("drain")?.unwrap_or(spec.limits.drain);
    spec.limits.boot = words.get("boot")?.unwrap_or(spec.limits.boot);
    spec.limits.verify = words.get("verify")?.unwrap_or(spec.limits.verify);
    spec.method = match words.text("method") {
        Some("kexec") => BootMethod::Kexec,
        Some("firmware") => BootMethod::Firmware,
        _ => BootMethod::Auto,
    };
    if words.text("on-gate-failure") == Some("rollback") {
        spec.rollback = RollbackRule::OnGateFailure;
    }
    for text in words.all("budget") {
        let (selector, max) = text.rsplit_once(':').ok_or("budget: write `role=db:1`")?;
        let selector = selector.parse().map_err(|error| format!("{error}"))?;
        let max_down = Bound::Count(max.parse().map_err(|_| "budget: not a number")?);
        spec.budgets.push(Budget::Selected { selector, max_down });
    }
    if let Some(text) = words.text("window") {
        let (from, to) = text.split_once('-').ok_or("window: write `22:00-23:00`")?;
        let time = |text: &str| text.parse().map_err(|error| format!("{error}"));
        let (from, to) = (time(from)?, time(to)?);
        spec.windows = vec![Window { days: Vec::new(), from, to, zone: "UTC".to_owned() }];
    }
    spec.problems().into_iter().next().map_or(Ok(()), |problem| Err(problem.to_string()))
}

//! Commands that only look.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wavegate_common::{PlanReport, RolloutPhase, Verdict, WaitingOn};
use wavegate_core::Rollout;

use super::commands::chosen;
use super::parse::Words;
use super::session::Session;
use crate::sim::{World, short_clock};

/// No line is longer than this.
const COLUMNS: usize = 100;

impl Session {
    pub(super) fn show(&mut self) -> Result<String, String> {
        let world = self.world()?;
        Ok(world.summary())
    }

    pub(super) fn hosts(&mut self, words: &Words<'_>) -> Result<String, String> {
        let world = self.world()?;
        let mut out = String::new();
        for at in chosen(world, words)? {
            let Some(host) = world.hosts().nth(at as usize) else { continue };
            let runs = host.running().map_or("-", |kernel| kernel.as_str());
            let last = world.rollouts().into_iter().rev();
            let phase = last.filter_map(|r| r.host(host.profile().id)).next();
            let phase = phase.map_or("-", |host| host.phase.name());
            let away = if host.is_away() { "away" } else { "" };
            let name = &host.profile().name;
            let _ = writeln!(out, "  {name:<20} {runs:<16} {phase:<12} {away}");
        }
        Ok(fold(&out))
    }

    pub(super) fn alerts(&mut self) -> Result<String, String> {
        let world = self.world()?;
        let mut out = String::new();
        for alert in world.alerts() {
            let _ = writeln!(out, "  {}: {}", alert.key, alert.text);
        }
        if out.is_empty() {
            out.push_str("  nobody was told anything\n");
        }
        Ok(fold(&out))
    }

    pub(super) fn truth(&mut self) -> Result<String, String> {
        let world = self.world()?;
        let tally = world.tally();
        let worst = tally.max_down_by_domain().values().max().copied().unwrap_or(0);
        let mut out = format!(
            "  {} hosts met the new kernel, {} were harmed\n  {} reboots by order, {} of them twice\n",
            tally.exposed_hosts(),
            tally.harmed_hosts(),
            tally.commanded_reboots(),
            tally.duplicate_reboots(),
        );
        let _ = writeln!(out, "  at most {worst} away at once in one failure domain");
        if let Some(violation) = world.violation() {
            let _ = writeln!(out, "VIOLATION {violation}");
        }
        Ok(fold(&out))
    }
}

fn summary(world: &World, rollout: &Rollout) -> String {
    let mut out = format!("{} {}: {}\n", rollout.id, rollout.spec.name, phase(&rollout.phase));
    let mut phases: BTreeMap<&str, u64> = BTreeMap::new();
    for host in &rollout.hosts {
        *phases.entry(host.phase.name()).or_default() += 1;
    }
    let phases: Vec<String> = phases.iter().map(|(name, n)| format!("{n} {name}")).collect();
    let _ = writeln!(out, "  hosts: {}", phases.join(", "));
    let Some(report) = world.report(rollout.id) else { return out };
    for wave in &report.waves {
        let verdict = match &wave.verdict {
            None => "-".to_owned(),
            Some(Verdict::Extend { missing }) => format!("extend: {missing}"),
            Some(verdict) => verdict.name().to_owned(),
        };
        let _ = writeln!(
            out,
            "  wave {}: {} of {} updated, {} under way, {} harmed, gate {verdict}",
            wave.index, wave.updated, wave.hosts, wave.under_way, wave.harmed
        );
    }
    out.push_str(&waits(report));
    out
}

/// Why hosts wait: each reason with how many.
fn waits(report: &PlanReport) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for wait in &report.hosts {
        *kinds.entry(wait.on.kind()).or_default() += wait.hosts.len();
    }
    if kinds.is_empty() {
        return String::new();
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
    format!("  waiting: {}\n", kinds.join(", "))
}

fn phase(phase: &RolloutPhase) -> String {
    match phase {
        RolloutPhase::Rolling { wave } => format!("rolling wave {wave}"),
        RolloutPhase::Baking { wave, .. } => format!("baking wave {wave}"),
        RolloutPhase::Paused { reason, .. } => format!("paused: {reason}"),
        RolloutPhase::Aborted { reason } => format!("aborted: {reason}"),
        other => other.name().to_owned(),
    }
}

impl World {
    /// Every rollout in numbers.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = format!("it is {}\n", short_clock(self.now()));
        for rollout in self.rollouts() {
            out.push_str(&summary(self, rollout));
        }
        fold(&out)
    }

    /// Where a host stands, folded.
    pub(super) fn why(&self, name: &str) -> Result<String, String> {
        if self.place(name).is_none() {
            return Err(format!("there is no host `{name}`"));
        }
        Ok(fold(&self.explain(name)))
    }

    /// The first host, or else rollout, that waits for a reason of this kind.
    pub(super) fn first_waiting(&self, kind: &str) -> Option<String> {
        for rollout in self.rollouts() {
            let Some(report) = self.report(rollout.id) else { continue };
            let fits = |on: &WaitingOn| on.kind() == kind;
            if let Some(wait) = report.hosts.iter().find(|wait| fits(&wait.on)) {
                let (host, _) = wait.hosts.first()?;
                return Some(fold(&self.explain(self.name(*host)?)));
            }
            if let Some((on, since)) = report.waiting.as_ref().filter(|(on, _)| fits(on)) {
                let since = short_clock(crate::sim::moment(*since));
                let name = &rollout.spec.name;
                let text = format!("{name} waits since {since} [{kind}]: {on}\n");
                return Some(fold(&(text + &format!("  until {}\n", on.released_by()))));
            }
        }
        None
    }

    /// The last rollout, if it is in a phase of this name.
    pub(super) fn in_phase(&self, name: &str) -> Option<String> {
        let rollouts = self.rollouts();
        let rollout = rollouts.last()?;
        let here = phase(&rollout.phase);
        (rollout.phase.name() == name || here == name)
            .then(|| fold(&format!("{} {}: {here}\n", rollout.id, rollout.spec.name)))
    }
}

/// Breaks long lines at spaces; what is left is indented.
fn fold(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut rest = line.to_owned();
        while rest.chars().count() > COLUMNS {
            let cut: String = rest.chars().take(COLUMNS).collect();
            let at = cut.rfind(' ').filter(|at| *at > 8).unwrap_or(cut.len());
            out.push_str(rest[..at].trim_end());
            out.push('\n');
            rest = format!("      {}", rest[at..].trim_start());
        }
        out.push_str(rest.trim_end());
        out.push('\n');
    }
    out
}

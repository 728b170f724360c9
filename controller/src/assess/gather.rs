//! From stored slots to evidence. Pure: what was read goes in.

use std::collections::BTreeMap;

use wavegate_common::baseline::HostSeries;
use wavegate_common::signal::{Measure, SignalKind, SignalReading};
use wavegate_common::spec::SignalRule;
use wavegate_common::{HostId, HostPhase, JudgeRule, KernelRelease, RolloutId, Timestamp};
use wavegate_core::Rollout;
use wavegate_gate::fleet::{
    Arm, ClassMeasures, Evidence, HostMeasures, Pair, Readings, SignalHost, SignalMeasures, levels,
};

use super::before::Before;
use super::metric::Measured;

/// An open rollout as far as its evidence goes.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) id: RolloutId,
    pub(super) rule: JudgeRule,
    pub(super) signals: Vec<SignalRule>,
    seed: u64,
    began: Timestamp,
    kernel: KernelRelease,
    classes: Vec<wavegate_common::HostClass>,
    hosts: Vec<(HostId, u32, Standing)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Moved(Timestamp),
    Waiting,
    Other { open: bool },
}

impl Subject {
    /// The rollout, if its specification asks for comparison.
    pub(super) fn of(rollout: &Rollout) -> Option<Self> {
        if !rollout.spec.is_compared() {
            return None;
        }
        let rule = rollout.spec.judge.clone().unwrap_or_default();
        let standing = |phase: &HostPhase| match phase {
            HostPhase::Updated { at, .. } => Standing::Moved(*at),
            HostPhase::Pending | HostPhase::Staging { .. } | HostPhase::Staged => Standing::Waiting,
            other => Standing::Other { open: !other.is_settled() },
        };
        Some(Self {
            id: rollout.id,
            rule,
            signals: rollout.spec.signals.clone(),
            seed: rollout.seed,
            began: rollout.created_at,
            kernel: rollout.release.kernel.clone(),
            classes: rollout.classes.clone(),
            hosts: rollout.hosts.iter().map(|h| (h.host, h.class, standing(&h.phase))).collect(),
        })
    }

    pub(super) fn host_ids(&self) -> Vec<HostId> {
        self.hosts.iter().map(|(host, ..)| *host).collect()
    }

    /// What of the rule hosts measure.
    pub(super) fn metrics(&self) -> Vec<Option<Measured>> {
        self.rule.metrics.iter().map(|metric| Measured::of(&metric.name)).collect()
    }

    /// What the hosts are like before anything moves.
    pub(super) fn before(&self, series: &[HostSeries]) -> Before {
        let mut out = Before::default();
        let old = |s: &HostSeries, slot: Timestamp| s.kernel != self.kernel && slot < self.began;
        for of_class in self.readings(series, old) {
            for (metric, readings) in self.rule.metrics.iter().zip(&of_class) {
                out.levels.entry(metric.name.to_string()).or_default().extend(levels(readings));
            }
        }
        out
    }

    /// Everything that is known now.
    pub(super) fn evidence(
        &self,
        before: &Before,
        series: &[HostSeries],
        readings: &[SignalReading],
        now: Timestamp,
    ) -> Evidence {
        let mut classes: Vec<ClassMeasures> = self.classes.iter().map(empty).collect();
        let signals = self.signal_measures(readings, now);
        let after: Vec<Vec<BTreeMap<HostId, f64>>> = self
            .readings(series, |s, slot| self.is_after(s, slot))
            .iter()
            .map(|of_class| of_class.iter().map(levels).collect())
            .collect();
        let mut orders: Vec<(Timestamp, HostId)> = Vec::new();
        for (host, _, standing) in &self.hosts {
            if let Standing::Moved(at) = standing {
                orders.push((*at, *host));
            }
        }
        orders.sort_unstable();
        let orders: BTreeMap<HostId, u64> =
            orders.into_iter().zip(1..).map(|((_, host), n)| (host, n)).collect();
        for (host, class, standing) in &self.hosts {
            let at = *class as usize;
            let (Some(measures), Some(after)) = (classes.get_mut(at), after.get(at)) else {
                continue;
            };
            let arm = match standing {
                Standing::Moved(_) => Arm::Moved(orders.get(host).copied().unwrap_or(0)),
                Standing::Waiting => Arm::Control,
                Standing::Other { open } => {
                    measures.open += u64::from(*open);
                    continue;
                }
            };
            measures.open += u64::from(*standing == Standing::Waiting);
            let pair = |(rule, after): (&wavegate_common::MetricRule, &BTreeMap<HostId, f64>)| {
                let after = after.get(host).copied()?;
                Some(Pair { before: before.level(&rule.name, *host)?, after })
            };
            let values: Vec<Option<Pair>> = self.rule.metrics.iter().zip(after).map(pair).collect();
            // A host that has just moved has measured nothing yet; it counts when it has.
            if arm != Arm::Control
                && values.iter().all(Option::is_none)
                && self.is_young(*host, now)
            {
                continue;
            }
            measures.hosts.push(HostMeasures { host: *host, arm, values });
        }
        Evidence {
            at: now,
            seed: self.seed,
            rule: self.rule.clone(),
            classes,
            risks: Vec::new(),
            signals,
        }
    }

    /// What sources say of hosts that have moved and of those that wait. A source must speak of
    /// every host that has moved; of the others, those count of which it speaks.
    fn signal_measures(&self, readings: &[SignalReading], now: Timestamp) -> Vec<SignalMeasures> {
        let moved: Vec<HostId> = self
            .hosts
            .iter()
            .filter(|(.., standing)| matches!(standing, Standing::Moved(_)))
            .map(|(host, ..)| *host)
            .collect();
        let of = |rule: &SignalRule| {
            let source = format!("signal/{}", rule.source).parse().ok()?;
            let reading = readings.iter().find(|reading| reading.source == rule.source);
            let missing = match reading {
                None => Some("the controller's configuration has no such source".to_owned()),
                Some(reading) if matches!(reading.kind, SignalKind::Value { .. }) => {
                    Some("it is a value; only ratios of errors are compared".to_owned())
                }
                Some(reading) => reading
                    .of_hosts(now, &moved, rule.min_exposure)
                    .err()
                    .map(|shortage| shortage.to_string()),
            };
            let hosts = reading.map(|reading| self.counted(reading, rule, now)).unwrap_or_default();
            Some(SignalMeasures { source, margin_ppm: rule.margin.0, missing, hosts })
        };
        self.signals.iter().filter_map(of).collect()
    }

    fn counted(
        &self,
        reading: &SignalReading,
        rule: &SignalRule,
        now: Timestamp,
    ) -> Vec<SignalHost> {
        let mut out = Vec::new();
        for (host, class, standing) in &self.hosts {
            let moved = match standing {
                Standing::Moved(_) => true,
                Standing::Waiting => false,
                Standing::Other { .. } => continue,
            };
            let Ok(found) = reading.of_hosts(now, &[*host], rule.min_exposure) else { continue };
            let Some(class) = self.classes.get(*class as usize) else { continue };
            if let Some(Measure::Ratio { errors, requests }) = found.first().map(|f| f.measure) {
                // Finite and not negative; the conversion saturates.
                let (errors, requests) = (errors.round() as u64, requests.round() as u64);
                out.push(SignalHost { host: *host, class: class.clone(), moved, errors, requests });
            }
        }
        out
    }

    /// Whether its measurements may still be on their way.
    fn is_young(&self, host: HostId, now: Timestamp) -> bool {
        let wait = self.rule.warm_up.0.saturating_add(wavegate_common::baseline::SLOT.0 * 3);
        self.moved_at(host).is_some_and(|at| now.since(at).0 < wait)
    }

    fn moved_at(&self, host: HostId) -> Option<Timestamp> {
        let at = self.hosts.binary_search_by_key(&host, |(id, ..)| *id).ok()?;
        match self.hosts.get(at) {
            Some((_, _, Standing::Moved(at))) => Some(*at),
            _ => None,
        }
    }

    /// Whether a slot shows the host as it is now: of hosts that moved, on the new kernel and
    /// warm; of the others, at the times when some had moved.
    fn is_after(&self, series: &HostSeries, slot: Timestamp) -> bool {
        match self.moved_at(series.host) {
            Some(at) => series.kernel == self.kernel && slot >= at.after(self.rule.warm_up),
            None => series.kernel != self.kernel && slot >= self.began,
        }
    }

    /// What of the rule was read, by class and then by metric, from slots that are wanted.
    fn readings(
        &self,
        series: &[HostSeries],
        wanted: impl Fn(&HostSeries, Timestamp) -> bool,
    ) -> Vec<Vec<Readings>> {
        let metrics = self.metrics();
        let mut out = vec![vec![Readings::new(); metrics.len()]; self.classes.len()];
        for one in series {
            let Ok(at) = self.hosts.binary_search_by_key(&one.host, |(id, ..)| *id) else {
                continue;
            };
            let class = self.hosts.get(at).map_or(usize::MAX, |(_, class, _)| *class as usize);
            let Some(of_class) = out.get_mut(class) else { continue };
            for (readings, measured) in of_class.iter_mut().zip(&metrics) {
                let Some(measured) = measured.filter(|m| m.id == one.metric) else { continue };
                let slots = one.slots.iter().filter(|(start, ..)| wanted(one, *start));
                let read = slots.map(|(at, _, value)| (one.host, *at, measured.value(value)));
                readings.extend(read);
            }
        }
        out
    }
}

fn empty(class: &wavegate_common::HostClass) -> ClassMeasures {
    ClassMeasures { class: class.clone(), open: 0, hosts: Vec::new() }
}

//! From evidence to a verdict for one class.

use super::bad::far_out;
use super::evidence::{Evidence, Tested};
use super::outcome::{Call, Judged, Look, Test};
use super::ranksum::{Nulls, normal_quantile};
use super::reference::Reference;
use super::robust::deviation;
use super::shift::{hodges_lehmann, lower_bound, upper_bound};
use super::small;

/// Canaries below which nothing is ever said.
pub const FEWEST_CANARIES: usize = 3;
/// Canaries below which `pass` is not said, unless fewer are planned.
pub const FEWEST_FOR_PASS: usize = 5;
/// Controls below which nothing is ever said.
pub const FEWEST_CONTROLS: usize = 3;
/// Controls below which `pass` is not said: fewer do not show how far a sound host moves.
pub const FEWEST_CONTROLS_FOR_PASS: usize = 5;
/// Share of α, beside it, for being better beyond chance.
const TOO_GOOD: f64 = 0.1;
/// An improvement beyond this is believed only after a person looked at the measurement.
const HARDLY_TRUE: f64 = 0.5;
/// How often the detectable effect is found.
const POWER: f64 = 0.9;

/// What the last look taken says about the size of the effect; differences of harm.
struct Size {
    hosts: usize,
    reference: Reference,
    shift: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

impl Evidence<'_> {
    /// The class's p-value over all looks and tests.
    pub(crate) fn p(&self) -> f64 {
        self.tested.iter().map(Tested::paid).fold(1.0, f64::min)
    }

    /// The verdict if this class may err with probability `alpha`.
    pub(crate) fn judge(&self, nulls: &mut Nulls, alpha: f64) -> Judged {
        let found = self.tested.iter().filter(|t| t.paid() <= alpha).min_by_key(|t| t.hosts);
        let hosts = found.map_or(self.last_look(), |t| t.hosts);
        let size = self.size(nulls, hosts, alpha);
        let too_good = self.too_good(nulls, alpha);
        let bad_hosts = self.bad_hosts(&size);
        let (verdict, why) = match found {
            Some(found) => (Call::Fail, self.why_fail(found)),
            None => self.undecided(nulls, &size, bad_hosts.len(), too_good, alpha),
        };
        let best = self.tested.iter().min_by(|a, b| a.paid().total_cmp(&b.paid()));
        let decided = match verdict {
            Call::Fail | Call::Pass => Some(hosts),
            Call::Extend | Call::Inconclusive => None,
        };
        let relative = |value: Option<f64>| value.map(|v| self.scale.relative(v));
        let (a, b) = (relative(size.low), relative(size.high));
        let falls = self.scale.relative(1.0) < 0.0;
        Judged {
            class: self.rows.class.clone(),
            verdict,
            effect: relative(size.shift),
            interval: if falls { (b, a) } else { (a, b) },
            evidence: -self.p().max(f64::MIN_POSITIVE).log10() + 0.0,
            test: found.or(best).map(|t| t.test),
            why,
            hosts_used: self.canaries.len(),
            controls_used: size.reference.scores.len(),
            compared_with: size.reference.says.to_owned(),
            decided_at_host: decided,
            detectable_effect: self
                .detectable(nulls, &size, alpha)
                .map(|v| self.scale.relative(v).abs()),
            bad_hosts,
            too_good,
            theta: self.theta,
            looks: self.looks_taken(nulls, alpha),
            faults: self.faults.clone(),
            notes: self.notes(alpha),
        }
    }

    fn last_look(&self) -> usize {
        let last = self.looks.last().map_or(0, |&(n, _)| n);
        if self.next_look().is_none() { self.canaries.len() } else { last }
    }

    fn next_look(&self) -> Option<usize> {
        self.plan.looks.iter().copied().find(|&n| n > self.canaries.len())
    }

    /// The share of the error at the look that `hosts` canaries belong to.
    fn look_share(&self, hosts: usize) -> f64 {
        let reached = self.looks.iter().rev().find(|&&(n, _)| n <= hosts);
        reached.map_or(0.0, |&(_, share)| share)
    }

    fn size(&self, nulls: &mut Nulls, hosts: usize, alpha: f64) -> Size {
        let canaries = self.first(hosts);
        let reference = self.reference(nulls, hosts);
        let share = self.look_share(hosts);
        let level = alpha * self.location_share(hosts);
        let shift = hodges_lehmann(&canaries, &reference.scores);
        let least = small::least_p(hosts, reference.scores.len());
        let low = if hosts >= FEWEST_CANARIES && level > 0.0 && least > level {
            small::lower_bound(&canaries, &reference.scores, level)
        } else {
            lower_bound(nulls, &canaries, &reference.scores, level)
        };
        let high = upper_bound(nulls, &canaries, &reference.scores, self.plan.beta * share);
        Size { hosts, reference, shift, low, high }
    }

    fn too_good(&self, nulls: &mut Nulls, alpha: f64) -> bool {
        self.looks.iter().any(|&(n, share)| {
            let reference = self.reference(nulls, n);
            let level = alpha * TOO_GOOD * share;
            nulls.upper(&reference.scores, &self.first(n), level).p <= level
        })
    }

    fn bad_hosts(&self, size: &Size) -> Vec<String> {
        let scores: Vec<f64> = self.canaries.iter().map(|s| s.score).collect();
        if size.reference.scores.len() < FEWEST_CONTROLS {
            return Vec::new();
        }
        let most = size.reference.scores.last().copied().unwrap_or(f64::INFINITY);
        let beyond = far_out(&scores, &size.reference.scores).beyond.max(most);
        let far = self.canaries.iter().filter(|s| s.score > beyond);
        far.map(|s| self.rows.hosts[s.host].host.clone()).collect()
    }

    /// No test says that it is worse: pass, wait, or give up?
    fn undecided(
        &self,
        nulls: &mut Nulls,
        size: &Size,
        bad: usize,
        too_good: bool,
        alpha: f64,
    ) -> (Call, String) {
        if let Some(fault) = self.faults.first() {
            return (Call::Extend, fault.clone());
        }
        let have = self.canaries.len();
        let first = self.plan.looks.first().copied().unwrap_or(FEWEST_CANARIES);
        if have < first {
            return (
                Call::Extend,
                format!("{have} canaries have data; the first look is at {first}"),
            );
        }
        if self.others() < FEWEST_CONTROLS {
            let why =
                format!("{} controls have data, {FEWEST_CONTROLS} are the least", self.others());
            return (Call::Inconclusive, why);
        }
        let next = self.next_look();
        if let Some(next) = next.filter(|_| !self.looks.iter().any(|&(n, _)| n == have)) {
            let why = format!("{have} canaries have data, between looks; the next is at {next}");
            return (Call::Extend, why);
        }
        let not_yet = match (self.not_passing(size, bad, too_good), next) {
            (None, _) => return (Call::Pass, self.why_pass(size)),
            (Some(why), Some(next)) => (why, format!("the next look is at {next} canaries")),
            (Some(why), None) => (why, "all looks are spent".to_owned()),
        };
        let why = format!("{}; {}", not_yet.0, not_yet.1);
        if next.is_none() || self.never(nulls, alpha) {
            return (Call::Inconclusive, why);
        }
        (Call::Extend, why)
    }

    /// What keeps it from passing, if anything.
    fn not_passing(&self, size: &Size, bad: usize, too_good: bool) -> Option<String> {
        let least = self.plan.looks.last().map_or(FEWEST_FOR_PASS, |&n| n.min(FEWEST_FOR_PASS));
        if size.hosts < least {
            return Some(format!(
                "{} canaries are too few to pass, {least} are the least",
                size.hosts
            ));
        }
        let others = size.reference.scores.len();
        if others < FEWEST_CONTROLS_FOR_PASS {
            return Some(format!(
                "{others} controls are too few to pass, {FEWEST_CONTROLS_FOR_PASS} are the least"
            ));
        }
        let percent = |harm: f64| 100.0 * self.scale.relative(harm);
        let Some(high) = size.high else {
            return Some(format!("{others} controls are too few to bound the change"));
        };
        if high >= self.scale.worse_by(self.plan.margin) {
            return Some(format!(
                "the change may be as bad as {:+.2} %, the margin is {:.2} %",
                percent(high),
                100.0 * self.plan.margin
            ));
        }
        if bad >= 2 && bad * 10 > self.canaries.len() {
            return Some(format!("{bad} canaries are far beyond all others"));
        }
        let better = size.shift.is_some_and(|s| s < -self.scale.worse_by(HARDLY_TRUE));
        (too_good && better).then(|| {
            let change = percent(size.shift.unwrap_or(0.0));
            format!("better by {change:+.0} % is hardly true: look at the measurement")
        })
    }

    /// Whether not even the last look could tell anything with these controls.
    fn never(&self, nulls: &mut Nulls, alpha: f64) -> bool {
        let last = self.plan.looks.last().copied().unwrap_or(0);
        let share = self.location_share_at_last();
        let m = self.others();
        nulls.cut(last, m, alpha * share).is_none()
            || nulls.cut(last, m, self.plan.beta * share).is_none()
    }

    /// The shift found with probability [`POWER`] at the look, in normal noise as wide as the
    /// reference's.
    fn detectable(&self, nulls: &mut Nulls, size: &Size, alpha: f64) -> Option<f64> {
        let (n, m) = (size.hosts, size.reference.scores.len());
        let level = alpha * self.location_share(n);
        let few = small::least_p(n, m) > level;
        if n < FEWEST_CANARIES || m < FEWEST_CONTROLS || level <= 0.0 {
            return None;
        }
        let sd = deviation(&size.reference.scores);
        let (nf, mf) = (n as f64, m as f64);
        let delta = self.scale.worse_by(self.plan.min_effect);
        let z = normal_quantile(1.0 - level) + normal_quantile(POWER);
        // In normal noise ranks need π/3 as many hosts as the t test.
        let mut shift = z * sd * (std::f64::consts::FRAC_PI_3 * (1.0 / nf + 1.0 / mf)).sqrt();
        if few || nulls.cut(n, m, level).is_none_or(|cut| cut < n.min(m)) {
            // (Almost) all canaries must be beyond (almost) all controls.
            shift = shift.max(sd * (2.0 * normal_quantile(1.0 - 0.5 / nf.max(mf)) + 1.3));
        }
        Some(delta + shift)
    }

    fn looks_taken(&self, nulls: &mut Nulls, alpha: f64) -> Vec<Look> {
        let located = self.tested.iter().filter(|t| t.test == Test::Location);
        located
            .map(|t| {
                let reference = self.reference(nulls, t.hosts);
                let shift = hodges_lehmann(&self.first(t.hosts), &reference.scores);
                let effect = shift.map(|s| self.scale.relative(s));
                Look { hosts: t.hosts, p: t.p, level: alpha * t.share, effect }
            })
            .collect()
    }

    fn why_fail(&self, found: &Tested) -> String {
        format!(
            "{} at {} canaries: p = {:.2e} after paying for all looks and tests",
            found.test.says(),
            found.hosts,
            found.paid()
        )
    }

    fn why_pass(&self, size: &Size) -> String {
        let high = self.scale.relative(size.high.unwrap_or(0.0));
        format!(
            "at {} canaries the change is no worse than {:+.2} %, the margin is {:.2} %",
            size.hosts,
            100.0 * high,
            100.0 * self.plan.margin
        )
    }

    fn notes(&self, alpha: f64) -> Vec<String> {
        let mut notes: Vec<String> = self.scale.says().map(str::to_owned).into_iter().collect();
        let m = self.others();
        for &(n, _) in &self.looks {
            let least = small::least_p(n, m);
            if least > alpha * self.location_share(n) {
                notes.push(format!(
                    "no rank test of {n} against {m} hosts says less than {least:.1e}: a t test \
                     stands in, and only if all canaries are worse than all controls"
                ));
            }
        }
        notes
    }
}

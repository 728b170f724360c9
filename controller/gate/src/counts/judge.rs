//! The verdict on errors of applications in one class.

use super::hosts::{HostCounts, Slot, is_bad, middle_rate};
use crate::hypergeometric::Draw;
use crate::reboots::evidence::{Evidence, Ratio, ratio};
use crate::reboots::step::{Kind, Step};
use crate::reboots::{Arm, Outcome};

/// Below this exposure nothing is said of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minimum {
    /// Canaries that had requests.
    pub canaries: u64,
    /// Controls that had requests.
    pub controls: u64,
    /// Requests of all canaries together.
    pub requests: u64,
}

/// What is asked for; frozen before it starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Chance of ever stopping a harmless rollout for its errors.
    pub alpha: f64,
    /// A class passes when hosts going bad this many times as often is ruled out.
    pub ratio: f64,
    /// Or when no host went bad at all and the error rate of canaries is below this share.
    pub bearable: f64,
    /// Chance of a wrong bound.
    pub miss: f64,
    /// Exposure that it takes.
    pub minimum: Minimum,
}

impl Default for Rules {
    fn default() -> Self {
        let minimum = Minimum { canaries: 3, controls: 8, requests: 1_000 };
        Self { alpha: 0.0025, ratio: 4.0, bearable: 1e-3, miss: 0.05, minimum }
    }
}

/// What is said of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// The verdict.
    pub outcome: Outcome,
    /// Why, in words.
    pub why: String,
    /// The e-value, at the decision or at the end.
    pub evidence: f64,
    /// How much sooner canaries go bad.
    pub ratio: Ratio,
    /// The slot in which it was enough.
    pub decided_at: Option<usize>,
    /// Hosts that went bad, by index.
    pub bad: Vec<usize>,
}

/// Judges the hosts of a class. In every slot those that go bad are canaries as a random deal of
/// labels gives, or, if canaries have more than their share of the requests, with that share: a
/// canary that was sent more is not accused for it, and one that is idle gains nothing by it.
#[must_use]
pub fn judge(hosts: &[HostCounts], rules: &Rules) -> Counts {
    let slots = hosts.iter().map(|host| host.slots.len()).max().unwrap_or(0);
    let mut bad: Vec<usize> = Vec::new();
    let mut evidence = Evidence::default();
    let mut steps: Vec<Step> = Vec::new();
    let mut decided_at = None;
    let mut sums = vec![Slot::default(); hosts.len()];
    for slot in 0..slots {
        add(&mut sums, hosts, slot);
        let rate = middle_rate(&sums);
        let at_risk =
            |at: &usize| !bad.contains(at) && sums.get(*at).is_some_and(|s| s.requests > 0);
        let left: Vec<usize> = (0..hosts.len()).filter(at_risk).collect();
        let turned: Vec<usize> = left
            .iter()
            .copied()
            .filter(|&at| sums.get(at).is_some_and(|&s| is_bad(s, rate)))
            .collect();
        if turned.is_empty() {
            continue;
        }
        let step = step(hosts, &left, &turned, slot);
        bad.extend(&turned);
        match extra_share(hosts, &sums, &left) {
            None => evidence.add(&step),
            Some(share) => evidence.add_independent(turned.len(), step.canaries, share),
        }
        steps.push(step);
        if evidence.ln_value() >= -rules.alpha.ln() {
            decided_at = Some(slot);
            break;
        }
    }
    let bound = ratio(&steps, rules.miss);
    let (outcome, why) = verdict(hosts, &sums, decided_at, &bad, bound, rules);
    Counts { outcome, why, evidence: evidence.ln_value().exp(), ratio: bound, decided_at, bad }
}

fn add(sums: &mut [Slot], hosts: &[HostCounts], slot: usize) {
    for (sum, host) in sums.iter_mut().zip(hosts) {
        let one = host.slots.get(slot).copied().unwrap_or_default();
        sum.errors += one.errors;
        sum.requests += one.requests;
    }
}

fn is_canary(hosts: &[HostCounts], at: usize) -> bool {
    hosts.get(at).is_some_and(|host| host.arm == Arm::Canary)
}

/// The canaries' share of the requests of the hosts that could still go bad, if it is more than
/// their share of the hosts by over a tenth; else labels are as good as dealt at random.
fn extra_share(hosts: &[HostCounts], sums: &[Slot], left: &[usize]) -> Option<f64> {
    let (mut requests, mut all_requests, mut canaries) = (0.0, 0.0, 0.0);
    for &at in left {
        let own = sums.get(at).map_or(0.0, |sum| sum.requests as f64);
        all_requests += own;
        if is_canary(hosts, at) {
            requests += own;
            canaries += 1.0;
        }
    }
    let (share, by_hosts) = (requests / all_requests, canaries / left.len() as f64);
    (share > 1.1 * by_hosts).then_some(share)
}

fn step(hosts: &[HostCounts], left: &[usize], turned: &[usize], slot: usize) -> Step {
    let canaries = |of: &[usize]| of.iter().filter(|&&at| is_canary(hosts, at)).count() as u64;
    let all = canaries(left);
    let draw =
        Draw { canaries: all, controls: left.len() as u64 - all, failed: turned.len() as u64 };
    Step {
        settled: i64::try_from(slot).unwrap_or(i64::MAX),
        kind: Kind::Failures,
        draw,
        canaries: canaries(turned),
        hosts: turned.to_vec(),
    }
}

fn verdict(
    hosts: &[HostCounts],
    sums: &[Slot],
    decided_at: Option<usize>,
    bad: &[usize],
    bound: Ratio,
    rules: &Rules,
) -> (Outcome, String) {
    let used =
        |arm: Arm| hosts.iter().zip(sums).filter(move |(h, s)| h.arm == arm && s.requests > 0);
    let (canaries, controls) =
        (used(Arm::Canary).count() as u64, used(Arm::Control).count() as u64);
    let requests: u64 = used(Arm::Canary).map(|(_, sum)| sum.requests).sum();
    let bad_canaries = bad.iter().filter(|&&at| is_canary(hosts, at)).count();
    let says = format!(
        "{bad_canaries} of {canaries} canaries and {} of {controls} controls show more errors than \
         their class",
        bad.len() - bad_canaries
    );
    if decided_at.is_some() {
        return (Outcome::Fail, says);
    }
    let Minimum { canaries: c, controls: o, requests: r } = rules.minimum;
    if canaries < c || controls < o || requests < r {
        let why = format!(
            "{canaries} canaries with {requests} requests and {controls} controls; it takes {c} \
             with {r}, and {o}"
        );
        return (Outcome::Extend, why);
    }
    if bound.high <= rules.ratio {
        return (Outcome::Pass, format!("{says}; more than {:.1} times is ruled out", bound.high));
    }
    // Rule of three: no event in n trials bounds the share below ln(1/miss)/n.
    let most = -rules.miss.ln() / requests as f64;
    let errors: u64 = used(Arm::Canary).map(|(_, sum)| sum.errors).sum();
    if errors == 0 && most <= rules.bearable {
        return (Outcome::Pass, format!("no error in {requests} requests of canaries"));
    }
    (Outcome::Extend, format!("{says}; that is too little to tell"))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

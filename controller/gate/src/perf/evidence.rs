//! From the rows of a class to p-values: every test at every planned look.

use super::bad::far_out;
use super::eprocess::{bet, draw};
use super::input::{Arm, ClassRows, Plan};
use super::looks::shares;
use super::outcome::Test;
use super::quality::Quality;
use super::ranksum::Nulls;
use super::reference::Reference;
use super::robust::sorted;
use super::scale::Scale;
use super::score::{Scored, score};
use super::shape::Shape;
use super::shift::hodges_lehmann;
use super::small;

/// Controls from which the sequential test is taken.
const CONTROLS_FOR_STREAM: usize = 40;
/// Share of the error for hosts far out, where there are enough of them.
const BAD_SHARE: f64 = 0.2;
/// A median change for the worse below this is no finding, however sure: 0.1 %. It is what two
/// settings differ by that nobody can tell apart in practice.
const CHANGE_LEAST: f64 = 0.001;

/// One test at one look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tested {
    pub(crate) test: Test,
    /// Canaries that were in.
    pub(crate) hosts: usize,
    pub(crate) p: f64,
    /// Its share of the class's error.
    pub(crate) share: f64,
}

impl Tested {
    /// The p-value after paying for all other tests and looks.
    pub(crate) fn paid(&self) -> f64 {
        (self.p / self.share).min(1.0)
    }
}

/// All that is known about one class.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rows: &'a ClassRows,
    pub(crate) scale: Scale,
    pub(crate) faults: Vec<String>,
    /// In order of arrival.
    pub(crate) canaries: Vec<Scored>,
    /// Sorted, as are those of placebo hosts.
    pub(crate) controls: Vec<f64>,
    pub(crate) placebo: Vec<f64>,
    pub(crate) theta: f64,
    /// Looks that were reached, with their share of the error.
    pub(crate) looks: Vec<(usize, f64)>,
    pub(crate) tested: Vec<Tested>,
    shares: Shares,
}

impl<'a> Evidence<'a> {
    /// `family` is how many tests share α.
    pub(crate) fn of(
        nulls: &mut Nulls,
        plan: &'a Plan,
        rows: &'a ClassRows,
        family: usize,
    ) -> Self {
        let quality = Quality::of(rows);
        let scale = Scale::of(rows, plan.better);
        let (scored, theta) = score(rows, scale, &quality);
        let of_arm = |arm: Arm| scored.iter().filter(move |s| s.arm == arm);
        let canaries: Vec<Scored> = of_arm(Arm::Canary).cloned().collect();
        let controls: Vec<&Scored> = of_arm(Arm::Control).collect();
        let placebo: Vec<&Scored> = of_arm(Arm::Placebo).collect();
        let looks: Vec<(usize, f64)> = plan
            .looks
            .iter()
            .copied()
            .zip(shares(plan.looks.len()))
            .filter(|&(n, _)| n <= canaries.len())
            .collect();
        let mut evidence = Self {
            plan,
            rows,
            scale,
            faults: quality.faults,
            controls: sorted(&controls.iter().map(|s| s.score).collect::<Vec<_>>()),
            placebo: sorted(&placebo.iter().map(|s| s.score).collect::<Vec<_>>()),
            canaries,
            theta,
            looks,
            tested: Vec::new(),
            shares: Shares::of(&scored, controls.len() + placebo.len()),
        };
        let shares = evidence.shares;
        let delta = scale.worse_by(plan.min_effect);
        for (n, share) in evidence.looks.clone() {
            evidence.locate(nulls, n, share, delta, family);
            evidence.shapes(nulls, n, share * shares.shape, &controls, &placebo);
        }
        evidence.stream(nulls, shares.stream, delta);
        evidence
    }

    /// Controls and placebo hosts.
    pub(crate) fn others(&self) -> usize {
        self.controls.len() + self.placebo.len()
    }

    /// Sorted scores of the first `n` canaries.
    pub(crate) fn first(&self, n: usize) -> Vec<f64> {
        let scores: Vec<f64> = self.canaries.iter().take(n).map(|s| s.score).collect();
        sorted(&scores)
    }

    pub(crate) fn reference(&self, nulls: &mut Nulls, n: usize) -> Reference {
        Reference::of(nulls, n, &self.controls, &self.placebo)
    }

    /// The share of the error that the test of location has at the look that `hosts` canaries
    /// belong to; 0 before the first.
    pub(crate) fn location_share(&self, hosts: usize) -> f64 {
        let mut latest = self.tested.iter().rev().filter(|t| t.test == Test::Location);
        latest.find(|t| t.hosts <= hosts).map_or(0.0, |t| t.share)
    }

    /// The same at the last look planned, if no host is far out.
    pub(crate) fn location_share_at_last(&self) -> f64 {
        let last = shares(self.plan.looks.len()).last().copied().unwrap_or(0.0);
        last * self.shares.middle
    }

    /// The tests of the middle and of hosts far out. They share by what the pooled scores are
    /// like: chance labels do not move these, so that the split may be chosen after seeing them.
    /// Unless enough hosts are far out for that test to speak at all, it is left nothing.
    fn locate(&mut self, nulls: &mut Nulls, n: usize, look: f64, delta: f64, family: usize) {
        let mut scores = self.first(n);
        let reference = self.reference(nulls, n);
        let noticeable = self.is_noticeable(&scores, &reference);
        scores.iter_mut().for_each(|score| *score -= delta);
        let alpha = self.plan.alpha / family as f64;
        let far = far_out(&scores, &reference.scores);
        let bad_share = look * BAD_SHARE;
        let speaks = far.least_p <= alpha * bad_share;
        let share = look * self.shares.middle - if speaks { bad_share } else { 0.0 };
        let level = alpha * share;
        let p = if !noticeable {
            1.0
        } else if small::least_p(n, reference.scores.len()) > level {
            small::upper(&scores, &reference.scores)
        } else {
            reference.upper(nulls, &scores, level)
        };
        self.tested.push(Tested { test: Test::Location, hosts: n, p, share });
        if speaks {
            self.tested.push(Tested { test: Test::BadHosts, hosts: n, p: far.p, share: bad_share });
        }
    }

    fn is_noticeable(&self, canaries: &[f64], reference: &Reference) -> bool {
        hodges_lehmann(canaries, &reference.scores)
            .is_some_and(|shift| shift >= self.scale.worse_by(CHANGE_LEAST))
    }

    fn shapes(
        &mut self,
        nulls: &mut Nulls,
        n: usize,
        share: f64,
        controls: &[&Scored],
        placebo: &[&Scored],
    ) {
        if share <= 0.0 {
            return;
        }
        let each = share / Shape::ALL.len() as f64;
        for (i, shape) in Shape::ALL.into_iter().enumerate() {
            let of = |hosts: &[&Scored]| -> Vec<f64> {
                hosts.iter().filter_map(|s| s.shapes.map(|all| all[i])).collect()
            };
            let first: Vec<&Scored> = self.canaries.iter().take(n).collect();
            let mut canaries = sorted(&of(&first));
            canaries.iter_mut().for_each(|value| *value -= shape.tolerated());
            let reference = Reference::of(nulls, n, &of(controls), &of(placebo));
            let p = reference.upper(nulls, &canaries, self.plan.alpha * each);
            self.tested.push(Tested { test: Test::Shape(shape), hosts: n, p, share: each });
        }
    }

    /// Beyond the last look the sequential test goes on. The canaries of the looks are in it.
    fn stream(&mut self, nulls: &mut Nulls, share: f64, delta: f64) {
        let last = self.plan.looks.last().copied().unwrap_or(0);
        if share <= 0.0 || self.canaries.len() <= last || !self.placebo.is_empty() {
            return;
        }
        let have = self.canaries.len();
        let reference = self.reference(nulls, have);
        if !self.is_noticeable(&self.first(have), &reference) {
            return;
        }
        let canaries: Vec<(f64, u64)> = self
            .canaries
            .iter()
            .map(|s| (s.score - delta, draw(self.plan.seed, &self.rows.hosts[s.host].host)))
            .collect();
        let won = bet(&canaries, &sorted(&self.controls));
        let p = (-won.most_ln).exp();
        self.tested.push(Tested { test: Test::Stream, hosts: won.at.max(last), p, share });
    }
}

/// How a class's error is split over kinds of tests. What cannot be tested for want of samples or
/// hosts costs nothing; which that is does not depend on who is a canary.
#[derive(Debug, Clone, Copy)]
struct Shares {
    /// The middle, and hosts far out.
    middle: f64,
    shape: f64,
    stream: f64,
}

impl Shares {
    fn of(scored: &[Scored], others: usize) -> Self {
        let with_shape = scored.iter().filter(|s| s.shapes.is_some()).count();
        let shape = if with_shape * 2 > scored.len() { 0.2 } else { 0.0 };
        let stream = if others >= CONTROLS_FOR_STREAM { 0.03 } else { 0.0 };
        Self { middle: 1.0 - shape - stream, shape, stream }
    }
}

//! One number per host-boot: how much worse it got against the others in the same slots.
//!
//! The score is log(after) − θ·log(before), per slot, minus what all hosts of the class show in
//! that slot, and the median over slots. θ = 1 is difference in differences; with enough
//! controls θ is their regression of after on before (CUPED: A. Deng, Y. Xu, R. Kohavi,
//! T. Walker, "Improving the sensitivity of online controlled experiments by utilizing
//! pre-experiment data", WSDM 2013).

use std::collections::BTreeMap;

use super::input::{Arm, ClassRows};
use super::quality::Quality;
use super::robust::{centre_and_spread, median};
use super::scale::Scale;
use super::shape::{Shapes, host_shapes};

/// Controls below which θ stays 1: the regression would fit their noise.
const CONTROLS_FOR_THETA: usize = 20;
/// Share of samples with both phases in one row from which phases are compared row by row.
const PAIRED_FROM: f64 = 0.8;

/// A host with its numbers.
#[derive(Debug, Clone)]
pub(crate) struct Scored {
    /// Index in the class.
    pub(crate) host: usize,
    pub(crate) arm: Arm,
    /// Worse is larger; a difference of logarithms, or of shares.
    pub(crate) score: f64,
    /// Where the host stood before, against its class.
    before: f64,
    /// Beside the middle, where there are samples enough.
    pub(crate) shapes: Option<Shapes>,
}

/// The rows of one host as harm, in one phase or as change.
struct Series {
    after: Vec<(u32, f64)>,
    before: Vec<(u32, f64)>,
    change: Vec<(u32, f64)>,
}

/// Scores every host that has data, canaries in order of arrival.
pub(crate) fn score(rows: &ClassRows, scale: Scale, quality: &Quality) -> (Vec<Scored>, f64) {
    let series: Vec<Option<Series>> = rows
        .hosts
        .iter()
        .enumerate()
        .map(|(i, host)| quality.usable[i].then(|| Series::of(host, scale)))
        .collect();
    let paired = is_paired(&series);
    let after = Levels::of(&series, rows, |s| &s.after);
    let before = Levels::of(&series, rows, |s| &s.before);
    let change = Levels::of(&series, rows, |s| &s.change);
    let mut scored: Vec<Scored> = Vec::with_capacity(rows.hosts.len());
    for (i, series) in series.iter().enumerate() {
        let Some(series) = series else { continue };
        let stood = before.against(&series.before);
        let moved = if paired {
            change.against(&series.change)
        } else {
            after.against(&series.after).zip(stood).map(|(a, b)| a - b)
        };
        let (Some(before_level), Some(moved)) = (stood, moved) else { continue };
        let residual =
            if paired { change.residuals(&series.change) } else { after.residuals(&series.after) };
        let shapes = host_shapes(&values(&series.before), &values(&series.after), &residual);
        let arm = rows.hosts[i].arm;
        scored.push(Scored { host: i, arm, score: moved, before: before_level, shapes });
    }
    let theta = 1.0 + slope(&scored);
    for host in &mut scored {
        host.score -= (theta - 1.0) * host.before;
    }
    scored.sort_by(|a, b| {
        let key = |s: &Scored| (rows.hosts[s.host].order.unwrap_or(u64::MAX), s.host);
        key(a).cmp(&key(b))
    });
    (scored, theta)
}

fn values(series: &[(u32, f64)]) -> Vec<f64> {
    series.iter().map(|&(_, value)| value).collect()
}

impl Series {
    fn of(host: &super::input::HostRows, scale: Scale) -> Self {
        let mut series = Self { after: vec![], before: vec![], change: vec![] };
        for sample in &host.samples {
            let harm = |value: Option<f64>| value.filter(|v| v.is_finite()).map(|v| scale.harm(v));
            let (before, after) = (harm(sample.before), harm(sample.after));
            series.before.extend(before.map(|b| (sample.slot, b)));
            series.after.extend(after.map(|a| (sample.slot, a)));
            series.change.extend(before.zip(after).map(|(b, a)| (sample.slot, a - b)));
        }
        series
    }
}

fn is_paired(series: &[Option<Series>]) -> bool {
    let count = |of: fn(&Series) -> usize| series.iter().flatten().map(of).sum::<usize>() as f64;
    count(|s| s.change.len()) >= PAIRED_FROM * count(|s| s.after.len())
}

/// What the class shows, slot by slot; only slots in which canaries and others were seen.
///
/// All hosts count, whatever their arm: the level then does not know who is a canary, and
/// scores stay exchangeable however few controls there are.
struct Levels(BTreeMap<u32, f64>);

impl Levels {
    fn of(
        series: &[Option<Series>],
        rows: &ClassRows,
        pick: fn(&Series) -> &Vec<(u32, f64)>,
    ) -> Self {
        let mut all: Vec<(u32, bool, f64)> = Vec::new();
        for (host, series) in rows.hosts.iter().zip(series) {
            let canary = host.arm == Arm::Canary;
            all.extend(series.iter().flat_map(pick).map(|&(slot, value)| (slot, canary, value)));
        }
        all.sort_by_key(|&(slot, ..)| slot);
        let mut levels = BTreeMap::new();
        for group in all.chunk_by(|a, b| a.0 == b.0) {
            let canaries = group.iter().filter(|(_, canary, _)| *canary).count();
            if canaries > 0 && canaries < group.len() {
                let mut values: Vec<f64> = group.iter().map(|&(.., value)| value).collect();
                levels.insert(group[0].0, median(&mut values));
            }
        }
        Self(levels)
    }

    fn residuals(&self, series: &[(u32, f64)]) -> Vec<f64> {
        let away = |&(slot, value): &(u32, f64)| self.0.get(&slot).map(|level| value - level);
        series.iter().filter_map(away).collect()
    }

    /// The host's own level against the class; none without a common slot.
    fn against(&self, series: &[(u32, f64)]) -> Option<f64> {
        let mut away = self.residuals(series);
        (!away.is_empty()).then(|| median(&mut away))
    }
}

/// The slope of change on before among controls, between −1 and 0, shrunk to 0 as far as noise
/// could have made it (by its squared standard error, as James and Stein shrink a mean).
fn slope(scored: &[Scored]) -> f64 {
    let controls: Vec<&Scored> = scored.iter().filter(|s| s.arm == Arm::Control).collect();
    if controls.len() < CONTROLS_FOR_THETA {
        return 0.0;
    }
    let x = pulled_in(controls.iter().map(|s| s.before).collect());
    let y = pulled_in(controls.iter().map(|s| s.score).collect());
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let sxx: f64 = x.iter().map(|v| (v - mx).powi(2)).sum();
    let sxy: f64 = x.iter().zip(&y).map(|(a, b)| (a - mx) * (b - my)).sum();
    if sxx <= 0.0 {
        return 0.0;
    }
    let raw = sxy / sxx;
    let rest: f64 = x.iter().zip(&y).map(|(a, b)| (b - my - raw * (a - mx)).powi(2)).sum();
    let error = rest / (n - 2.0) / sxx;
    let keep = if error > 0.0 { (1.0 - error / (raw * raw)).max(0.0) } else { 1.0 };
    let slope = raw * keep;
    if slope.is_finite() { slope.clamp(-1.0, 0.0) } else { 0.0 }
}

/// Values beyond five robust deviations pulled in, so that one sick host does not set θ.
fn pulled_in(mut values: Vec<f64>) -> Vec<f64> {
    let (centre, spread) = centre_and_spread(&values);
    if spread > 0.0 {
        for value in &mut values {
            *value = value.clamp(centre - 5.0 * spread, centre + 5.0 * spread);
        }
    }
    values
}

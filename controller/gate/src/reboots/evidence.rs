//! The e-value of a class, and what rate ratios are compatible with what was seen.

use super::step::Step;
use crate::hypergeometric::ln_sum_exp;

/// The odds that the evidence is averaged over: 2 to 64 in steps of half an octave, alike.
pub const ODDS: [f64; 11] = [
    2.0,
    2.0 * std::f64::consts::SQRT_2,
    4.0,
    4.0 * std::f64::consts::SQRT_2,
    8.0,
    8.0 * std::f64::consts::SQRT_2,
    16.0,
    16.0 * std::f64::consts::SQRT_2,
    32.0,
    32.0 * std::f64::consts::SQRT_2,
    64.0,
];

/// The evidence so far that canaries fail sooner, for each of [`ODDS`] in logarithms. It only
/// ever accumulates.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evidence([f64; ODDS.len()]);

impl Evidence {
    /// Takes a step into account.
    pub fn add(&mut self, step: &Step) {
        for (ln, odds) in self.0.iter_mut().zip(ODDS) {
            *ln += step.ln_factor(odds);
        }
    }

    /// Takes `events` into account of which `canaries` hit canaries, each for itself with this
    /// probability if labels do not matter: the conditional binomial law.
    pub fn add_independent(&mut self, events: usize, canaries: u64, share: f64) {
        for (ln, odds) in self.0.iter_mut().zip(ODDS) {
            *ln += canaries as f64 * odds.ln() - events as f64 * (share * (odds - 1.0)).ln_1p();
        }
    }

    /// The evidence of classes together, if the same odds hold in all of them.
    pub fn join(&mut self, other: &Self) {
        for (ln, more) in self.0.iter_mut().zip(other.0) {
            *ln += more;
        }
    }

    /// ln of the e-value: how many times better than chance a bet on bad canaries has done.
    #[must_use]
    pub fn ln_value(&self) -> f64 {
        ln_sum_exp(self.0.iter().copied()) - (ODDS.len() as f64).ln()
    }
}

/// The estimate and interval of the rate ratio of canaries to controls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The estimate: the mode of the likelihood with D. Firth's correction ("Bias reduction of
    /// maximum likelihood estimates", Biometrika 80, 1993; for Cox models G. Heinze and
    /// M. Schemper, Biometrics 57, 2001), so it is finite when all or none of the failures are
    /// canaries'. None without a failure.
    pub estimate: Option<f64>,
    /// The lower end of the interval; 0 if nothing bounds it.
    pub low: f64,
    /// The upper end; infinite if nothing bounds it.
    pub high: f64,
}

/// Steps per doubling of the rate ratio, and the doublings from 1 down and up.
const PER_OCTAVE: i32 = 8;
const DOWN: i32 = -6;
const UP: i32 = 10;

/// The rate ratios that the steps do not speak against, at error `miss`, however often one
/// looks: those whose likelihood is more than `miss` times the likelihood averaged over all
/// ratios (H. Robbins, "Statistical methods related to the law of the iterated logarithm",
/// Annals of Mathematical Statistics 41, 1970). Exact but for bursts that were blamed.
#[must_use]
pub fn ratio(steps: &[Step], miss: f64) -> Ratio {
    let grid: Vec<f64> = (DOWN * PER_OCTAVE..=UP * PER_OCTAVE)
        .map(|k| (f64::from(k) / f64::from(PER_OCTAVE)).exp2())
        .collect();
    let ln: Vec<f64> =
        grid.iter().map(|&odds| steps.iter().map(|step| step.ln_likelihood(odds)).sum()).collect();
    let mean = ln_sum_exp(ln.iter().copied()) - (grid.len() as f64).ln();
    let kept = |ln: &f64| mean - ln < -miss.ln();
    let first = ln.iter().position(kept).unwrap_or(0);
    let last = ln.iter().rposition(kept).unwrap_or(grid.len() - 1);
    // Outwards to the next point of the grid that is ruled out.
    let low = first.checked_sub(1).and_then(|at| grid.get(at)).copied().unwrap_or(0.0);
    let high = grid.get(last + 1).copied().unwrap_or(f64::INFINITY);
    Ratio { estimate: estimate(steps, &grid, &ln), low, high }
}

fn estimate(steps: &[Step], grid: &[f64], ln: &[f64]) -> Option<f64> {
    let penalised = grid.iter().zip(ln).map(|(&odds, ln)| {
        let information: f64 = steps.iter().map(|step| step.draw.variance(odds)).sum();
        (odds, ln + 0.5 * information.ln())
    });
    penalised
        .filter(|(_, ln)| ln.is_finite())
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(odds, _)| odds)
}

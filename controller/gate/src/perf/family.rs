//! Many classes and metrics at once, with one chance of error for all (S. Holm, "A simple
//! sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979).
//! A class's p-value pays for all its looks already, so that the step-down holds at any time.

use super::evidence::Evidence;
use super::input::{ClassRows, Plan};
use super::outcome::{Call, Judged};
use super::ranksum::Nulls;

/// One metric of one class and how to judge it.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// How.
    pub plan: &'a Plan,
    /// What.
    pub rows: &'a ClassRows,
}

/// Judges one metric of one class alone.
#[must_use]
pub fn judge_class(plan: &Plan, rows: &ClassRows) -> Judged {
    let mut nulls = Nulls::new();
    Evidence::of(&mut nulls, plan, rows, 1).judge(&mut nulls, plan.alpha)
}

/// Judges all tasks; the chance that any of them fails though nothing is worse is at most
/// `alpha`. Tasks without data count as tests too: what is missing today may come tomorrow.
///
/// `nulls` keeps null distributions from call to call.
#[must_use]
pub fn judge_family(nulls: &mut Nulls, alpha: f64, tasks: &[Task<'_>]) -> Vec<Judged> {
    let all: Vec<Evidence<'_>> =
        tasks.iter().map(|t| Evidence::of(nulls, t.plan, t.rows, tasks.len())).collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| all[a].p().total_cmp(&all[b].p()).then(a.cmp(&b)));
    let mut levels = vec![0.0; all.len()];
    let mut level = 0.0;
    let mut open = true;
    for (step, &i) in order.iter().enumerate() {
        if open {
            level = alpha / (all.len() - step) as f64;
            open = all[i].p() <= level;
        }
        levels[i] = level;
    }
    all.iter().zip(levels).map(|(evidence, level)| evidence.judge(nulls, level)).collect()
}

/// The verdict over classes: the gravest.
#[must_use]
pub fn overall(judged: &[Judged]) -> Call {
    Call::gravest(judged.iter().map(|j| j.verdict))
}

//! What the gate's statistics say.

use std::fmt::Write as _;

use wavegate_common::MetricAssessment;
use wavegate_common::view::{GateView, ReplayView};

use super::table::Table;

/// One table per class.
#[must_use]
pub fn show(view: &GateView, wide: bool) -> String {
    let Some(says) = &view.assessment else {
        return "nothing was judged yet; its specification may have no `judge`\n".to_owned();
    };
    let mut out = String::new();
    for class in &says.classes {
        let accepted = view.accepted.iter().find(|known| known.class == class.class);
        let words =
            accepted.map_or(String::new(), |known| format!("; accepted by {}", known.words));
        let _ = writeln!(out, "{}  {}{words}", class.class, class.verdict.name());
        let head =
            ["METRIC", "VERDICT", "CHANGE", "BETWEEN", "FINDS", "HOSTS", "CONTROLS", "EVIDENCE"];
        let mut table = Table::new(&head).firm(&[0, 1, 2, 3, 4]).unbounded(wide).indented(2);
        for metric in &class.metrics {
            table.row(row(metric));
        }
        out.push_str(&table.render());
    }
    let _ = writeln!(out, "evidence {}", says.evidence);
    out
}

fn row(metric: &MetricAssessment) -> Vec<String> {
    let none = || "-".to_owned();
    vec![
        metric.metric.to_string(),
        metric.says.name().to_owned(),
        metric.effect_ppm.map_or_else(none, percent),
        metric.interval_ppm.map_or_else(none, |(low, high)| {
            let bound =
                |ppm: i64, open: i64| if ppm == open { "?".to_owned() } else { percent(ppm) };
            format!("{} {}", bound(low, i64::MIN), bound(high, i64::MAX))
        }),
        metric.detectable_ppm.map_or_else(none, |ppm| percent(ppm.cast_signed())),
        metric.hosts_used.to_string(),
        metric.controls_used.to_string(),
        metric.evidence.clone(),
    ]
}

fn percent(ppm: i64) -> String {
    format!("{:+.2}%", ppm as f64 / 1e4)
}

/// One line per verdict.
#[must_use]
pub fn replay(view: &ReplayView, other: bool) -> String {
    let same = view.verdicts.iter().filter(|verdict| verdict.identical).count();
    let mut out = String::new();
    for verdict in &view.verdicts {
        let differ: Vec<String> = verdict
            .classes
            .iter()
            .filter(|class| class.stored != class.replayed)
            .map(|class| format!("{}: {} was {}", class.class, class.replayed, class.stored))
            .collect();
        if !differ.is_empty() {
            let at = super::time::absolute(verdict.at);
            let _ = writeln!(out, "{at}  {}", differ.join("; "));
        }
    }
    let all = view.verdicts.len();
    let _ = if other {
        writeln!(out, "{all} verdicts by another rule, {same} of them the same")
    } else {
        writeln!(out, "{same} of {all} verdicts are identical to the last bit")
    };
    out
}

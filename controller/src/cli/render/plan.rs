//! A rollout before it is made: what people should see before they say yes.

use std::fmt::Write as _;

use wavegate_common::Millis;
use wavegate_common::view::{Coverage, PlanView};

use super::paint::{Paint, hosts};
use super::table::{Table, wrap};
use super::time::span;

const WIDTH: usize = 10;
/// Rows of excluded hosts and domains beyond this many are summed up.
const ROWS_MOST: usize = 10;

/// The whole plan.
#[must_use]
pub fn plan(view: &PlanView, paint: Paint, wide: bool) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{:<WIDTH$}{}", "Rollout", paint.bold(&view.name));
    let _ = writeln!(
        out,
        "{:<WIDTH$}{} (kernel {})",
        "Release", view.release.name, view.release.kernel
    );
    let _ = writeln!(out, "{:<WIDTH$}{}", "Plan", view.hash);
    out.push('\n');
    out.push_str(&waves(view));
    out.push('\n');
    out.push_str(&coverage(&view.coverage, wide));
    out.push_str(&peak(view, wide));
    out.push_str(&excluded(view, wide));
    if !view.warnings.is_empty() {
        let _ = writeln!(out, "\n{}", paint.warn("Before you say yes"));
        for warning in &view.warnings {
            let _ = writeln!(out, "  {}", wrap(warning, 2));
        }
    }
    let _ = write!(out, "\n{}\n", wrap(&summary(view), 0));
    out
}

fn waves(view: &PlanView) -> String {
    let mut table = Table::new(&["WAVE", "SHARE", "HOSTS", "CLASSES"]);
    for wave in &view.waves {
        let last = usize::from(wave.index) + 1 == view.waves.len();
        let name = match wave.index {
            0 => "canary".to_owned(),
            _ if last && view.holdback > 0 => "holdback".to_owned(),
            index => index.to_string(),
        };
        let classes = wave.classes.iter().filter(|class| class.hosts > 0).count();
        table.row([name, wave.share.to_string(), wave.hosts.to_string(), classes.to_string()]);
    }
    table.render()
}

fn coverage(coverage: &[Coverage], wide: bool) -> String {
    let mut table = Table::new(&["CLASS", "HOSTS", "CANARIES"]).unbounded(wide);
    for class in coverage {
        let canaries = match &class.waived {
            Some(waiver) => format!("none: {} answers for it ({})", waiver.by, waiver.reason),
            None => {
                let names: Vec<&str> = class.canaries.iter().map(|h| h.name.as_str()).collect();
                format!("{}: {}", names.len(), names.join(" "))
            }
        };
        table.row([class.class.to_string(), class.hosts.to_string(), canaries]);
    }
    table.render()
}

fn peak(view: &PlanView, wide: bool) -> String {
    if view.peak_down.is_empty() {
        return String::new();
    }
    let mut loads: Vec<_> = view.peak_down.iter().collect();
    loads.sort_by(|a, b| b.down.cmp(&a.down).then_with(|| a.domain.cmp(&b.domain)));
    let most = if wide { usize::MAX } else { ROWS_MOST };
    let shown: Vec<String> = loads
        .iter()
        .take(most)
        .map(|load| match load.max {
            Some(max) => format!("{} {} of at most {max}", load.domain, load.down),
            None => format!("{} {}", load.domain, load.down),
        })
        .collect();
    let more = loads.len().saturating_sub(most);
    let tail = if more > 0 { format!(", and {more} more with no more") } else { String::new() };
    let text = format!("Most hosts down at once: {}{tail}", shown.join(", "));
    format!("\n{}\n", wrap(&text, 2))
}

fn excluded(view: &PlanView, wide: bool) -> String {
    if view.excluded.is_empty() {
        return String::new();
    }
    let mut out = format!("\nWill not touch {}:\n", hosts(view.excluded.len() as u64));
    let most = if wide { usize::MAX } else { ROWS_MOST };
    for host in view.excluded.iter().take(most) {
        let _ = writeln!(out, "  {}", wrap(&format!("{}: {}", host.name, host.reason), 4));
    }
    if view.excluded.len() > most {
        let _ = writeln!(out, "  and {} more (`-o wide` shows them)", view.excluded.len() - most);
    }
    out
}

fn summary(view: &PlanView) -> String {
    let time = |at: Option<Millis>| at.map_or("unknown".to_owned(), span);
    let mut text = format!(
        "{} to update, {} excluded; it takes about {} (9 in 10 simulated runs: at most {})",
        hosts(view.hosts),
        view.excluded.len(),
        time(view.p50),
        time(view.p90)
    );
    if view.unreached > 0 {
        let _ = write!(text, "; {} were not reached in any run", hosts(view.unreached));
    }
    if view.needs_approval {
        text.push_str("; a second person must approve it");
    }
    text.push('.');
    text
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_plan() {
        let text = plan(&samples::plan(), Paint::NONE, false);
        samples::golden("plan", &text);
    }
}

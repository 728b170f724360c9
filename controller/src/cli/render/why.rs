//! Why a rollout stands where it stands: what stopped it, on what evidence, whom it is about,
//! what was done by itself, and what can be typed now.

use std::fmt::Write as _;

use wavegate_common::view::{HarmedHost, RolloutWhyView, WaitGroup};
use wavegate_common::{Finding, HostPhase, Timestamp};

use super::paint::{Paint, hosts};
use super::table::{Table, wrap};
use super::time::since;

/// Hosts beyond this many are summed up.
const HOSTS_MOST: usize = 20;

/// The whole answer.
#[must_use]
pub fn why(view: &RolloutWhyView, now: Timestamp, paint: Paint) -> String {
    let mut out = String::new();
    let phase = paint.phase(&view.standing.phase);
    let _ = writeln!(out, "{} ({}) {phase}", paint.bold(&view.name), view.id);
    let _ = writeln!(out, "{}", wrap(&view.text, 0));
    if let Some(begun) = view.since {
        let _ = writeln!(out, "It has stood there {}.", since(begun, now));
    }
    if let Some(wait) = &view.waiting {
        let _ = writeln!(out, "Released by: {}.", wait.released_by);
    }
    evidence(&mut out, &view.findings, paint);
    if let Some(scope) = &view.standing.scope {
        heading(&mut out, "Scope", paint);
        let _ = writeln!(out, "  {}", wrap(scope, 2));
    }
    harmed(&mut out, &view.harmed, paint);
    listed(&mut out, "What they share", &view.shared, paint);
    listed(&mut out, "Done by itself", &view.done, paint);
    waits(&mut out, &view.waits, paint);
    choices(&mut out, view, paint);
    out
}

fn heading(out: &mut String, title: &str, paint: Paint) {
    let _ = writeln!(out, "\n{}", paint.bold(title));
}

fn listed(out: &mut String, title: &str, items: &[String], paint: Paint) {
    if items.is_empty() {
        return;
    }
    heading(out, title, paint);
    for item in items {
        let _ = writeln!(out, "  {}", wrap(item, 2));
    }
}

fn evidence(out: &mut String, findings: &[Finding], paint: Paint) {
    if findings.is_empty() {
        return;
    }
    heading(out, "Evidence", paint);
    for finding in findings {
        let _ = writeln!(out, "  {}", wrap(&finding.evidence, 2));
        let (low, high) = finding.interval_ppm;
        let (effect, low, high) = (percent(finding.effect_ppm), percent(low), percent(high));
        let _ = if finding.metric.is_compared() {
            let name = finding.name.as_ref().map_or("it", |name| name.as_str());
            writeln!(out, "  {name} changed by {effect}; between {low} and {high}")
        } else {
            writeln!(
                out,
                "  {effect} of the hosts that moved; between {low} and {high} at 95 % confidence"
            )
        };
    }
}

/// Millionths as a percentage with one digit.
fn percent(ppm: i64) -> String {
    let sign = if ppm < 0 { "-" } else { "" };
    let ppm = ppm.unsigned_abs();
    format!("{sign}{}.{} %", ppm / 10_000, ppm % 10_000 / 1_000)
}

fn harmed(out: &mut String, harmed: &[HarmedHost], paint: Paint) {
    if harmed.is_empty() {
        return;
    }
    heading(out, "Hosts", paint);
    let mut table = Table::new(&["NAME", "PHASE", "IN", "WHAT"]).indented(2);
    for host in harmed.iter().take(HOSTS_MOST) {
        let domains: Vec<String> = host.domains.iter().map(ToString::to_string).collect();
        let what = match &host.standing.phase_detail {
            HostPhase::Failed { step, reason } => format!("{step}: {reason}"),
            HostPhase::Lost => "did not come back".to_owned(),
            _ => String::new(),
        };
        table.row([host.name.clone(), host.standing.phase.clone(), domains.join(" "), what]);
    }
    out.push_str(&table.render());
    if harmed.len() > HOSTS_MOST {
        let _ = writeln!(out, "  and {} more", harmed.len() - HOSTS_MOST);
    }
}

fn waits(out: &mut String, waits: &[WaitGroup], paint: Paint) {
    if waits.is_empty() {
        return;
    }
    heading(out, "Who waits for what", paint);
    for group in waits {
        let wait = &group.waiting;
        let text = format!(
            "{}: {} [{}]; released by: {}",
            hosts(group.count),
            wait.text,
            wait.kind,
            wait.released_by
        );
        let _ = writeln!(out, "  {}", wrap(&text, 4));
    }
}

fn choices(out: &mut String, view: &RolloutWhyView, paint: Paint) {
    if view.choices.is_empty() {
        return;
    }
    heading(out, "What you can do", paint);
    for choice in &view.choices {
        // A command is to be copied: it is never wrapped.
        let _ = writeln!(out, "  {}", choice.command);
        let _ = writeln!(out, "      {}", wrap(&choice.effect, 6));
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_closed_gate() {
        let text = why(&samples::rollout_why(), samples::NOW, Paint::NONE);
        samples::golden("rollout_why", &text);
    }

    #[test]
    fn percentages() {
        assert_eq!(percent(1_000_000), "100.0 %");
        assert_eq!(percent(25_300), "2.5 %");
    }
}

//! Rollouts: the list, where one stands, what happened to it.

use std::fmt::Write as _;

use wavegate_common::view::{EventPage, HostCounts, RolloutList, RolloutView, WaveView};
use wavegate_common::{RolloutPhase, Timestamp};

use super::paint::{Paint, hosts};
use super::table::{Table, wrap};
use super::time::{absolute, both, cell, since};

const WIDTH: usize = 10;
/// Classes and domains beyond this many are summed up.
const ROWS_MOST: usize = 12;

fn line(out: &mut String, title: &str, text: &str) {
    let _ = writeln!(out, "{title:<WIDTH$}{}", wrap(text, WIDTH));
}

/// The list of rollouts.
#[must_use]
pub fn list(list: &RolloutList, now: Timestamp, wide: bool) -> String {
    let mut head = vec!["ID", "NAME", "PHASE", "UPDATED", "HARMED", "RELEASE", "MADE"];
    if wide {
        head.extend(["BY", "REASON"]);
    }
    let mut table = Table::new(&head).firm(&[0, 2, 6]).unbounded(wide);
    for rollout in &list.rollouts {
        let counts = &rollout.hosts;
        let mut row = vec![
            rollout.id.to_string(),
            rollout.name.clone(),
            phase(rollout),
            format!("{}/{}", counts.updated, taking_part(counts)),
            harmed(counts).to_string(),
            rollout.release.name.to_string(),
            cell(rollout.created_at, now),
        ];
        if wide {
            row.push(rollout.created_by.clone());
            row.push(rollout.standing.reason.clone().unwrap_or_default());
        }
        table.row(row);
    }
    table.render()
}

/// The phase with its wave.
#[must_use]
pub fn phase(rollout: &RolloutView) -> String {
    let word = &rollout.standing.phase;
    match &rollout.standing.phase_detail {
        RolloutPhase::Rolling { wave } => format!("{word} (wave {wave})"),
        RolloutPhase::Baking { wave, .. } => format!("{word} ({})", wave_name(*wave)),
        _ => word.clone(),
    }
}

fn wave_name(wave: u16) -> String {
    if wave == 0 { "canary".to_owned() } else { format!("wave {wave}") }
}

fn taking_part(counts: &HostCounts) -> u64 {
    counts.total.saturating_sub(counts.excluded)
}

fn harmed(counts: &HostCounts) -> u64 {
    counts.failed + counts.lost
}

/// Where a rollout stands, on one screen.
#[must_use]
pub fn status(rollout: &RolloutView, now: Timestamp, paint: Paint, wide: bool) -> String {
    let mut out = String::new();
    line(&mut out, "Rollout", &format!("{} ({})", paint.bold(&rollout.name), rollout.id));
    let release = &rollout.release;
    line(&mut out, "Release", &format!("{} (kernel {})", release.name, release.kernel));
    line(&mut out, "Status", &state(rollout, paint));
    if let Some(reason) = &rollout.standing.reason {
        line(&mut out, "Why", reason);
    } else if let Some(wait) = &rollout.waiting {
        line(&mut out, "Waits", &format!("{}, {}", wait.text, since(wait.since, now)));
        line(&mut out, "Until", &wait.released_by);
    }
    line(&mut out, "Changed", &both(rollout.changed_at, now));
    line(
        &mut out,
        "Made",
        &format!("by {}, {}", rollout.created_by, both(rollout.created_at, now)),
    );
    line(&mut out, "Hosts", &counts(&rollout.hosts));
    out.push('\n');
    out.push_str(&waves(&rollout.waves));
    out.push_str(&classes(rollout, wide));
    out.push_str(&domains(rollout));
    out
}

fn state(rollout: &RolloutView, paint: Paint) -> String {
    let words = phase(rollout);
    let sign = paint.phase(&rollout.standing.phase);
    match words.strip_prefix(rollout.standing.phase.as_str()) {
        Some(rest) => format!("{sign}{rest}"),
        None => sign,
    }
}

/// Hosts by where they stand, in words; what is zero is left out.
#[must_use]
pub fn counts(counts: &HostCounts) -> String {
    let parts = [
        (counts.updated, "updated"),
        (counts.under_way, "under way"),
        (counts.pending, "pending"),
        (counts.failed, "failed"),
        (counts.lost, "lost"),
        (counts.rolled_back, "rolled back"),
        (counts.excluded, "excluded"),
    ];
    let some: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    format!("{}: {}", counts.total, some.join(", "))
}

fn waves(waves: &[WaveView]) -> String {
    let mut table =
        Table::new(&["WAVE", "SHARE", "HOSTS", "UPDATED", "UNDER WAY", "HARMED", "GATE"]);
    for wave in waves {
        let name = if wave.index == 0 { "canary".to_owned() } else { wave.index.to_string() };
        table.row([
            name,
            wave.share.to_string(),
            wave.hosts.to_string(),
            format!("{} {}", bar(wave.updated, wave.hosts), wave.updated),
            wave.under_way.to_string(),
            wave.harmed.to_string(),
            wave.verdict.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table.render()
}

/// Ten cells that fill up.
fn bar(done: u64, of: u64) -> String {
    let full = (done * 10).checked_div(of).map_or(0, |cells| cells.min(10));
    (0..10).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

/// Classes in which something is wrong; every class if wide.
fn classes(rollout: &RolloutView, wide: bool) -> String {
    let some: Vec<_> = rollout
        .classes
        .iter()
        .filter(|class| wide || class.harmed > 0 || class.blocked.is_some())
        .collect();
    if some.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["CLASS", "HOSTS", "UPDATED", "HARMED", "BLOCKED"]).unbounded(wide);
    for class in some.iter().take(if wide { usize::MAX } else { ROWS_MOST }) {
        table.row([
            class.class.to_string(),
            class.total.to_string(),
            class.updated.to_string(),
            class.harmed.to_string(),
            class.blocked.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    format!("\n{}", table.render())
}

fn domains(rollout: &RolloutView) -> String {
    if rollout.down_by_domain.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = rollout
        .down_by_domain
        .iter()
        .take(ROWS_MOST)
        .map(|load| match load.max {
            Some(max) => format!("{} {}/{max}", load.domain, load.down),
            None => format!("{} {}", load.domain, load.down),
        })
        .collect();
    let more = rollout.down_by_domain.len().saturating_sub(ROWS_MOST);
    let tail = if more > 0 { format!(", and {more} more") } else { String::new() };
    let mut out = String::from("\n");
    line(&mut out, "Down", &format!("{}{tail}", shown.join(", ")));
    out
}

/// One line about a rollout, for a watch that goes to a pipe.
#[must_use]
pub fn change_line(rollout: &RolloutView, now: Timestamp) -> String {
    let reason = rollout.standing.reason.as_ref().map(|text| format!("; {text}"));
    format!(
        "{} {} {} {}{}",
        absolute(now),
        rollout.id,
        phase(rollout),
        counts(&rollout.hosts),
        reason.unwrap_or_default()
    )
}

/// What happened to a rollout.
#[must_use]
pub fn history(page: &EventPage, now: Timestamp, wide: bool) -> String {
    let mut table = Table::new(&["AT", "HOST", "KIND", "WHAT"]).firm(&[0]).unbounded(wide);
    for event in &page.events {
        table.row([
            cell(event.at, now),
            event.host.as_ref().map_or("-".to_owned(), |host| host.name.clone()),
            event.kind.clone(),
            event.text.clone(),
        ]);
    }
    table.render()
}

/// What came of a request, and what to type to see more.
#[must_use]
pub fn done(rollout: &RolloutView) -> String {
    let name = &rollout.name;
    let at = phase(rollout);
    let part = hosts(taking_part(&rollout.hosts));
    format!(
        "rollout {name} ({}) is {at}, {part}; see `wavegate rollout status {name} --watch`\n",
        rollout.id
    )
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_paused_rollout() {
        let text = status(&samples::paused(), samples::NOW, Paint::NONE, false);
        samples::golden("rollout_status", &text);
    }

    #[test]
    fn a_list() {
        let rollouts = RolloutList { rollouts: vec![samples::paused()] };
        let text = list(&rollouts, samples::NOW, false);
        samples::golden("rollout_list", &text);
    }

    #[test]
    fn bars_fill_up() {
        assert_eq!(bar(0, 0), "░".repeat(10));
        assert_eq!(bar(5, 10), "█████░░░░░");
        assert_eq!(bar(9, 10), "█████████░");
        assert_eq!(bar(10, 10), "█".repeat(10));
    }
}

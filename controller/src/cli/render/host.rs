//! Hosts: the list, one of them, and why it does not move.

use std::fmt::Write as _;

use wavegate_common::view::{
    HostInRollout, HostPage, HostView, HostWhyView, HostsChanged, WaitView,
};
use wavegate_common::{BootCause, BootMethod, HealthState, HostReport, Labels, Timestamp};

use super::paint::{Paint, hosts};
use super::table::{Table, wrap};
use super::time::{both, cell, relative, since};

const WIDTH: usize = 13;

/// The list of hosts.
#[must_use]
pub fn list(page: &HostPage, now: Timestamp, wide: bool) -> String {
    let mut head = vec!["NAME", "KERNEL", "STATE", "HEALTH", "SEEN", "CLASS"];
    if wide {
        head.extend(["ROLLOUT", "WAVE", "WAITS ON", "LABELS", "ID"]);
    }
    let mut table = Table::new(&head).firm(&[0, 1, 4]).unbounded(wide);
    for host in &page.hosts {
        let mut row = vec![
            host.name.clone(),
            host.kernel.as_ref().map_or("-".to_owned(), ToString::to_string),
            state(host),
            health(host.health).to_owned(),
            host.last_seen.map_or("never".to_owned(), |at| relative(at, now)),
            host.class.to_string(),
        ];
        if wide {
            row.push(host.rollout.as_ref().map_or("-".to_owned(), |part| part.rollout.to_string()));
            row.push(host.rollout.as_ref().map_or("-".to_owned(), |part| part.wave.to_string()));
            row.push(host.waiting.as_ref().map_or("-".to_owned(), |wait| wait.kind.clone()));
            row.push(labels(&host.labels));
            row.push(host.id.to_string());
        }
        table.row(row);
    }
    table.render()
}

/// One word for where a host stands.
fn state(host: &HostView) -> String {
    match (&host.hold, &host.rollout) {
        (Some(_), _) => "held".to_owned(),
        (None, Some(part)) => part.standing.phase.clone(),
        (None, None) if host.connected => "idle".to_owned(),
        (None, None) => "away".to_owned(),
    }
}

fn health(state: HealthState) -> &'static str {
    match state {
        HealthState::Unknown => "unknown",
        HealthState::Healthy => "healthy",
        HealthState::Unhealthy => "unhealthy",
    }
}

fn labels(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}

fn line(out: &mut String, title: &str, text: &str) {
    let _ = writeln!(out, "{title:<WIDTH$}{}", wrap(text, WIDTH));
}

/// One host, with all it said last.
#[must_use]
pub fn show(host: &HostView, now: Timestamp, paint: Paint) -> String {
    let mut out = String::new();
    line(&mut out, "Host", &paint.bold(&host.name));
    line(&mut out, "Id", &host.id.to_string());
    line(&mut out, "Class", host.class.as_str());
    line(&mut out, "Labels", &labels(&host.labels).replace(',', ", "));
    let seen = host.last_seen.map_or("never".to_owned(), |at| both(at, now));
    let link = if host.connected { "connected" } else { "not connected" };
    line(&mut out, "Seen", &format!("{seen}, {link}"));
    let kernel = host.kernel.as_ref().map_or("unknown".to_owned(), ToString::to_string);
    line(&mut out, "Kernel", &kernel);
    if let Some(report) = &host.report {
        out.push_str(&told(report, now));
    } else {
        line(&mut out, "Health", health(host.health));
    }
    if let Some(hold) = &host.hold {
        line(&mut out, "Held", &format!("by {}: {}", hold.by, hold.reason));
    }
    if let Some(part) = &host.rollout {
        line(&mut out, "Rollout", &in_rollout(part));
    }
    if let Some(wait) = &host.waiting {
        line(&mut out, "Waits", &waiting(wait, now));
        line(&mut out, "Released by", &wait.released_by);
    }
    out
}

/// What the host's own report says.
fn told(report: &HostReport, now: Timestamp) -> String {
    let mut out = String::new();
    let default = report.default_kernel.as_ref().map_or("unknown".to_owned(), ToString::to_string);
    line(&mut out, "Default", &default);
    let installed: Vec<&str> = report.installed.iter().map(|kernel| kernel.as_str()).collect();
    line(&mut out, "Installed", &installed.join(", "));
    line(
        &mut out,
        "Boot",
        &format!("{}, up {}", report.boot.boot_id, since(report.boot.booted_at, now)),
    );
    out.push_str(&cause(&report.boot.cause));
    let failed = report.health.failed();
    let text = if failed.is_empty() { String::new() } else { format!(": {failed}") };
    line(&mut out, "Health", &format!("{}{text}", health(report.health.state)));
    for check in report.health.checks.iter().filter(|check| !check.ok) {
        line(&mut out, "", &format!("{}: {}", check.name, check.detail));
    }
    if !report.guard.is_empty() {
        line(&mut out, "Guard", &format!("refuses to reboot: {}", report.guard.join(", ")));
    }
    if !report.no_kexec.is_empty() {
        line(&mut out, "Kexec", &format!("not possible: {}", report.no_kexec.join(", ")));
    }
    if !report.drift.is_empty() {
        line(&mut out, "Drift", &report.drift.join(", "));
    }
    out
}

/// Why the machine booted last, with whatever a crash left behind.
fn cause(cause: &BootCause) -> String {
    let mut out = String::new();
    let (text, evidence) = match cause {
        BootCause::Commanded { command, method } => {
            let how = match method {
                BootMethod::Kexec => " by kexec",
                BootMethod::Firmware => " through firmware",
                BootMethod::Auto => "",
            };
            (format!("by order{how} ({command})"), None)
        }
        BootCause::FellBack { evidence, .. } => {
            ("fell back from the kernel it was told to boot".to_owned(), Some(evidence))
        }
        BootCause::Operator => ("somebody rebooted it in order".to_owned(), None),
        BootCause::Panic { evidence } => ("it had panicked".to_owned(), Some(evidence)),
        BootCause::Watchdog => ("the hardware watchdog had reset it".to_owned(), None),
        BootCause::Unknown => ("unknown: nothing left a trace".to_owned(), None),
        BootCause::First => ("the first boot that its agent has seen".to_owned(), None),
    };
    line(&mut out, "Cause", &text);
    let evidence = evidence.map_or("", String::as_str);
    // The lines of a panic record keep their shape: people search for them.
    for text in evidence.lines().filter(|text| !text.trim().is_empty()) {
        let _ = writeln!(out, "{:WIDTH$}| {text}", "");
    }
    out
}

fn in_rollout(part: &HostInRollout) -> String {
    let wave = match part.wave {
        0 => "a canary".to_owned(),
        wave => format!("in wave {wave}"),
    };
    let from = part.came_from.as_ref().map(|from| format!(", came from {from}"));
    let (name, id, phase) = (&part.rollout_name, part.rollout, &part.standing.phase);
    format!("{name} ({id}), {wave}: {phase}{}", from.unwrap_or_default())
}

fn waiting(wait: &WaitView, now: Timestamp) -> String {
    format!("{} [{}], {}", wait.text, wait.kind, since(wait.since, now))
}

/// The one reason why a host does not move.
#[must_use]
pub fn why(view: &HostWhyView, now: Timestamp, paint: Paint) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", paint.bold(&wrap(&view.text, 0)));
    if let Some(wait) = &view.waiting {
        line(&mut out, "Reason", &wait.kind);
        line(&mut out, "Waits", &since(wait.since, now));
        line(&mut out, "Released by", &wait.released_by);
    }
    if let Some(part) = &view.rollout {
        line(&mut out, "Rollout", &in_rollout(part));
    }
    if let Some(next) = &view.next {
        let _ = writeln!(out, "{:<WIDTH$}{next}", "Next");
    }
    out
}

/// What a change reached.
#[must_use]
pub fn changed(view: &HostsChanged, done: &str) -> String {
    const NAMES_MOST: usize = 20;
    let mut table = Table::new(&["NAME", "ID"]);
    for host in view.hosts.iter().take(NAMES_MOST) {
        table.row([host.name.clone(), host.id.to_string()]);
    }
    let count = view.hosts.len();
    let mut out = table.render();
    if count > NAMES_MOST {
        let _ = writeln!(out, "and {} more", count - NAMES_MOST);
    }
    let _ = writeln!(out, "{} {done}", hosts(count as u64));
    out
}

/// A line about a page that is not the last one.
#[must_use]
pub fn remaining(page: &HostPage) -> String {
    format!("{} of {} hosts are shown", page.hosts.len(), page.total)
}

/// A moment in a cell of a table, or a dash.
#[must_use]
pub fn moment(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or("-".to_owned(), |at| cell(at, now))
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_list() {
        let text = list(&samples::host_page(), samples::NOW, false);
        samples::golden("host_list", &text);
    }

    #[test]
    fn a_host_with_its_panic() {
        let text = show(&samples::fallen_host(), samples::NOW, Paint::NONE);
        samples::golden("host_show", &text);
        assert!(text.contains("| Kernel panic - not syncing"), "{text}");
    }

    #[test]
    fn the_one_reason() {
        let text = why(&samples::host_why(), samples::NOW, Paint::NONE);
        samples::golden("host_why", &text);
    }
}

//! Incidents and receivers.

use std::fmt::Write as _;

use wavegate_common::Timestamp;
use wavegate_common::view::{IncidentList, IncidentView, ReceiverView};

use super::table::{Table, wrap};
use super::time::{both, cell, relative};

/// The list.
#[must_use]
pub fn list(list: &IncidentList, now: Timestamp, wide: bool) -> String {
    let mut out = String::new();
    if list.incidents.is_empty() {
        out.push_str("nothing is wrong that people must be told\n");
    } else {
        let head = ["ID", "SEVERITY", "STATE", "SINCE", "HOSTS", "TOLD", "WHAT"];
        let mut table = Table::new(&head).firm(&[0, 1, 2, 3, 4, 5]).unbounded(wide);
        for one in &list.incidents {
            let state = if one.resolved_at.is_some() { "over" } else { "open" };
            table.row([
                one.id.to_string(),
                one.severity.name().to_owned(),
                state.to_owned(),
                cell(one.resolved_at.unwrap_or(one.opened_at), now),
                one.host_count.to_string(),
                told(one),
                one.text.clone(),
            ]);
        }
        out.push_str(&table.render());
    }
    if !list.receivers.is_empty() {
        out.push('\n');
        out.push_str(&receivers(&list.receivers, now, wide));
    }
    out
}

/// How many receivers have taken its newest state, of how many.
fn told(incident: &IncidentView) -> String {
    let all = incident.deliveries.len();
    let done = incident.deliveries.iter().filter(|d| d.sent == incident.revision).count();
    format!("{done}/{all}")
}

fn receivers(receivers: &[ReceiverView], now: Timestamp, wide: bool) -> String {
    let head = ["RECEIVER", "KIND", "PENDING", "FAILURES", "LAST TAKEN", "SILENCES", "ERROR"];
    let mut table = Table::new(&head).firm(&[2, 3, 4, 5]).unbounded(wide);
    for one in receivers {
        table.row([
            one.name.clone(),
            one.kind.clone(),
            one.pending.to_string(),
            one.failures.to_string(),
            one.sent_at.map_or_else(|| "never".to_owned(), |at| relative(at, now)),
            one.silences.to_string(),
            one.error.clone().unwrap_or_default(),
        ]);
    }
    table.render()
}

/// One incident, whole.
#[must_use]
pub fn one(incident: &IncidentView, now: Timestamp) -> String {
    let mut out = String::new();
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(out, "{name:<10}{}", wrap(text, 10));
    };
    line("incident", &format!("{}  {}", incident.id, incident.severity.name()));
    line("what", &incident.text);
    line("rollout", &format!("{} ({})", incident.rollout, incident.rollout_name));
    line("scope", &incident.scope);
    line("began", &both(incident.opened_at, now));
    match incident.resolved_at {
        Some(at) => line("ended", &both(at, now)),
        None => line("changed", &both(incident.updated_at, now)),
    }
    if !incident.shared.is_empty() {
        line("in common", &incident.shared.join(", "));
    }
    if incident.host_count > 0 {
        let names: Vec<&str> = incident.hosts.iter().map(|host| host.name.as_str()).collect();
        let more = if incident.host_count > names.len() as u64 { ", …" } else { "" };
        line("hosts", &format!("{}: {}{more}", incident.host_count, names.join(", ")));
    }
    for evidence in &incident.evidence {
        line("evidence", evidence);
    }
    for choice in &incident.next {
        line("next", &choice.command);
        line("", &choice.effect);
    }
    for delivery in &incident.deliveries {
        let taken = match (delivery.sent, delivery.sent_at) {
            (0, _) | (_, None) => "has taken nothing yet".to_owned(),
            (sent, Some(at)) if sent == incident.revision => {
                format!("knows all, {}", relative(at, now))
            }
            (sent, Some(at)) => {
                format!("knows revision {sent} of {}, {}", incident.revision, relative(at, now))
            }
        };
        let error = match (&delivery.error, delivery.next_at) {
            (Some(error), Some(at)) => {
                let count = delivery.attempts;
                format!("; failed {count} times ({error}), again {}", relative(at, now))
            }
            _ => String::new(),
        };
        line("told", &format!("{} {taken}{error}", delivery.receiver));
    }
    out
}

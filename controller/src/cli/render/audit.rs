//! The audit log.

use wavegate_common::Timestamp;
use wavegate_common::view::{AuditCheck, AuditPage, Outcome};

use super::table::Table;
use super::time::cell;

/// Some entries.
#[must_use]
pub fn list(page: &AuditPage, now: Timestamp, wide: bool) -> String {
    let mut head = vec!["NO", "AT", "WHO", "ACT", "TARGET", "OUTCOME", "REASON"];
    if wide {
        head.extend(["ROLE", "FROM", "HASH"]);
    }
    let mut table = Table::new(&head).firm(&[0, 1]).unbounded(wide);
    for entry in &page.entries {
        let mut row = vec![
            entry.seq.to_string(),
            cell(entry.at, now),
            entry.who.clone(),
            entry.act.clone(),
            entry.target.clone(),
            match &entry.outcome {
                Outcome::Done => "done".to_owned(),
                Outcome::Refused { why } => format!("refused: {why}"),
            },
            entry.reason.clone(),
        ];
        if wide {
            row.extend([entry.role.clone(), entry.from.clone(), entry.hash.to_string()]);
        }
        table.row(row);
    }
    table.render()
}

/// What a look at the whole log found.
#[must_use]
pub fn check(check: &AuditCheck) -> String {
    match &check.broken {
        None => format!("{} entries hold; the last one's hash is {}\n", check.entries, check.head),
        Some(broken) => format!(
            "the log is broken at entry {}: {}\n{} entries before it hold, up to hash {}\n",
            broken.seq, broken.problem, check.entries, check.head
        ),
    }
}

//! The report: what the machine says of itself and what was seen on the host, within the bounds
//! that the controller accepts.

use wavegate_common::{BootCause, Facts, HostId, HostReport, Labels, TransactionStep};

use crate::machine::{Status, Surroundings};

/// The longest text of one line, in bytes. The controller takes four times as much.
const LINE: usize = 1_024;
/// The longest piece of evidence, in bytes.
const EVIDENCE: usize = 4_096;
/// The longest list.
const LIST: usize = 128;

/// What does not change while the agent runs.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) id: HostId,
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) facts: Facts,
}

/// Puts a report together. Its `seq` is for the caller to set.
pub(super) fn compose(host: &Host, status: Status, seen: &Surroundings) -> HostReport {
    let health = status.health(&seen.health);
    let mut report = HostReport {
        host: host.id,
        seq: 0,
        name: host.name.clone(),
        labels: host.labels.clone(),
        facts: host.facts.clone(),
        boot: status.boot,
        installed: seen.installed.clone(),
        default_kernel: seen.default_kernel.clone(),
        health,
        transaction: status.transaction,
        generation: status.generation,
        guard: status.guard,
        no_kexec: seen.no_kexec.clone(),
        drift: Vec::new(),
    };
    bound(&mut report);
    report
}

/// Cuts what is too long: a report that is refused for its length would be a host that nobody
/// sees any more.
fn bound(report: &mut HostReport) {
    let Facts {
        vendor, product, firmware, cpu, nic_drivers, disk_drivers, foreign_modules, ..
    } = &mut report.facts;
    for text in [vendor, product, firmware, cpu] {
        cut(text, 253);
    }
    for list in [nic_drivers, disk_drivers, foreign_modules] {
        cut_list(list, 253);
    }
    for list in [&mut report.guard, &mut report.no_kexec, &mut report.drift] {
        cut_list(list, LINE);
    }
    report.installed.truncate(LIST);
    report.health.checks.truncate(LIST);
    for check in &mut report.health.checks {
        cut(&mut check.name, 253);
        cut(&mut check.detail, LINE);
    }
    match &mut report.boot.cause {
        BootCause::FellBack { evidence, .. } | BootCause::Panic { evidence } => {
            cut(evidence, EVIDENCE);
        }
        BootCause::Commanded { .. }
        | BootCause::Operator
        | BootCause::Watchdog
        | BootCause::Unknown
        | BootCause::First => {}
    }
    if let Some(transaction) = &mut report.transaction {
        match &mut transaction.step {
            TransactionStep::Draining { waiting: Some(text) }
            | TransactionStep::Aborted { reason: text }
            | TransactionStep::Failed { reason: text, .. } => cut(text, LINE),
            TransactionStep::FellBack { evidence } => cut(evidence, EVIDENCE),
            TransactionStep::Draining { waiting: None }
            | TransactionStep::Staging
            | TransactionStep::Staged
            | TransactionStep::AwaitingPermit
            | TransactionStep::Switching
            | TransactionStep::Trial
            | TransactionStep::Verified
            | TransactionStep::Confirmed => {}
        }
    }
}

fn cut_list(list: &mut Vec<String>, longest: usize) {
    list.truncate(LIST);
    for text in list {
        cut(text, longest);
    }
}

fn cut(text: &mut String, longest: usize) {
    if text.len() <= longest {
        return;
    }
    let end = (0..=longest).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavegate_common::{BootId, BootRecord, CheckResult, Generation, Health, Timestamp};

    #[test]
    fn a_report_keeps_its_bounds_whatever_the_host_says() {
        let long = "ü".repeat(40_000);
        let host = Host {
            id: HostId(1),
            name: "web-1".into(),
            labels: Labels::new(),
            facts: Facts { cpu: long.clone(), ..Facts::default() },
        };
        let check = CheckResult { name: long.clone(), ok: true, detail: long.clone() };
        let seen = Surroundings {
            no_kexec: vec![long.clone(); 500],
            health: Health::of(vec![check; 500]),
            ..Surroundings::default()
        };
        let status = Status {
            boot: BootRecord {
                boot_id: BootId(1),
                kernel: "6.1".into(),
                booted_at: Timestamp(0),
                cause: BootCause::Panic { evidence: long.clone() },
            },
            transaction: None,
            generation: Generation(0),
            guard: vec![long; 500],
            workload_away: false,
            parked: false,
        };
        let report = compose(&host, status, &seen);
        assert!(serde_json::to_vec(&report).unwrap().len() < 1 << 20);
        assert_eq!(report.guard.len(), LIST);
        assert!(report.guard.iter().all(|reason| reason.len() == LINE));
        assert!(report.facts.cpu.len() <= 253);
    }
}

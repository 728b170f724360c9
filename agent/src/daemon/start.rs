//! From a configuration to a machine that knows what happened before it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use tokio::time::timeout;
use wavegate_common::actuator::{Answer, Request};
use wavegate_common::{BootCause, HostId};

use super::run::DaemonError;
use crate::act::Actuator;
use crate::config::Settings;
use crate::ledger::{Ledger, Opened};
use crate::machine::{Effect, Machine, MachineConfig, Record, Start};
use crate::observe::{BootFacts, Evidence, clocks, last_end, read_saved, save, take_shutdown_mark};
use crate::root::Root;

/// An agent that waits for the actuator's evidence is an agent that nobody sees.
const EVIDENCE_LIMIT: Duration = Duration::from_secs(20);

/// A machine with its ledger and what it wants first.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) machine: Machine,
    pub(super) ledger: Ledger,
    pub(super) effects: Vec<Effect>,
}

/// Opens the ledger and starts the machine on it.
pub(super) async fn start_machine(
    settings: &Settings,
    root: &Root,
    host: HostId,
    boot: &BootFacts,
) -> Result<Started, DaemonError> {
    let path = settings.state_dir.join("ledger");
    let Opened { records, damaged, ledger } = Ledger::open(&path)?;
    let known = records.iter().rev().find_map(|record| match record {
        Record::Boot { boot_id, .. } => Some(*boot_id),
        _ => None,
    });
    let evidence = if known == Some(boot.boot_id) {
        BootCause::Unknown
    } else {
        find_evidence(settings, root, boot).await
    };
    let start = Start {
        boot_id: boot.boot_id,
        kernel: boot.kernel.clone(),
        started_by: boot.started_by,
        evidence,
        ledger: records,
        ledger_damaged: damaged,
        nonce_seed: RandomState::new().build_hasher().finish(),
    };
    let config = MachineConfig {
        min_reboot_gap: settings.min_reboot_gap,
        observe_only: settings.observe,
        ..MachineConfig::default()
    };
    let (machine, effects) = Machine::start(host, start, config, clocks());
    Ok(Started { machine, ledger, effects })
}

/// How the boot before this one ended. Kept until the ledger has it: the records are gone once
/// they are collected.
async fn find_evidence(settings: &Settings, root: &Root, boot: &BootFacts) -> BootCause {
    if let Some(found) = read_saved(&settings.state_dir, boot.boot_id) {
        return found.cause;
    }
    let records = panic_records(&Actuator::in_dir(&settings.actuator_dir)).await;
    let marked = take_shutdown_mark(&settings.state_dir, boot.boot_id);
    let cause = last_end(root, &records, marked);
    let found = Evidence { boot_id: boot.boot_id, cause: cause.clone() };
    if let Err(error) = save(&settings.state_dir, &found) {
        tracing::warn!(%error, "cannot keep how the last boot ended");
    }
    cause
}

async fn panic_records(actuator: &Actuator) -> Vec<String> {
    match timeout(EVIDENCE_LIMIT, actuator.ask(&Request::Collect)).await {
        Ok(Ok(Answer::Collected(records))) => {
            records.into_iter().map(|record| record.text).collect()
        }
        Ok(Ok(_)) => Vec::new(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "cannot collect panic records");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!("the actuator took too long to collect panic records");
            Vec::new()
        }
    }
}

//! What may be left out of a long ledger without the machine noticing.
//!
//! It needs: the highest generation, and the orders of it that were refused; the last boot and its cause; the last order; the last two
//! orders that led to a switch, because the gap between reboots and the one way back follow from
//! them; and for a week the bare fact that a switch was begun for an order.

use std::collections::BTreeSet;

use wavegate_common::{BootCause, CommandId, Generation, Millis};

use crate::machine::Record;

/// For how long it is remembered that a switch was begun for an order, by the wall clock.
const REMEMBER_SWITCHES: Millis = Millis::hours(7 * 24);

/// And for how many at most.
const MAX_SWITCHES: usize = 256;

/// Boots after a switch that matter to its order; with more of them it is over.
const BOOTS_AFTER_SWITCH: usize = 4;

/// The records that must stay, in their order.
#[must_use]
pub fn compact(records: &[Record]) -> Vec<Record> {
    let mut kept = kept_orders(records);
    let boots = kept_boots(records, &kept);
    kept.extend(open_orders(records, &boots));
    let first = records.iter().position(|record| begins(record, &kept)).unwrap_or(records.len());
    let switches = kept_switches(records);
    let last_cause = records.iter().rposition(|record| matches!(record, Record::Cause { .. }));
    let highest = records.iter().filter_map(generation).max();
    let seen = highest.map(|generation| Record::Seen { generation });
    let stays = |(index, record): &(usize, &Record)| match record {
        Record::Seen { .. } => false,
        // Older ones are refused for their generation.
        Record::Refused { generation, .. } => Some(*generation) == highest,
        Record::Boot { .. } => boots.contains(index),
        Record::Cause { cause: BootCause::FellBack { command, .. }, .. } => {
            kept.contains(command) || Some(*index) == last_cause
        }
        Record::Cause { .. } => Some(*index) == last_cause,
        Record::Rested { .. } | Record::Confirmed { .. } => *index > first,
        Record::SwitchBegun { command, .. } => kept.contains(command) || switches.contains(index),
        Record::StageBegun { command, .. }
        | Record::StageEnded { command, .. }
        | Record::ActivateBegun { command, .. }
        | Record::Aborted { command, .. }
        | Record::Verified { command }
        | Record::RevertBegun { command, .. }
        | Record::Failed { command, .. }
        | Record::Undrained { command } => kept.contains(command),
    };
    let rest = records.iter().enumerate().filter(stays).map(|(_, record)| record.clone());
    seen.into_iter().chain(rest).collect()
}

/// The last order to stage, the last to change kernels, and the last two that led to a switch.
fn kept_orders(records: &[Record]) -> BTreeSet<CommandId> {
    let newest_first = || records.iter().rev();
    let staged = newest_first().find_map(|record| match record {
        Record::StageBegun { command, .. } => Some(*command),
        _ => None,
    });
    let activated = newest_first().find_map(|record| match record {
        Record::ActivateBegun { command, .. } => Some(*command),
        _ => None,
    });
    let switched = newest_first().filter_map(switch).take(2);
    staged.into_iter().chain(activated).chain(switched).collect()
}

fn switch(record: &Record) -> Option<CommandId> {
    match record {
        Record::SwitchBegun { command, .. } => Some(*command),
        _ => None,
    }
}

fn begins(record: &Record, kept: &BTreeSet<CommandId>) -> bool {
    matches!(record, Record::ActivateBegun { command, .. } if kept.contains(command))
}

fn generation(record: &Record) -> Option<Generation> {
    match record {
        Record::Seen { generation } | Record::Refused { generation, .. } => Some(*generation),
        _ => None,
    }
}

/// The boot that each kept switch left, the first few after it, and the last of all.
fn kept_boots(records: &[Record], kept: &BTreeSet<CommandId>) -> BTreeSet<usize> {
    let boots: Vec<usize> = records
        .iter()
        .enumerate()
        .filter(|(_, record)| matches!(record, Record::Boot { .. }))
        .map(|(index, _)| index)
        .collect();
    let mut out: BTreeSet<usize> = boots.last().copied().into_iter().collect();
    for (index, record) in records.iter().enumerate() {
        if switch(record).is_some_and(|command| kept.contains(&command)) {
            let after = boots.partition_point(|boot| *boot < index);
            out.extend(boots.iter().skip(after.saturating_sub(1)).take(BOOTS_AFTER_SWITCH + 1));
        }
    }
    out
}

/// The orders that were the newest at a kept boot: what the boot meant depends on them. The first
/// kept boot only stands for what was before.
fn open_orders(records: &[Record], boots: &BTreeSet<usize>) -> Vec<CommandId> {
    let newest_at = |boot: &usize| {
        records.iter().take(*boot).rev().find_map(|record| match record {
            Record::ActivateBegun { command, .. } => Some(*command),
            _ => None,
        })
    };
    boots.iter().skip(1).filter_map(newest_at).collect()
}

fn kept_switches(records: &[Record]) -> BTreeSet<usize> {
    let switches = || {
        records.iter().enumerate().filter_map(|(index, record)| match record {
            Record::SwitchBegun { at, .. } => Some((index, *at)),
            _ => None,
        })
    };
    let Some(newest) = switches().map(|(_, at)| at).max() else { return BTreeSet::new() };
    let young = switches().filter(|(_, at)| newest.since(*at) <= REMEMBER_SWITCHES);
    let young: Vec<usize> = young.map(|(index, _)| index).collect();
    young.iter().rev().take(MAX_SWITCHES).copied().collect()
}

//! Tests of the ledger: every prefix, every bit, every kind of file.

mod compacted;
mod files;
mod frames;

use wavegate_common::{BootId, CommandId, FailStep, Generation, Timestamp};

use crate::machine::Record;

/// A few records of different length.
fn records() -> Vec<Record> {
    vec![
        Record::Boot { boot_id: BootId(1), kernel: "6.1.0-55".into(), at: Timestamp(5) },
        Record::Seen { generation: Generation(3) },
        Record::Aborted { command: CommandId(9), reason: "drain hooks took longer".into() },
        Record::Failed { command: CommandId(8), step: FailStep::Arm, reason: "é\u{1F427}".into() },
        Record::Rested { boot_id: BootId(u128::MAX) },
    ]
}

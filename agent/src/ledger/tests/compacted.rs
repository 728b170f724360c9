//! What stays of a long ledger. That the machine starts alike from it is shown on random
//! histories beside the machine.

use wavegate_common::{BootCause, BootId, BootMethod, CommandId, Millis, Timestamp};

use crate::ledger::compact;
use crate::machine::Record;

#[test]
fn a_host_that_crashes_for_ever_does_not_fill_the_ledger() {
    let crashes = |n: u128| {
        let boot_id = BootId(n);
        let boot = Record::Boot { boot_id, kernel: "6.1.0-55".into(), at: Timestamp(0) };
        [boot, Record::Cause { boot_id, cause: BootCause::Watchdog }]
    };
    let records: Vec<Record> = (0..10_000).flat_map(crashes).collect();
    assert_eq!(compact(&records).len(), 2);
}

#[test]
fn a_switch_is_remembered_for_a_week() {
    let day = 86_400_000;
    let switch = |n: i64| Record::SwitchBegun {
        command: CommandId(n.unsigned_abs().into()),
        boot_id: BootId(1),
        method: BootMethod::Kexec,
        boottime: Millis(1),
        at: Timestamp(n * day),
    };
    let records: Vec<Record> = (1..=20).map(switch).collect();
    assert_eq!(compact(&records), (13..=20).map(switch).collect::<Vec<_>>());
}

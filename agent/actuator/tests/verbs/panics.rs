//! Panic records, from the firmware's memory and from where the service manager files them.

use crate::host::{Host, OLD};
use wavegate_common::BootId;
use wavegate_common::actuator::{Answer, Request};

#[test]
fn panic_records_are_put_together_filed_and_taken_out() {
    let host = Host::with_grub();
    let record = |part: u32, text: &str| {
        let name = format!("/sys/fs/pstore/dmesg-efi_pstore-16{part}");
        host.put(&name, &format!("Panic#1 Part{part}\n{text}\n"));
    };
    record(1, "<0>[ 2.0] Kernel panic - not syncing: no init\n<4>[ 2.1] CPU: 0");
    record(2, "<6>[ 1.0] earlier");
    let collect = || match host.ask(&Request::Collect) {
        Answer::Collected(records) => records,
        other => panic!("{other:?}"),
    };
    let records = collect();
    assert_eq!(records.len(), 1, "{records:?}");
    assert!(records[0].text.starts_with("[ 2.0] Kernel panic"), "{records:?}");
    assert_eq!(host.tree.names("/sys/fs/pstore"), Vec::<String>::new());
    let path = format!("{}/{}", wavegate_common::actuator::PANIC_DIR, records[0].name);
    let filed = host.tree.text(&path).unwrap().unwrap();
    assert!(filed.starts_with("<6>[ 1.0] earlier\n<0>[ 2.0]"), "in the order of time: {filed}");
    assert_eq!(collect(), records, "told again to an agent that died");
    host.boots(OLD, BootId(0x3333), 114);
    assert_eq!(collect(), [], "but not in the next boot");
}

#[test]
fn records_that_the_service_manager_filed_in_this_boot_are_told_too() {
    let host = Host::with_grub();
    host.put("/proc/stat", "cpu 1 2\nbtime 1000\n");
    host.put("/var/lib/systemd/pstore/77/001/dmesg.txt", "BUG: kernel NULL pointer\n");
    let collect = || match host.ask(&Request::Collect) {
        Answer::Collected(records) => records,
        other => panic!("{other:?}"),
    };
    assert_eq!(collect()[0].text, "BUG: kernel NULL pointer\n");
    assert!(host.tree.exists("/var/lib/systemd/pstore/77/001/dmesg.txt"), "it stays there");
    // In a later boot it is an old story.
    host.boots(OLD, BootId(0x3333), 114);
    host.put("/proc/stat", "btime 99999999999\n");
    assert_eq!(collect(), []);
}

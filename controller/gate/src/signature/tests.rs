use super::*;
use crate::signature::{Freeze, Sighting, freeze};
use std::collections::{BTreeMap, BTreeSet};

/// A log as a serial console shows it; what differs from crash to crash is given.
fn null_pointer(time: &str, cpu: u32, pid: u32, address: &str, offset: &str) -> String {
    format!(
        "\
[{time}] nvme nvme0: I/O 312 QID {cpu} timeout, aborting
[{time}] BUG: kernel NULL pointer dereference, address: {address}
[{time}] #PF: supervisor read access in kernel mode
[{time}] #PF: error_code(0x0000) - not-present page
[{time}] PGD 0 P4D 0
[{time}] Oops: 0000 [#1] PREEMPT SMP NOPTI
[{time}] CPU: {cpu} PID: {pid} Comm: kworker/{cpu}:1H Not tainted 6.1.0-41-amd64 #1 Debian
[{time}] Hardware name: Vendor Board/0ABC, BIOS 2.1{cpu} 01/01/2025
[{time}] RIP: 0010:nvme_complete_rq+{offset}/0x120 [nvme_core]
[{time}] Code: 00 00 0f 1f 44 00 00
[{time}] RSP: 0018:ffffb{pid}0a8 EFLAGS: 00010246
[{time}] Call Trace:
[{time}]  <IRQ>
[{time}]  ? __die_body.cold+0x1a/0x1f
[{time}]  ? page_fault_oops+0xd2/0x2b0
[{time}]  blk_mq_complete_request_remote+0x3/0x110
[{time}]  nvme_poll_cq.isra.0+{offset}/0x3c0 [nvme]
[{time}]  nvme_irq+0x44/0x80 [nvme]
[{time}]  __handle_irq_event_percpu+0x46/0x1a0
[{time}]  </IRQ>
[{time}] Modules linked in: nvme nvme_core
[{time}] Kernel panic - not syncing: Fatal exception in interrupt
"
    )
}

const LOCKUP: &str = "\
<0>[ 8811.100200] watchdog: BUG: soft lockup - CPU#7 stuck for 26s! [ceph-osd:2231]
[ 8811.100300] CPU: 7 PID: 2231 Comm: ceph-osd Tainted: G  L  6.1.0-41-amd64 #1
[ 8811.100400] RIP: 0010:native_queued_spin_lock_slowpath+0x6e/0x1c0
[ 8811.100500] Call Trace:
[ 8811.100600]  <TASK>
[ 8811.100700]  _raw_spin_lock+0x25/0x30
[ 8811.100800]  xfs_log_force+0x8f/0x2d0 [xfs]
[ 8811.100900]  xfsaild+0x1b2/0x8a0 [xfs]
[ 8811.101000]  kthread+0xda/0x100
[ 8811.101100]  </TASK>
";

const HUNG: &str = "\
Nov 24 10:11:12 node17 kernel: [ 4321.000001] INFO: task jbd2/sda1-8:412 blocked for more than 120 seconds.
Nov 24 10:11:12 node17 kernel: [ 4321.000002]       Not tainted 6.1.0-41-amd64 #1
Nov 24 10:11:12 node17 kernel: [ 4321.000003] task:jbd2/sda1-8     state:D stack:0     pid:412   ppid:2
Nov 24 10:11:12 node17 kernel: [ 4321.000004] Call Trace:
Nov 24 10:11:12 node17 kernel: [ 4321.000005]  <TASK>
Nov 24 10:11:12 node17 kernel: [ 4321.000006]  __schedule+0x34d/0x9e0
Nov 24 10:11:12 node17 kernel: [ 4321.000007]  schedule+0x5a/0xd0
Nov 24 10:11:12 node17 kernel: [ 4321.000008]  jbd2_journal_commit_transaction+0x1c4/0x1a90 [jbd2]
Nov 24 10:11:12 node17 kernel: [ 4321.000009]  </TASK>
";

const ARM: &str = "\
[   99.000001][ T1234] Unable to handle kernel paging request at virtual address ffff80001234
[   99.000002][ T1234] Mem abort info:
[   99.000003][ T1234] pc : mlx5e_poll_rx_cq+0x88/0x5e0 [mlx5_core]
[   99.000004][ T1234] lr : mlx5e_napi_poll+0x10c/0x7a0 [mlx5_core]
[   99.000005][ T1234] Call trace:
[   99.000006][ T1234]  mlx5e_poll_rx_cq+0x88/0x5e0 [mlx5_core]
[   99.000007][ T1234]  mlx5e_napi_poll+0x10c/0x7a0 [mlx5_core]
[   99.000008][ T1234]  __napi_poll+0x38/0x180
";

fn shown(log: &str) -> String {
    signature(log).unwrap().to_string()
}

#[test]
fn keeps_what_names_a_crash() {
    let log = null_pointer("  123.456789", 3, 412, "0000000000000018", "0x1a");
    assert_eq!(
        shown(&log),
        "NULL pointer dereference in nvme_complete_rq [nvme_core] < \
         blk_mq_complete_request_remote < nvme_poll_cq [nvme] < nvme_irq [nvme]"
    );
    assert_eq!(
        shown(LOCKUP),
        "soft lockup in native_queued_spin_lock_slowpath < _raw_spin_lock < \
         xfs_log_force [xfs] < xfsaild [xfs]"
    );
    assert_eq!(
        shown(HUNG),
        "hung task in __schedule < schedule < jbd2_journal_commit_transaction [jbd2]"
    );
    assert_eq!(
        shown(ARM),
        "bad page access in mlx5e_poll_rx_cq [mlx5_core] < mlx5e_napi_poll [mlx5_core] < \
         __napi_poll"
    );
}

#[test]
fn equal_crashes_are_one() {
    let one = null_pointer("  123.456789", 3, 412, "0000000000000018", "0x1a");
    let other = null_pointer("98765.000001", 61, 90_210, "0000000000000020", "0x2f");
    assert_eq!(signature(&one), signature(&other));
    // Through syslog.
    let syslog: String =
        one.lines().map(|line| format!("Nov 24 01:02:03 n1 kernel: {line}\n")).collect();
    assert_eq!(signature(&one), signature(&syslog));
    let busy = LOCKUP.replace("CPU#7", "CPU#19").replace("26s! [ceph-osd:2231]", "52s! [fio:9]");
    assert_eq!(signature(LOCKUP), signature(&busy));
}

#[test]
fn different_crashes_are_not() {
    let one = null_pointer("1.0", 3, 412, "0000000000000018", "0x1a");
    let logs = [
        one.clone(),
        one.replace("nvme_complete_rq", "nvme_setup_cmd"),
        one.replace("kernel NULL pointer dereference", "unable to handle page fault"),
        one.replace("nvme_irq", "nvme_poll"),
        LOCKUP.to_owned(),
        HUNG.to_owned(),
        ARM.to_owned(),
    ];
    let all: BTreeSet<Signature> = logs.iter().map(|log| signature(log).unwrap()).collect();
    assert_eq!(all.len(), logs.len());
}

#[test]
fn a_panic_alone_is_known_by_its_reason() {
    let log = "[    2.100000] Kernel panic - not syncing: VFS: Unable to mount root fs on \
               unknown-block(0,0)\n[    2.100001] CPU: 0 PID: 1 Comm: swapper/0\n";
    assert_eq!(shown(log), "panic: VFS: Unable to mount root fs on unknown-block(N,N)");
    let other = log.replace("(0,0)", "(8,1)");
    assert_eq!(signature(log), signature(&other));
    let hard = "[ 5.0] Kernel panic - not syncing: Hard LOCKUP\n";
    assert_eq!(shown(hard), "panic: Hard LOCKUP");
}

#[test]
fn kinds_keep_their_file_or_sort() {
    let bug =
        "[1.0] kernel BUG at fs/ext4/inode.c:2731!\n[1.0] RIP: 0010:ext4_writepages+0x1/0x2\n";
    assert_eq!(shown(bug), "BUG fs/ext4/inode.c in ext4_writepages");
    let kasan = "[1.0] BUG: KASAN: slab-use-after-free in tcp_ack+0x10/0x20\n\
                 [1.0] Read of size 8 at addr ffff888012345678 by task nginx/77\n\
                 [1.0] Call Trace:\n[1.0]  dump_stack_lvl+0x4/0x9\n[1.0]  kasan_report+0x1/0x2\n\
                 [1.0]  tcp_ack+0x10/0x20\n[1.0]  tcp_rcv_established+0x3/0x4\n";
    assert_eq!(shown(kasan), "KASAN slab-use-after-free in tcp_ack < tcp_rcv_established");
}

#[test]
fn no_crash_no_signature() {
    for log in [
        "",
        "[ 1.0] systemd[1]: Started foo.\n",
        "[ 9.0] WARNING: CPU: 3 PID: 1 at kernel/workqueue.c:12 f+0x1/0x2\n",
        "[ 9.0] Out of memory: Killed process 4242 (java)\n",
        "\u{0}\u{fffd}[[[]]] <x> [",
    ] {
        assert_eq!(signature(log), None, "{log}");
    }
}

fn sighting(host: u64, class: &str, log: &str) -> Sighting {
    Sighting { host, class: class.into(), signature: signature(log).unwrap() }
}

#[test]
fn the_first_freezes_its_class_the_second_host_the_rollout() {
    let none = BTreeMap::new();
    assert_eq!(freeze(&[], &none, 500), Freeze::Nothing);
    let first = sighting(1, "web", LOCKUP);
    let Freeze::Classes(classes) = freeze(std::slice::from_ref(&first), &none, 500) else {
        panic!("a class")
    };
    assert_eq!(classes.into_keys().collect::<Vec<_>>(), ["web".into()]);
    // The same host again is no second host; another crash of another host is no second sighting.
    let again = [first.clone(), first.clone(), sighting(2, "db", ARM)];
    let Freeze::Classes(classes) = freeze(&again, &none, 500) else { panic!("two classes") };
    assert_eq!(classes.len(), 2);
    let spread = [first.clone(), sighting(2, "db", LOCKUP)];
    let Freeze::Rollout(signatures) = freeze(&spread, &none, 500) else { panic!("all") };
    assert_eq!(signatures, BTreeSet::from([first.signature]));
}

#[test]
fn what_one_of_a_hundred_controls_shows_is_not_new() {
    let seen = [sighting(1, "web", LOCKUP), sighting(2, "web", LOCKUP)];
    let known = |controls| BTreeMap::from([(seen[0].signature.clone(), controls)]);
    assert_eq!(freeze(&seen, &known(5), 500), Freeze::Nothing);
    assert!(matches!(freeze(&seen, &known(4), 500), Freeze::Rollout(_)));
    assert!(matches!(freeze(&seen, &known(0), 0), Freeze::Rollout(_)));
}

proptest::proptest! {
    #[test]
    fn any_text_is_borne(log in "\\PC{0,40}([\\[\\]<>?:+0-9a-fx \n]|BUG: soft lockup|RIP: |Call Trace:|pc : ){0,60}") {
        let _ = signature(&log);
    }

    #[test]
    fn numbers_never_matter(cpu in 0_u32..512, pid in 1_u32..4_000_000, seconds in 0_u32..900_000) {
        let time = format!("{seconds}.123456");
        let one = null_pointer(&time, cpu, pid, "ffff888012345678", "0x7f");
        let base = null_pointer("1.000000", 0, 1, "0000000000000000", "0x1");
        proptest::prop_assert_eq!(signature(&one), signature(&base));
    }
}

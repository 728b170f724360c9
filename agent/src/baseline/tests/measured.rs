use super::super::Sampler;
use super::*;
use crate::root::fake::FakeHost;

const STAT: &str = "cpu  1000 50 300 8000 200 10 40 400 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 5 5\nctxt 1000000\nbtime 1\n";
const STAT_LATER: &str = "cpu  1300 50 400 8500 180 10 60 500 0 0\nintr 6 6\nctxt 1050000\n";
const SCHED: &str = "version 15\ntimestamp 1\ncpu0 0 0 0 0 0 0 900 5000000 100\ndomain0 3 0 0\ncpu1 0 0 0 0 0 0 900 5000000 100\n";
const SCHED_LATER: &str = "version 15\ntimestamp 2\ncpu0 0 0 0 0 0 0 900 6000000 150\ndomain0 3 0 0\ncpu1 0 0 0 0 0 0 900 9000000 150\n";
const DISKS: &str = " 259       0 nvme0n1 100 0 800 50 200 0 1600 400 0 10 450 0 0 0 0 0 0\n 259       1 nvme0n1p1 90 0 800 50 200 0 1600 400 0 10 450\n   7       0 loop0 5 0 0 0 0 0 0 0 0 0 0\n   8       0 sda 10 0 0 10 10 0 0 10 0 0 4294967290\n";
const DISKS_LATER: &str = " 259       0 nvme0n1 600 0 10800 150 400 0 3600 2400 0 10 10450 0 0 0 0 0 0\n 259       1 nvme0n1p1 990 0 8000 500 2000 0 16000 4000 0 10 4500\n   7       0 loop0 5000 0 0 99999 0 0 0 0 0 0 0\n   8       0 sda 3 0 0 3 20 0 0 60 0 0 4\n   8      16 sdb 50 0 0 5000 0 0 0 0 0 0 0\n";
const NET: &str = "Inter-|   Receive  |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0:1000 10 0 5 0 0 0 0 2000 20 0 0 0 0 0 0\n docker0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n";
const NET_LATER: &str = "Inter-|\n face |\n    lo: 999999 9 0 0 0 0 0 0 999999 9 0 0 0 0 0 0\n  eth0: 101000 10 0 15 0 0 0 0 52000 20 0 10 0 0 0 0\n docker0: 999999 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n";

fn snmp(out: u64, again: u64) -> String {
    format!("Ip: Forwarding\nIp: 1\nTcp: RtoMin OutSegs RetransSegs\nTcp: 200 {out} {again}\n")
}
fn pressure(total: u64) -> String {
    format!("some avg10=0.00 avg60=0.00 avg300=0.00 total={total}\nfull avg10=0.00 total=1\n")
}

fn host() -> FakeHost {
    FakeHost::new()
        .with("/proc/stat", STAT)
        .with("/proc/schedstat", SCHED)
        .with("/proc/meminfo", "MemTotal: 9 kB\nMemAvailable:   2048 kB\nSlab:    512 kB\nX: 1\n")
        .with("/proc/vmstat", "pgscan_kswapd 10\npgscan_direct 5\npgscan_direct_throttle 99\n")
        .with("/proc/pressure/cpu", pressure(1_000))
        .with("/proc/pressure/io", pressure(0))
        .with("/proc/diskstats", DISKS)
        .with("/proc/net/dev", NET)
        .with("/proc/net/snmp", snmp(4_294_967_000, 100))
        .with(
            "/proc/net/softnet_stat",
            "00000010 00000001 00000002 0\n00000010 0000000a 00000000 0\n",
        )
        .dir("/sys/block/nvme0n1/device")
        .dir("/sys/block/sda/device")
        .dir("/sys/block/sdb/device")
        .dir("/sys/block/loop0")
        .dir("/sys/class/net/eth0/device")
        .dir("/sys/class/net/docker0")
}

fn later(host: &FakeHost) {
    host.write("/proc/stat", STAT_LATER);
    host.write("/proc/schedstat", SCHED_LATER);
    host.write("/proc/vmstat", "pgscan_kswapd 110\npgscan_direct 5\npgscan_direct_throttle 99\n");
    host.write("/proc/pressure/cpu", pressure(2_501_000));
    host.write("/proc/diskstats", DISKS_LATER);
    host.write("/proc/net/dev", NET_LATER);
    host.write("/proc/net/snmp", snmp(704, 110));
    host.write("/proc/net/softnet_stat", "00000010 00000001 00000002 0\n00000010 00000014 0 0\n");
}

fn two_samples(host: &FakeHost, change: impl FnOnce(&FakeHost)) -> Metrics {
    let mut sampler = Sampler::open(&host.root());
    let mut metrics = Metrics::default();
    sampler.read();
    change(host);
    sampler.read();
    sampler.count(&mut metrics, Millis::secs(10));
    metrics
}

#[test]
fn every_metric_of_the_kernel_is_what_its_files_say() {
    let metrics = two_samples(&host(), later);
    let value = |metric| {
        let one = metrics.get(metric)?;
        Some((one.min().unwrap(), one.max().unwrap(), one.count()))
    };
    let one = |number: u64| Some((number, number, 1));
    // 1,020 ticks: iowait went back by 20 and counts as none.
    assert_eq!(value(MetricId::CpuBusy), one(420 * 1_000_000 / 1_020));
    assert_eq!(value(MetricId::CpuSteal), one(100 * 1_000_000 / 1_020));
    assert_eq!(value(MetricId::CpuSoftirq), one(20 * 1_000_000 / 1_020));
    assert_eq!(value(MetricId::CpuRunDelay), Some((50_000, 50_000, 100)));
    assert_eq!(value(MetricId::CpuContextSwitches), one(5_000_000));
    assert_eq!(value(MetricId::MemAvailable), one(2_048 * 1_024));
    assert_eq!(value(MetricId::MemSlab), one(512 * 1_024));
    assert_eq!(value(MetricId::MemReclaim), one(10_000));
    assert_eq!(value(MetricId::PsiCpu), one(250_000));
    assert_eq!(value(MetricId::PsiMemory), None, "the file is not there");
    assert_eq!(value(MetricId::PsiIo), one(0));
    // nvme0n1: 500 reads in 100 ms. loop0 and the partition are no disks; sda began anew; sdb is
    // seen for the first time.
    assert_eq!(value(MetricId::IoReadLatency), Some((200_000, 200_000, 500)));
    // nvme0n1: 200 writes in 2,000 ms; sda: 10 in 50 ms.
    let writes = metrics.get(MetricId::IoWriteLatency).unwrap();
    assert_eq!((writes.min(), writes.max()), (Some(5_000_000), Some(10_000_000)));
    assert_eq!((writes.count(), writes.sum()), (210, 2_050_000_000));
    assert_eq!(value(MetricId::IoThroughput), one(12_000 * 512 / 10));
    // sda's counter came around 2^32: 10 ms of queue.
    assert_eq!(value(MetricId::IoQueue), Some((1, 1_000, 2)));
    assert_eq!(value(MetricId::NetRx), one(10_000));
    assert_eq!(value(MetricId::NetTx), one(5_000));
    assert_eq!(value(MetricId::NetDrops), one(2_000));
    // Segments came around 2^32: 1,000 were sent, 10 of them again.
    assert_eq!(value(MetricId::NetRetransmits), Some((10_000, 10_000, 1_000)));
    assert_eq!(value(MetricId::NetSoftnet), one(1_000));
    let measured = metrics.iter().count();
    assert_eq!(measured, 19, "all but psi.memory and what services say");
}

#[test]
fn a_host_without_files_measures_nothing() {
    assert!(two_samples(&FakeHost::new(), |_| {}).is_empty());
}

#[test]
fn nonsense_in_files_is_not_counted() {
    let host = host();
    let spoil = |host: &FakeHost| {
        later(host);
        let files = [
            "/proc/stat",
            "/proc/schedstat",
            "/proc/meminfo",
            "/proc/vmstat",
            "/proc/pressure/cpu",
            "/proc/diskstats",
            "/proc/net/dev",
            "/proc/net/snmp",
            "/proc/net/softnet_stat",
        ];
        for file in files {
            host.write(
                file,
                b"cpu x\ncpu0 1\n: 1 2\n 8 0 sda\nTcp: \xff\nsome total=-1\nMemAvailable: y",
            );
        }
    };
    let metrics = two_samples(&host, spoil);
    let left: Vec<_> = metrics.iter().map(|(metric, _)| metric).collect();
    assert_eq!(left, [MetricId::PsiIo]);
}

#[test]
fn a_device_that_went_and_came_is_another() {
    let host = host();
    let mut sampler = Sampler::open(&host.root());
    for disks in [DISKS, "", DISKS_LATER] {
        host.write("/proc/diskstats", disks);
        sampler.read();
    }
    let mut metrics = Metrics::default();
    sampler.count(&mut metrics, Millis::secs(10));
    assert_eq!(metrics.get(MetricId::IoReadLatency), None);
    assert_eq!(metrics.get(MetricId::IoThroughput), None);
}

#[test]
fn a_file_longer_than_the_buffer_is_read_whole() {
    let host = host();
    let long = format!("cpu  1 1 1 1 1 1 1 1 0 0\nintr {}\nctxt 77\n", "0 ".repeat(40_000));
    host.write("/proc/stat", &long);
    let metrics =
        two_samples(&host, |host| host.write("/proc/stat", long.replace("ctxt 77", "ctxt 87")));
    assert_eq!(metrics.get(MetricId::CpuContextSwitches).unwrap().max(), Some(1_000));
}

#[test]
fn this_very_machine_can_be_measured() {
    let mut sampler = Sampler::open(&crate::root::Root::host());
    let mut metrics = Metrics::default();
    sampler.read();
    sampler.read();
    sampler.count(&mut metrics, Millis(1));
    assert!(metrics.get(MetricId::MemAvailable).is_some());
    assert!(metrics.get(MetricId::CpuContextSwitches).is_some());
}

//! Reads everything once, and counts what happened in between.

use wavegate_common::Millis;
use wavegate_common::baseline::{MetricId, Metrics};

use super::counters::{Counters, Cpu, Disk};
use super::files::Text;
use crate::root::Root;

const WHOLE: u64 = 1_000_000;
/// `/proc/diskstats` counts in sectors of this size, whatever the disk has.
const SECTOR: u64 = 512;
const PRESSURE: [&str; 3] = ["/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io"];

/// The files of a host with what was last read.
#[derive(Debug)]
pub struct Sampler {
    root: Root,
    stat: Text,
    schedstat: Text,
    meminfo: Text,
    vmstat: Text,
    pressure: [Text; 3],
    diskstats: Text,
    net_dev: Text,
    snmp: Text,
    softnet: Text,
    buffer: Vec<u8>,
    now: Counters,
    before: Option<Plain>,
}

/// The counters that are not a device's, one sample ago.
#[derive(Debug, Clone, Copy)]
pub struct Plain {
    cpu: Option<Cpu>,
    context_switches: Option<u64>,
    run_delay: Option<(u64, u64)>,
    scanned: Option<u64>,
    stalled: [Option<u64>; 3],
    tcp: Option<(u64, u64)>,
    softnet: Option<u64>,
}

impl Plain {
    /// What there is to remember of a reading.
    #[must_use]
    pub fn of(now: &Counters) -> Self {
        let Counters { cpu, context_switches, run_delay, scanned, stalled, tcp, softnet, .. } = now;
        Self {
            cpu: *cpu,
            context_switches: *context_switches,
            run_delay: *run_delay,
            scanned: *scanned,
            stalled: *stalled,
            tcp: *tcp,
            softnet: *softnet,
        }
    }
}

impl Sampler {
    /// Opens the files of a host.
    #[must_use]
    pub fn open(root: &Root) -> Self {
        let text = |path| Text::open(root, path);
        Self {
            root: root.clone(),
            stat: text("/proc/stat"),
            schedstat: text("/proc/schedstat"),
            meminfo: text("/proc/meminfo"),
            vmstat: text("/proc/vmstat"),
            pressure: PRESSURE.map(text),
            diskstats: text("/proc/diskstats"),
            net_dev: text("/proc/net/dev"),
            snmp: text("/proc/net/snmp"),
            softnet: text("/proc/net/softnet_stat"),
            buffer: Vec::new(),
            now: Counters::default(),
            before: None,
        }
    }

    /// Reads everything once.
    pub fn read(&mut self) {
        let (now, buffer) = (&mut self.now, &mut self.buffer);
        self.before = Some(Plain::of(now));
        now.stat(self.stat.read(buffer).unwrap_or(""));
        now.schedstat(self.schedstat.read(buffer).unwrap_or(""));
        now.meminfo(self.meminfo.read(buffer).unwrap_or(""));
        now.vmstat(self.vmstat.read(buffer).unwrap_or(""));
        for (which, file) in self.pressure.iter().enumerate() {
            now.pressure(which, file.read(buffer).unwrap_or(""));
        }
        now.snmp(self.snmp.read(buffer).unwrap_or(""));
        now.softnet(self.softnet.read(buffer).unwrap_or(""));
        // Only what is hardware has this link: no partition, loop, mapper, array or bridge.
        let root = &self.root;
        let disk =
            |name: &str| root.exists(format!("/sys/block/{}/device", name.replace('/', "!")));
        now.diskstats(self.diskstats.read(buffer).unwrap_or(""), disk);
        let net = |name: &str| root.exists(format!("/sys/class/net/{name}/device"));
        now.net_dev(self.net_dev.read(buffer).unwrap_or(""), net);
    }

    /// Counts what happened between the last two readings.
    pub fn count(&self, metrics: &mut Metrics, span: Millis) {
        if let Some(before) = &self.before {
            count(before, &self.now, metrics, span);
        }
    }
}

/// How far a counter went; none if it began anew.
fn gone(before: u64, now: u64) -> Option<u64> {
    now.checked_sub(before)
}

/// The same for one that the kernel keeps in 32 bits: it may have come around.
fn gone_32(before: u64, now: u64) -> Option<u64> {
    const QUARTER: u64 = 1 << 30;
    let around = (3 * QUARTER..4 * QUARTER).contains(&before) && now < QUARTER;
    if around { Some(now + 4 * QUARTER - before) } else { gone(before, now) }
}

fn difference(before: Option<u64>, now: Option<u64>) -> Option<u64> {
    gone(before?, now?)
}

/// `count` per `span`, in `per` milliseconds.
fn rate(count: u64, span: Millis, per: u64) -> u64 {
    let rate = u128::from(count) * u128::from(per) / u128::from(span.0.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// A thousand seconds.
const MILLIHERTZ: u64 = 1_000_000;
const SECOND: u64 = 1_000;

/// Counts what happened between two readings that are `span` apart.
pub fn count(before: &Plain, now: &Counters, metrics: &mut Metrics, span: Millis) {
    if let (Some(before), Some(now)) = (before.cpu, now.cpu) {
        processors(before, now, metrics);
    }
    if let (Some(before), Some(now)) = (before.run_delay, now.run_delay)
        && let (Some(waited), Some(slices)) = (gone(before.0, now.0), gone(before.1, now.1))
        && slices > 0
    {
        metrics.of(MetricId::CpuRunDelay).record_many(waited / slices, slices);
    }
    let mut events = |metric, before, now| {
        if let Some(count) = difference(before, now) {
            metrics.of(metric).record(rate(count, span, MILLIHERTZ));
        }
    };
    events(MetricId::CpuContextSwitches, before.context_switches, now.context_switches);
    events(MetricId::MemReclaim, before.scanned, now.scanned);
    events(MetricId::NetSoftnet, before.softnet, now.softnet);
    for (metric, bytes) in [(MetricId::MemAvailable, now.available), (MetricId::MemSlab, now.slab)]
    {
        if let Some(bytes) = bytes {
            metrics.of(metric).record(bytes);
        }
    }
    let stalls = [MetricId::PsiCpu, MetricId::PsiMemory, MetricId::PsiIo];
    for (metric, (before, now)) in stalls.into_iter().zip(before.stalled.iter().zip(now.stalled)) {
        if let Some(micros) = difference(*before, now) {
            metrics.of(metric).record(rate(micros, span, SECOND).min(WHOLE));
        }
    }
    if let (Some(before), Some(now)) = (before.tcp, now.tcp)
        && let (Some(sent), Some(again)) = (gone_32(before.0, now.0), gone_32(before.1, now.1))
        && sent > 0
    {
        let share = (again.saturating_mul(WHOLE) / sent).min(WHOLE);
        metrics.of(MetricId::NetRetransmits).record_many(share, sent);
    }
    disks(now, metrics, span);
    network(now, metrics, span);
}

fn processors(before: Cpu, now: Cpu, metrics: &mut Metrics) {
    // Idle time may be counted back by a tick or two.
    let ticks: [u64; 8] = std::array::from_fn(|i| now.0[i].saturating_sub(before.0[i]));
    let all: u64 = ticks.iter().sum();
    if all == 0 {
        return;
    }
    let steal = ticks[Cpu::STEAL];
    let busy = all - ticks[Cpu::IDLE] - ticks[Cpu::IOWAIT] - steal;
    let shares = [
        (MetricId::CpuBusy, busy),
        (MetricId::CpuSteal, steal),
        (MetricId::CpuSoftirq, ticks[Cpu::SOFTIRQ]),
    ];
    for (metric, part) in shares {
        metrics.of(metric).record(part.saturating_mul(WHOLE) / all);
    }
}

fn disks(now: &Counters, metrics: &mut Metrics, span: Millis) {
    let mut sectors = None;
    for (before, now) in now.disks.pairs() {
        let latency = |metrics: &mut Metrics, metric, ops: Option<u64>, millis: Option<u64>| {
            if let (Some(ops @ 1..), Some(millis)) = (ops, millis) {
                metrics.of(metric).record_many(millis.saturating_mul(1_000_000) / ops, ops);
            }
        };
        let Disk { reads, writes, .. } = *before;
        let (read_ms, write_ms) =
            (gone_32(before.read_ms, now.read_ms), gone_32(before.write_ms, now.write_ms));
        latency(metrics, MetricId::IoReadLatency, gone(reads, now.reads), read_ms);
        latency(metrics, MetricId::IoWriteLatency, gone(writes, now.writes), write_ms);
        if let Some(queue_ms) = gone_32(before.queue_ms, now.queue_ms) {
            metrics.of(MetricId::IoQueue).record(rate(queue_ms, span, 1_000));
        }
        let moved = gone(before.read_sectors, now.read_sectors)
            .zip(gone(before.written_sectors, now.written_sectors));
        if let Some((read, written)) = moved {
            sectors = Some(sectors.unwrap_or(0) + read + written);
        }
    }
    if let Some(sectors) = sectors {
        let bytes = rate(sectors.saturating_mul(SECTOR), span, SECOND);
        metrics.of(MetricId::IoThroughput).record(bytes);
    }
}

fn network(now: &Counters, metrics: &mut Metrics, span: Millis) {
    let mut sums: Option<[u64; 3]> = None;
    for (before, now) in now.nets.pairs() {
        let parts = [
            gone(before.rx_bytes, now.rx_bytes),
            gone(before.tx_bytes, now.tx_bytes),
            gone(before.drops, now.drops),
        ];
        if let [Some(rx), Some(tx), Some(drops)] = parts {
            let sums = sums.get_or_insert_default();
            sums[0] += rx;
            sums[1] += tx;
            sums[2] += drops;
        }
    }
    if let Some([rx, tx, drops]) = sums {
        metrics.of(MetricId::NetRx).record(rate(rx, span, SECOND));
        metrics.of(MetricId::NetTx).record(rate(tx, span, SECOND));
        metrics.of(MetricId::NetDrops).record(rate(drops, span, MILLIHERTZ));
    }
}

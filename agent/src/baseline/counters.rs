//! What stands in the kernel's text files. Pure: texts in, numbers out.
//!
//! The formats are those of Documentation/filesystems/proc.rst, admin-guide/iostats.rst,
//! accounting/psi.rst and scheduler/sched-stats.rst of the kernel. A line that is not as
//! expected is skipped: that of a kernel that counts something else.

use super::device::Table;

/// Ticks of all processors together, in the order of the first line of `/proc/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cpu(pub(super) [u64; 8]);

impl Cpu {
    pub(super) const IDLE: usize = 3;
    pub(super) const IOWAIT: usize = 4;
    pub(super) const SOFTIRQ: usize = 6;
    pub(super) const STEAL: usize = 7;
}

/// One disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) reads: u64,
    pub(super) read_sectors: u64,
    pub(super) read_ms: u64,
    pub(super) writes: u64,
    pub(super) written_sectors: u64,
    pub(super) write_ms: u64,
    /// Milliseconds times requests under way.
    pub(super) queue_ms: u64,
}

/// One network device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Net {
    pub(super) rx_bytes: u64,
    pub(super) tx_bytes: u64,
    pub(super) drops: u64,
}

/// One reading of everything, with the devices' readings of one sample ago.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) cpu: Option<Cpu>,
    pub(super) context_switches: Option<u64>,
    /// Nanoseconds that tasks waited for a processor, and how often one got it.
    pub(super) run_delay: Option<(u64, u64)>,
    pub(super) available: Option<u64>,
    pub(super) slab: Option<u64>,
    pub(super) scanned: Option<u64>,
    /// Microseconds for cpu, memory and io.
    pub(super) stalled: [Option<u64>; 3],
    /// TCP segments sent, and of these sent again.
    pub(super) tcp: Option<(u64, u64)>,
    pub(super) softnet: Option<u64>,
    pub(super) disks: Table<Disk>,
    pub(super) nets: Table<Net>,
}

fn numbers(text: &str) -> impl Iterator<Item = Option<u64>> {
    text.split_ascii_whitespace().map(|word| word.parse().ok())
}

/// The first `N` numbers of a text; none if one of them is no number.
fn first<const N: usize>(text: &str) -> Option<[u64; N]> {
    let mut out = [0; N];
    let mut all = numbers(text);
    for number in &mut out {
        *number = all.next()??;
    }
    Some(out)
}

impl Counters {
    /// `/proc/stat`.
    pub fn stat(&mut self, text: &str) {
        (self.cpu, self.context_switches) = (None, None);
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("cpu ") {
                self.cpu = first(rest).map(Cpu);
            } else if let Some(rest) = line.strip_prefix("ctxt ") {
                self.context_switches = rest.trim().parse().ok();
                return;
            }
        }
    }

    /// `/proc/schedstat`: of each processor the nanoseconds that tasks waited for it, and how
    /// many time slices it gave, stand last.
    pub fn schedstat(&mut self, text: &str) {
        let of_cpu = |line: &str| {
            let (_, rest) = line.strip_prefix("cpu")?.split_once(' ')?;
            let [.., waited, slices] = first::<9>(rest)?;
            Some((waited, slices))
        };
        self.run_delay = text.lines().filter_map(of_cpu).reduce(|(waited, slices), cpu| {
            (waited.wrapping_add(cpu.0), slices.wrapping_add(cpu.1))
        });
    }

    /// `/proc/meminfo`, in bytes.
    pub fn meminfo(&mut self, text: &str) {
        (self.available, self.slab) = (None, None);
        let kib = |rest: &str| first::<1>(rest).map(|[kib]| kib.saturating_mul(1_024));
        for line in text.lines() {
            match line.split_once(':') {
                Some(("MemAvailable", rest)) => self.available = kib(rest),
                Some(("Slab", rest)) => {
                    self.slab = kib(rest);
                    return;
                }
                _ => {}
            }
        }
    }

    /// `/proc/vmstat`: pages looked at by kswapd, by who needed memory, and by khugepaged.
    pub fn vmstat(&mut self, text: &str) {
        const SCANS: [&str; 3] = ["pgscan_kswapd", "pgscan_direct", "pgscan_khugepaged"];
        let of_line = |line: &str| {
            let (name, count) = line.split_once(' ')?;
            SCANS.contains(&name).then(|| count.trim().parse::<u64>().ok())?
        };
        self.scanned = text.lines().filter_map(of_line).reduce(u64::wrapping_add);
    }

    /// `/proc/pressure/{cpu,memory,io}`, in this order.
    pub fn pressure(&mut self, which: usize, text: &str) {
        let total = |line: &str| line.strip_prefix("some ")?.split_once("total=")?.1.parse().ok();
        self.stalled[which] = text.lines().find_map(total);
    }

    /// `/proc/net/snmp`: a line of names, then one of numbers.
    pub fn snmp(&mut self, text: &str) {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
        let (names, values) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
        let value = |wanted: &str| {
            let at = names.split_ascii_whitespace().position(|name| name == wanted)?;
            numbers(values).nth(at)?
        };
        self.tcp = value("OutSegs").zip(value("RetransSegs"));
    }

    /// `/proc/net/softnet_stat`: of each processor packets handled, dropped, and how often it
    /// ran out of time, in hexadecimal.
    pub fn softnet(&mut self, text: &str) {
        let of_cpu = |line: &str| {
            let mut columns = line.split_ascii_whitespace().skip(1);
            let mut next = || u64::from_str_radix(columns.next()?, 16).ok();
            Some(next()? + next()?)
        };
        self.softnet = text.lines().filter_map(of_cpu).reduce(u64::wrapping_add);
    }

    /// `/proc/diskstats`. `counts` says whether a device is a disk of its own.
    pub fn diskstats(&mut self, text: &str, counts: impl Fn(&str) -> bool) {
        self.disks.begin();
        for line in text.lines() {
            let Some((name, rest)) = device_of(line) else { continue };
            let Some(
                [
                    reads,
                    _,
                    read_sectors,
                    read_ms,
                    writes,
                    _,
                    written_sectors,
                    write_ms,
                    _,
                    _,
                    queue_ms,
                ],
            ) = first::<11>(rest)
            else {
                continue;
            };
            let disk =
                Disk { reads, read_sectors, read_ms, writes, written_sectors, write_ms, queue_ms };
            self.disks.set(name, disk, &counts);
        }
        self.disks.end();
    }

    /// `/proc/net/dev`. `counts` says whether a device is hardware.
    pub fn net_dev(&mut self, text: &str, counts: impl Fn(&str) -> bool) {
        self.nets.begin();
        for line in text.lines() {
            let Some((name, rest)) = line.split_once(':') else { continue };
            let Some([rx_bytes, _, _, rx_drop, _, _, _, _, tx_bytes, _, _, tx_drop]) =
                first::<12>(rest)
            else {
                continue;
            };
            let net = Net { rx_bytes, tx_bytes, drops: rx_drop.wrapping_add(tx_drop) };
            self.nets.set(name.trim(), net, &counts);
        }
        self.nets.end();
    }
}

/// Name and counters behind the two numbers of a device.
fn device_of(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let (_, line) = line.split_once(' ')?;
    let (_, line) = line.trim_start().split_once(' ')?;
    line.trim_start().split_once(' ')
}

//! What is measured on every host.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What one unit of a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Millionths of the whole.
    Ppm,
    /// Nanoseconds.
    Nanoseconds,
    /// Events in a thousand seconds.
    Millihertz,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Thousandths of one.
    Thousandths,
    /// Things.
    Count,
}

/// Which direction does good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is worse.
    Lower,
    /// Less is worse.
    Higher,
    /// It follows the load: a change asks for an explanation and is no harm by itself.
    Neither,
}

/// No metric is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a metric; the metrics are {list}", list = MetricId::names())]
pub struct UnknownMetric(pub String);

macro_rules! metrics {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $name:literal $unit:ident $better:ident;)*) => {
        /// What is measured. Name and code of a metric stay what they are for ever.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MetricId { $($(#[$doc])* $variant,)* }

        impl MetricId {
            /// All, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name for people and files.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
            /// The number for bytes.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self { $(Self::$variant => $code,)* }
            }
            /// The metric of a number; none if a newer program made it up.
            #[must_use]
            pub const fn of_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
            /// What its values count.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit,)* }
            }
            /// Which direction does good.
            #[must_use]
            pub const fn better(self) -> Better {
                match self { $(Self::$variant => Better::$better,)* }
            }
        }
    };
}

metrics! {
    /// Share of all processors' time that was not idle.
    CpuBusy = 1 "cpu.busy" Ppm Lower;
    /// Share that a hypervisor took away.
    CpuSteal = 2 "cpu.steal" Ppm Lower;
    /// How long a task waited for a processor, once per time it got one.
    CpuRunDelay = 3 "cpu.run_delay" Nanoseconds Lower;
    /// Context switches.
    CpuContextSwitches = 4 "cpu.context_switches" Millihertz Neither;
    /// Share of all processors' time in soft interrupts.
    CpuSoftirq = 5 "cpu.softirq" Ppm Lower;
    /// Memory that programs could get without swapping.
    MemAvailable = 6 "mem.available" Bytes Higher;
    /// Memory of the kernel's own objects.
    MemSlab = 7 "mem.slab" Bytes Lower;
    /// Pages that were looked at to get memory back.
    MemReclaim = 8 "mem.reclaim" Millihertz Lower;
    /// Share of time in which some task waited for a processor.
    PsiCpu = 9 "psi.cpu" Ppm Lower;
    /// Share of time in which some task waited for memory.
    PsiMemory = 10 "psi.memory" Ppm Lower;
    /// Share of time in which some task waited for a disk.
    PsiIo = 11 "psi.io" Ppm Lower;
    /// Time of a read, once per read.
    IoReadLatency = 12 "io.read_latency" Nanoseconds Lower;
    /// Time of a write, once per write.
    IoWriteLatency = 13 "io.write_latency" Nanoseconds Lower;
    /// Bytes read and written on all disks.
    IoThroughput = 14 "io.throughput" BytesPerSecond Neither;
    /// Requests under way on one disk.
    IoQueue = 15 "io.queue" Thousandths Lower;
    /// Bytes received on all network devices.
    NetRx = 16 "net.rx" BytesPerSecond Neither;
    /// Bytes sent on all network devices.
    NetTx = 17 "net.tx" BytesPerSecond Neither;
    /// Share of TCP segments that had to be sent again, once per segment sent.
    NetRetransmits = 18 "net.retransmits" Ppm Lower;
    /// Packets that network devices dropped.
    NetDrops = 19 "net.drops" Millihertz Lower;
    /// Packets dropped by, and early ends of, the soft interrupt that receives.
    NetSoftnet = 20 "net.softnet" Millihertz Lower;
    /// Messages of the kernel of level error and worse.
    LogKernelErrors = 21 "log.kernel_errors" Millihertz Lower;
    /// Units in state failed.
    UnitsFailed = 22 "units.failed" Count Lower;
    /// Services that the service manager started again by itself.
    UnitsRestarts = 23 "units.restarts" Millihertz Lower;
}

impl MetricId {
    fn names() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|metric| metric.name()).collect();
        names.join(", ")
    }
}

impl fmt::Display for MetricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for MetricId {
    type Err = UnknownMetric;
    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        let found = Self::ALL.iter().find(|metric| metric.name() == text);
        found.copied().ok_or_else(|| UnknownMetric(text.to_owned()))
    }
}

impl Serialize for MetricId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for MetricId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

//! Five minutes of one boot of one host.

use std::collections::BTreeMap;

use super::histogram::Histogram;
use super::metric::MetricId;
use super::varint::{self, BadBytes};
use crate::id::BootId;
use crate::kernel::KernelRelease;
use crate::time::{Millis, Timestamp};

/// How long a slot is. Slots begin at multiples of it on the wall clock, so that those of
/// different hosts are about the same time.
pub const SLOT: Millis = Millis::mins(5);

/// One format so far.
const VERSION: u64 = 1;

/// The distributions of a slot, or of several together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metrics(BTreeMap<MetricId, Histogram>);

impl Metrics {
    /// Where a metric's values are counted.
    pub fn of(&mut self, metric: MetricId) -> &mut Histogram {
        self.0.entry(metric).or_default()
    }

    /// One metric; none if it has no value.
    #[must_use]
    pub fn get(&self, metric: MetricId) -> Option<&Histogram> {
        self.0.get(&metric).filter(|histogram| !histogram.is_empty())
    }

    /// Those that have values.
    pub fn iter(&self) -> impl Iterator<Item = (MetricId, &Histogram)> + '_ {
        let all = self.0.iter().filter(|(_, histogram)| !histogram.is_empty());
        all.map(|(metric, histogram)| (*metric, histogram))
    }

    /// Whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Takes the values of another one in as well.
    pub fn merge(&mut self, other: &Self) {
        for (metric, histogram) in other.iter() {
            self.of(metric).merge(histogram);
        }
    }

    /// As bytes: a version, then for each metric its code, the length of its histogram, and that.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (mut out, mut one) = (Vec::new(), Vec::new());
        varint::put(&mut out, VERSION);
        for (metric, histogram) in self.iter() {
            one.clear();
            histogram.encode(&mut one);
            varint::put(&mut out, u64::from(metric.code()));
            varint::put(&mut out, one.len() as u64);
            out.extend_from_slice(&one);
        }
        out
    }

    /// Reads what [`Metrics::encode`] wrote.
    ///
    /// # Errors
    /// As [`Metrics::decode_some`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadBytes> {
        Self::decode_some(bytes, |_| true)
    }

    /// Reads those metrics that are wanted and skips the rest, as well as what a newer program
    /// has measured.
    ///
    /// # Errors
    /// The bytes are cut short, or are none of ours.
    pub fn decode_some(
        mut bytes: &[u8],
        wanted: impl Fn(MetricId) -> bool,
    ) -> Result<Self, BadBytes> {
        let bytes = &mut bytes;
        if varint::take(bytes)? != VERSION {
            return Err(BadBytes { what: "a newer program wrote it" });
        }
        let mut read = Self::default();
        while !bytes.is_empty() {
            let code = varint::take(bytes)?;
            let length = varint::take(bytes)?;
            let body = varint::take_bytes(bytes, length)?;
            let metric = u32::try_from(code).ok().and_then(MetricId::of_code);
            let Some(metric) = metric.filter(|metric| wanted(*metric)) else { continue };
            if read.0.insert(metric, Histogram::decode(body)?).is_some() {
                return Err(BadBytes { what: "a metric comes twice" });
            }
        }
        Ok(read)
    }
}

impl FromIterator<(MetricId, Histogram)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (MetricId, Histogram)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

/// What was measured in one slot. A slot never spans a step of the clock, a suspend or a reboot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineSlot {
    /// The boot that ran.
    pub boot: BootId,
    /// Its kernel.
    pub kernel: KernelRelease,
    /// When it began by the host's wall clock: a multiple of [`SLOT`].
    pub start: Timestamp,
    /// How much of it was measured. The first slot after a boot begins late, and one in which
    /// the agent stood still has gaps.
    pub covered: Millis,
    /// What was measured.
    pub metrics: Metrics,
}

impl BaselineSlot {
    /// The start of the slot that a moment is in.
    #[must_use]
    pub const fn start_of(at: Timestamp) -> Timestamp {
        let length = SLOT.0 as i64;
        Timestamp(at.0 - at.0.rem_euclid(length))
    }
}

/// A slot with its place in the order in which its host made them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedSlot {
    /// Grows by one from slot to slot, over reboots.
    pub seq: u64,
    /// The slot.
    pub slot: BaselineSlot,
}

impl NumberedSlot {
    /// As bytes: number, boot, start, cover, length of the kernel's name, name, metrics.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let BaselineSlot { boot, kernel, start, covered, metrics } = &self.slot;
        let mut out = Vec::new();
        varint::put(&mut out, self.seq);
        out.extend_from_slice(&boot.0.to_le_bytes());
        out.extend_from_slice(&start.0.to_le_bytes());
        varint::put(&mut out, covered.0);
        varint::put(&mut out, kernel.as_str().len() as u64);
        out.extend_from_slice(kernel.as_str().as_bytes());
        out.extend_from_slice(&metrics.encode());
        out
    }

    /// Reads what [`NumberedSlot::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are cut short, or are none of ours.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, BadBytes> {
        let rest = &mut bytes;
        let seq = varint::take(rest)?;
        let boot = rest.split_off(..16).and_then(|id| id.try_into().ok()).ok_or(BadBytes::CUT)?;
        let start = rest.split_off(..8).and_then(|at| at.try_into().ok()).ok_or(BadBytes::CUT)?;
        let covered = Millis(varint::take(rest)?);
        let length = varint::take(rest)?;
        let kernel = std::str::from_utf8(varint::take_bytes(rest, length)?)
            .map_err(|_| BadBytes { what: "the kernel's name is not text" })?;
        let slot = BaselineSlot {
            boot: BootId(u128::from_le_bytes(boot)),
            kernel: KernelRelease::from(kernel),
            start: Timestamp(i64::from_le_bytes(start)),
            covered,
            metrics: Metrics::decode(rest)?,
        };
        Ok(Self { seq, slot })
    }
}

//! Slots of baselines, and what is shown of them.

use wavegate_common::baseline::{
    BaselineSlot, Histogram, MetricId, Metrics, NumberedSlot, SlotValue,
};
use wavegate_common::view::{BaselineBoot, BaselineValue, BaselineView};

use super::field::OnWire;
use super::invalid::{At, HISTOGRAM, Invalid, METRICS};
use super::shape::record;
use crate::wire;

impl OnWire<Vec<u8>> for Histogram {
    fn read(wire: Vec<u8>, at: &At<'_>) -> Result<Self, Invalid> {
        let bytes = <Vec<u8> as OnWire<Vec<u8>>>::read(wire, at)?;
        Self::decode(&bytes).map_err(|bad| at.invalid(bad.to_string()))
    }
    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

impl OnWire<Vec<wire::BaselineMetric>> for Metrics {
    fn read(wire: Vec<wire::BaselineMetric>, at: &At<'_>) -> Result<Self, Invalid> {
        if wire.len() > METRICS.list {
            return Err(at.invalid(format!(
                "{} entries, but at most {} are let in",
                wire.len(),
                METRICS.list
            )));
        }
        let mut read = Self::default();
        for (i, wire::BaselineMetric { metric, histogram }) in wire.into_iter().enumerate() {
            let at = at.index(i);
            let histogram = Histogram::read(histogram, &at.field("histogram").limited(HISTOGRAM))?;
            // What a newer agent measures is nothing to us yet.
            let Some(metric) = MetricId::of_code(metric) else { continue };
            if read.get(metric).is_some() {
                return Err(at.invalid(format!("{metric} comes twice")));
            }
            *read.of(metric) = histogram;
        }
        Ok(read)
    }
    fn write(&self) -> Vec<wire::BaselineMetric> {
        let entry = |(metric, histogram): (MetricId, &Histogram)| wire::BaselineMetric {
            metric: metric.code(),
            histogram: histogram.write(),
        };
        self.iter().map(entry).collect()
    }
}

impl OnWire<wire::BaselineSlot> for NumberedSlot {
    fn read(wire: wire::BaselineSlot, at: &At<'_>) -> Result<Self, Invalid> {
        let slot = BaselineSlot {
            boot: OnWire::read(wire.boot_id, &at.field("boot_id"))?,
            kernel: OnWire::read(wire.kernel, &at.field("kernel"))?,
            start: OnWire::read(wire.start, &at.field("start"))?,
            covered: OnWire::read(wire.covered, &at.field("covered"))?,
            metrics: OnWire::read(wire.metrics, &at.field("metrics"))?,
        };
        // Agents measure in slots of five minutes; what follows from a slot needs only that hosts
        // agree on when it began.
        if slot.start.0 % 1_000 != 0 {
            return Err(at.field("start").invalid("no slot begins within a second"));
        }
        Ok(Self { seq: wire.seq, slot })
    }
    fn write(&self) -> wire::BaselineSlot {
        let BaselineSlot { boot, kernel, start, covered, metrics } = &self.slot;
        wire::BaselineSlot {
            seq: self.seq,
            boot_id: boot.write(),
            kernel: kernel.write(),
            start: start.write(),
            covered: covered.write(),
            metrics: metrics.write(),
        }
    }
}

impl OnWire<u32> for MetricId {
    fn read(wire: u32, at: &At<'_>) -> Result<Self, Invalid> {
        Self::of_code(wire).ok_or_else(|| at.invalid(format!("{wire} is no metric known here")))
    }
    fn write(&self) -> u32 {
        self.code()
    }
}

// By hand, because what a newer controller shows is skipped.
impl OnWire<wire::BaselineBoot> for BaselineBoot {
    fn read(wire: wire::BaselineBoot, at: &At<'_>) -> Result<Self, Invalid> {
        let value = |wire: &wire::BaselineValue| {
            let wire::BaselineValue { metric, p50, p99, iqr, mean, count } = *wire;
            let value = SlotValue { p50, p99, iqr, mean, count };
            MetricId::of_code(metric).map(|metric| BaselineValue::new(metric, value))
        };
        Ok(Self {
            boot_id: OnWire::read(wire.boot_id, &at.field("boot_id"))?,
            kernel: OnWire::read(wire.kernel, &at.field("kernel"))?,
            first: OnWire::read(wire.first, &at.field("first"))?,
            last: OnWire::read(wire.last, &at.field("last"))?,
            slots: wire.slots,
            metrics: wire.metrics.iter().filter_map(value).collect(),
        })
    }
    fn write(&self) -> wire::BaselineBoot {
        let value = |of: &BaselineValue| {
            let SlotValue { p50, p99, iqr, mean, count } = of.value;
            wire::BaselineValue { metric: of.metric.code(), p50, p99, iqr, mean, count }
        };
        wire::BaselineBoot {
            boot_id: self.boot_id.write(),
            kernel: self.kernel.write(),
            first: self.first.write(),
            last: self.last.write(),
            slots: self.slots,
            metrics: self.metrics.iter().map(value).collect(),
        }
    }
}

record!(BaselineView = BaselineView { host, boots });

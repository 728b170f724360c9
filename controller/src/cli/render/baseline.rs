//! What a host was like.

use wavegate_common::Timestamp;
use wavegate_common::baseline::Unit;
use wavegate_common::view::{BaselineBoot, BaselineView};

use super::table::Table;
use super::time::cell;

/// A table of metrics for each boot, the newest boot first.
#[must_use]
pub fn boots(view: &BaselineView, now: Timestamp, wide: bool) -> String {
    let parts: Vec<String> = view.boots.iter().map(|boot| one(boot, now, wide)).collect();
    parts.join("\n")
}

fn one(boot: &BaselineBoot, now: Timestamp, wide: bool) -> String {
    let mut head = vec!["METRIC", "MEDIAN", "P99", "VALUES"];
    if wide {
        head.extend(["MEAN", "IQR", "BETTER"]);
    }
    let mut table = Table::new(&head).firm(&[0, 1, 2, 3]).unbounded(wide).indented(2);
    for of in &boot.metrics {
        let show = |number: f64| measure(of.unit, number);
        let mut row = vec![
            of.metric.to_string(),
            show(of.value.p50 as f64),
            show(of.value.p99 as f64),
            of.value.count.to_string(),
        ];
        if wide {
            row.push(show(of.value.mean));
            row.push(show(of.value.iqr as f64));
            row.push(format!("{:?}", of.better).to_lowercase());
        }
        table.row(row);
    }
    let slots = match boot.slots {
        1 => "1 slot".to_owned(),
        count => format!("{count} slots"),
    };
    let (first, last) = (cell(boot.first, now), cell(boot.last, now));
    let (kernel, id) = (&boot.kernel, boot.boot_id);
    format!("{kernel}  boot {id}\n  {slots} of 5 min from {first} to {last}\n{}", table.render())
}

/// A number with its unit, in three digits or so: all that people compare by eye.
fn measure(unit: Unit, number: f64) -> String {
    const BINARY: [(&str, f64); 4] =
        [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1_024.0), ("B", 1.0)];
    const TIME: [(&str, f64); 4] = [("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1.0)];
    let scaled = |units: &[(&str, f64); 4], end: &str| {
        let fits = units.iter().find(|(_, size)| number >= *size).unwrap_or(&units[3]);
        format!("{} {}{end}", digits(number / fits.1), fits.0)
    };
    match unit {
        Unit::Ppm => format!("{} %", digits(number / 10_000.0)),
        Unit::Nanoseconds => scaled(&TIME, ""),
        Unit::Millihertz => format!("{}/s", digits(number / 1_000.0)),
        Unit::Bytes => scaled(&BINARY, ""),
        Unit::BytesPerSecond => scaled(&BINARY, "/s"),
        Unit::Thousandths => digits(number / 1_000.0),
        Unit::Count => digits(number),
    }
}

fn digits(number: f64) -> String {
    let text = match number {
        0.0 => "0".to_owned(),
        n if n >= 100.0 => format!("{n:.0}"),
        n if n >= 10.0 => format!("{n:.1}"),
        n if n >= 1.0 => format!("{n:.2}"),
        n => format!("{n:.3}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use wavegate_common::baseline::{MetricId, SlotValue};
    use wavegate_common::view::{BaselineValue, HostRef};
    use wavegate_common::{BootId, HostId};

    use super::super::samples;
    use super::*;

    fn view() -> BaselineView {
        let value = |metric, p50, p99| {
            let value = SlotValue { p50, p99, iqr: p50 / 10, mean: p50 as f64, count: 1_080 };
            BaselineValue::new(metric, value)
        };
        let boot = |boot, kernel: &str, hours: i64, slower: u64| BaselineBoot {
            boot_id: BootId(boot),
            kernel: kernel.into(),
            first: Timestamp(samples::NOW.0 - hours * 3_600_000),
            last: Timestamp(samples::NOW.0 - (hours - 3) * 3_600_000),
            slots: 36,
            metrics: vec![
                value(MetricId::CpuBusy, 123_456, 900_000),
                value(MetricId::CpuContextSwitches, 12_345_678, 50_000_000),
                value(MetricId::MemAvailable, 96 << 30, 97 << 30),
                value(MetricId::IoReadLatency, 87_000, 1_200_000 * slower / 100),
                value(MetricId::IoQueue, 40, 3_200),
                value(MetricId::NetDrops, 0, 100),
                value(MetricId::UnitsFailed, 0, 1),
            ],
        };
        let boots = vec![boot(6, "6.1.0-56-amd64", 3, 118), boot(5, "6.1.0-47-amd64", 9, 100)];
        BaselineView { host: HostRef { id: HostId(1), name: "web-1".into() }, boots }
    }

    #[test]
    fn each_boot_has_a_table() {
        samples::golden("host_baseline", &boots(&view(), samples::NOW, false));
        let wide = boots(&view(), samples::NOW, true);
        assert!(wide.contains("IQR") && wide.contains("neither"), "{wide}");
    }

    #[test]
    fn small_numbers_do_not_vanish() {
        assert_eq!(measure(Unit::Millihertz, 1.0), "0.001/s");
        assert_eq!(measure(Unit::Ppm, 1_000_000.0), "100 %");
        assert_eq!(measure(Unit::Nanoseconds, 999.0), "999 ns");
        assert_eq!(measure(Unit::BytesPerSecond, 1_536.0), "1.5 KiB/s");
        assert_eq!(measure(Unit::Bytes, 0.0), "0 B");
    }
}

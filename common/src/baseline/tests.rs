use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::id::BootId;
use crate::time::{Millis, Timestamp};

fn of(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    values.iter().for_each(|value| histogram.record(*value));
    histogram
}

fn bytes(histogram: &Histogram) -> Vec<u8> {
    let mut out = Vec::new();
    histogram.encode(&mut out);
    out
}

/// Numbers of every size, not only huge ones.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(number, shift)| number >> shift)
}

fn histogram() -> impl Strategy<Value = Histogram> {
    vec((number(), prop_oneof![Just(1u64), number()]), 0..40).prop_map(|values| {
        let mut histogram = Histogram::default();
        values.into_iter().for_each(|(value, times)| histogram.record_many(value, times));
        histogram
    })
}

fn merged(one: &Histogram, other: &Histogram) -> Histogram {
    let mut all = one.clone();
    all.merge(other);
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_counting_all_at_once(a in vec(number(), 0..60), b in vec(number(), 0..60)) {
        let both: Vec<u64> = a.iter().chain(&b).copied().collect();
        prop_assert_eq!(merged(&of(&a), &of(&b)), of(&both));
    }

    #[test]
    fn the_order_of_merging_does_not_matter(a in histogram(), b in histogram(), c in histogram()) {
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &Histogram::default()), a);
    }

    #[test]
    fn a_quantile_is_at_most_a_thousandth_off(
        mut values in vec(number(), 1..200),
        ppm in 0u32..=1_000_000,
    ) {
        let found = of(&values).quantile(ppm).unwrap();
        values.sort_unstable();
        let rank = (values.len() as u128 * u128::from(ppm)).div_ceil(1_000_000).max(1);
        let exact = values[usize::try_from(rank).unwrap() - 1];
        prop_assert!(u128::from(found.abs_diff(exact)) * 1_024 <= u128::from(exact),
            "{found} for {exact}");
    }

    #[test]
    fn ends_count_and_sum_are_exact(values in vec(0u64..1 << 50, 1..200)) {
        let all = of(&values);
        prop_assert_eq!(all.min(), values.iter().min().copied());
        prop_assert_eq!(all.max(), values.iter().max().copied());
        prop_assert_eq!(all.count(), values.len() as u64);
        prop_assert_eq!(all.sum(), values.iter().sum::<u64>());
    }

    #[test]
    fn a_histogram_survives_bytes(histogram in histogram()) {
        prop_assert_eq!(Histogram::decode(&bytes(&histogram)).unwrap(), histogram);
    }

    #[test]
    fn what_is_read_has_no_other_form(noise in vec(any::<u8>(), 0..60)) {
        if let Ok(read) = Histogram::decode(&noise) {
            prop_assert_eq!(bytes(&read), noise);
        }
    }

    #[test]
    fn a_changed_byte_is_refused_or_another_value(
        histogram in histogram(), at in any::<prop::sample::Index>(), by in 1u8..,
    ) {
        let mut changed = bytes(&histogram);
        let at = at.index(changed.len());
        changed[at] ^= by;
        prop_assert_ne!(Histogram::decode(&changed).ok(), Some(histogram.clone()));
        for cut in 0..changed.len() {
            prop_assert!(Histogram::decode(&bytes(&histogram)[..cut]).is_err());
        }
    }

    #[test]
    fn a_slot_survives_bytes(
        seq in number(), boot in any::<u128>(), start in any::<i64>(), covered in number(),
        kernel in "[a-zü0-9.-]{0,20}", all in vec(histogram(), MetricId::ALL.len()),
        noise in vec(any::<u8>(), 0..60),
    ) {
        let metrics: Metrics = MetricId::ALL.iter().copied().zip(all)
            .filter(|(_, histogram)| !histogram.is_empty()).collect();
        let (boot, kernel) = (BootId(boot), kernel.as_str().into());
        let (start, covered) = (Timestamp(start), Millis(covered));
        let numbered =
            NumberedSlot { seq, slot: BaselineSlot { boot, kernel, start, covered, metrics } };
        let bytes = numbered.encode();
        prop_assert_eq!(NumberedSlot::decode(&bytes).unwrap(), numbered);
        let _ = NumberedSlot::decode(&noise);
        for cut in 0..28.min(bytes.len()) {
            prop_assert!(NumberedSlot::decode(&bytes[..cut]).is_err());
        }
    }
}

#[test]
fn every_number_has_a_bucket() {
    let all = of(&[0, 511, 512, 1_023, 1_024, 1_025, u64::MAX]);
    assert_eq!(all.len(), 6, "1,024 and 1,025 share one");
    assert_eq!(all.quantile(1_000_000), all.quantile(u32::MAX));
    assert_eq!(all.quantile(0), Some(0));
    assert_eq!(all.sum(), u64::MAX, "it saturates");
    assert_eq!(Histogram::default().quantile(500_000), None);
    assert_eq!(Histogram::default().mean(), None);
    assert_eq!(bytes(&Histogram::default()), [0]);
}

#[test]
fn a_huge_count_in_few_bytes_takes_no_memory() {
    let mut hostile = vec![0xff; 9];
    hostile.push(1);
    assert!(Histogram::decode(&hostile).is_err());
    assert_eq!(Histogram::decode(&[1, 5, 0, 0, 0, 0]).unwrap_err().what, "a bucket is empty");
    assert_eq!(
        Histogram::decode(&[1, 5, 1, 0, 0, 9]).unwrap_err().what,
        "the sum contradicts the buckets"
    );
    assert_eq!(Histogram::decode(&[0, 0]).unwrap_err().what, "bytes follow the end");
}

#[test]
fn metrics_keep_their_names_and_numbers() {
    let mut seen = std::collections::BTreeSet::new();
    for metric in MetricId::ALL {
        assert_eq!(metric.name().parse::<MetricId>().unwrap(), *metric);
        assert_eq!(MetricId::of_code(metric.code()), Some(*metric));
        assert!(seen.insert(metric.code()));
    }
    assert_eq!(MetricId::of_code(0), None, "left out on the wire");
    let told = "cpu.idle".parse::<MetricId>().unwrap_err().to_string();
    assert!(told.starts_with("`cpu.idle` is not a metric; the metrics are cpu.busy, "), "{told}");
}

#[test]
fn a_metric_of_a_newer_program_is_skipped() {
    let mut metrics = Metrics::default();
    metrics.of(MetricId::CpuBusy).record(7);
    let mut bytes = metrics.encode();
    bytes.extend([0xff, 0x7f, 3, 1, 2, 3]);
    assert_eq!(Metrics::decode(&bytes).unwrap(), metrics);
    let none = Metrics::decode_some(&bytes, |metric| metric != MetricId::CpuBusy).unwrap();
    assert!(none.is_empty());
    let twice: Vec<u8> = bytes.iter().chain(&bytes[1..]).copied().collect();
    assert_eq!(Metrics::decode(&twice).unwrap_err().what, "a metric comes twice");
}

#[test]
fn slots_begin_at_multiples_on_both_sides_of_1970() {
    assert_eq!(BaselineSlot::start_of(Timestamp(299_999)), Timestamp(0));
    assert_eq!(BaselineSlot::start_of(Timestamp(300_000)), Timestamp(300_000));
    assert_eq!(BaselineSlot::start_of(Timestamp(-1)), Timestamp(-300_000));
}

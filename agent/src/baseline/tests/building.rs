use super::super::{Moment, SlotBuilder};
use super::*;

const SLOT: i64 = 300_000;

/// `at` milliseconds of the wall clock, with the other clocks in step.
fn at(at: i64) -> Moment {
    Moment { wall: Timestamp(at), boottime: Millis(at as u64), monotonic: Millis(at as u64) }
}

fn builder() -> SlotBuilder {
    SlotBuilder::new(BootId(1), "6.1.0-47".into())
}

/// Samples every 10 s from one moment to another; what came out.
fn run(builder: &mut SlotBuilder, moments: impl IntoIterator<Item = Moment>) -> Vec<BaselineSlot> {
    let moments = moments.into_iter();
    moments
        .filter_map(|now| {
            builder.observe(now, |metrics, span| metrics.of(MetricId::CpuBusy).record(span.0))
        })
        .collect()
}

fn every_ten(from: i64, to: i64) -> impl Iterator<Item = Moment> {
    (from..=to).step_by(10_000).map(at)
}

#[test]
fn a_slot_ends_when_the_next_begins() {
    let mut builder = builder();
    let slots = run(&mut builder, every_ten(SLOT - 25_000, 3 * SLOT));
    let shape: Vec<_> = slots.iter().map(|slot| (slot.start.0 / SLOT, slot.covered.0)).collect();
    // The time in which a slot ends counts where it began.
    assert_eq!(shape, [(0, 30_000), (1, 300_000)]);
    let metrics = &slots[1].metrics;
    assert_eq!(metrics.get(MetricId::CpuBusy).unwrap().count(), 30);
    assert_eq!(metrics.get(MetricId::CpuBusy).unwrap().max(), Some(10_000));
    assert_eq!(builder.take().unwrap().start, Timestamp(2 * SLOT));
    assert_eq!(builder.take(), None);
}

#[test]
fn a_slot_with_a_set_clock_is_dropped_and_so_is_the_one_it_is_set_to() {
    for (step, name) in [(3_600_000, "ahead"), (-3_600_000, "back"), (1_500, "a little")] {
        let mut builder = builder();
        let set = |now: Moment| Moment { wall: Timestamp(now.wall.0 + step), ..now };
        let base = 100 * SLOT;
        let before = run(&mut builder, every_ten(base, base + 100_000));
        let after = run(&mut builder, every_ten(base + 110_000, base + 3 * SLOT).map(set));
        assert!(before.is_empty());
        let after: Vec<_> = after.iter().map(|slot| slot.start.0 / SLOT).collect();
        let first_whole = (base + 110_000 + step).div_euclid(SLOT) + 1;
        assert_eq!(after.first(), Some(&first_whole), "{name}: {after:?}");
    }
}

#[test]
fn a_slot_with_a_suspend_is_dropped() {
    let mut builder = builder();
    run(&mut builder, every_ten(0, 100_000));
    // An hour asleep: wall clock and CLOCK_BOOTTIME went on, CLOCK_MONOTONIC did not.
    let slept = |now: Moment| {
        let (wall, boottime) = (Timestamp(now.wall.0 + 3_600_000), now.boottime.0 + 3_600_000);
        Moment { wall, boottime: Millis(boottime), ..now }
    };
    let slots = run(&mut builder, every_ten(110_000, 2 * SLOT).map(slept));
    let starts: Vec<_> = slots.iter().map(|slot| slot.start.0 / SLOT).collect();
    assert_eq!(starts, [13], "neither slot 0 nor slot 12, in which it woke");
}

#[test]
fn time_in_which_the_agent_stood_still_is_not_covered() {
    let mut builder = builder();
    run(&mut builder, every_ten(0, 50_000));
    let slots = run(&mut builder, every_ten(150_000, SLOT));
    assert_eq!(slots[0].covered, Millis(200_000));
    assert_eq!(slots[0].metrics.get(MetricId::CpuBusy).unwrap().count(), 20);
}

#[test]
fn a_restarted_agent_goes_on_with_its_slot() {
    let mut first = builder();
    run(&mut first, every_ten(0, 100_000));
    let begun = first.take().unwrap();
    assert_eq!(begun.covered, Millis(100_000));

    let mut second = builder();
    assert_eq!(second.resume(begun.clone(), at(105_000)), None);
    let slots = run(&mut second, every_ten(110_000, SLOT));
    assert_eq!(slots[0].covered, Millis(290_000));

    let mut late = builder();
    assert_eq!(late.resume(begun.clone(), at(SLOT)), Some(begun.clone()), "it is over");
    let mut other = SlotBuilder::new(BootId(2), "6.1.0-56".into());
    assert_eq!(other.resume(begun.clone(), at(105_000)), Some(begun), "that boot is over");
}

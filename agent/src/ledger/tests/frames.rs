use super::records;
use crate::ledger::{Chain, Decoded, decode, encode};
use crate::machine::Record;

/// The bytes of some records and where each ends.
fn encoded(records: &[Record]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends, mut chain) = (Vec::new(), Vec::new(), Chain::default());
    for record in records {
        let frame = encode(&chain, record);
        chain = chain.after(&frame);
        bytes.extend_from_slice(&frame);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

#[test]
fn what_was_written_reads_back_and_can_be_continued() {
    let (mut bytes, _) = encoded(&records());
    let first = decode(&bytes);
    assert_eq!((first.records.as_slice(), first.damaged), (records().as_slice(), false));
    assert_eq!(first.good_len, bytes.len());
    bytes.extend(encode(&first.chain, &records()[0]));
    let longer = decode(&bytes);
    assert_eq!(longer.records.len(), 6);
    assert!(!longer.damaged);
}

#[test]
fn every_prefix_reads_back_to_its_last_whole_record_and_is_no_damage() {
    let (bytes, ends) = encoded(&records());
    for cut in 0..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let Decoded { records: read, good_len, damaged, .. } = decode(&bytes[..cut]);
        assert_eq!(read, records()[..whole], "cut at {cut}");
        assert_eq!(good_len, ends[..whole].last().copied().unwrap_or(0), "cut at {cut}");
        assert!(!damaged, "cut at {cut}");
    }
}

#[test]
fn every_flipped_bit_is_noticed_and_is_damage_unless_it_is_in_the_last_record() {
    let (bytes, ends) = encoded(&records());
    for at in 0..bytes.len() {
        let whole = ends.iter().filter(|end| **end <= at).count();
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            let Decoded { records: read, damaged, .. } = decode(&bad);
            assert_eq!(read, records()[..whole], "byte {at} bit {bit}");
            assert_eq!(damaged, whole + 1 < ends.len(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn what_a_power_cut_leaves_behind_the_last_record_is_no_damage() {
    let (bytes, _) = encoded(&records());
    let tails: [Vec<u8>; 4] = [
        vec![0; 4096],
        vec![0xFF; 100],
        bytes[..40].iter().rev().copied().collect(),
        encode(&Chain::default(), &records()[0])[..30].to_vec(),
    ];
    for tail in tails {
        let torn = [bytes.as_slice(), &tail].concat();
        let read = decode(&torn);
        assert_eq!(read.records, records());
        assert_eq!((read.good_len, read.damaged), (bytes.len(), false));
    }
}

#[test]
fn a_record_taken_out_doubled_or_moved_is_damage() {
    let (bytes, ends) = encoded(&records());
    let frame = |n: usize| &bytes[if n == 0 { 0 } else { ends[n - 1] }..ends[n]];
    let orders: [&[usize]; 4] = [&[0, 2, 3, 4], &[0, 1, 1, 2], &[0, 2, 1, 3, 4], &[1, 2, 3, 4]];
    for order in orders {
        let shuffled: Vec<u8> = order.iter().flat_map(|n| frame(*n)).copied().collect();
        let read = decode(&shuffled);
        assert!(read.damaged, "{order:?}");
        assert!(read.records.len() < order.len(), "{order:?}");
    }
}

#[test]
fn bytes_at_random_hold_nothing() {
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(200_000)
    .collect();
    let read = decode(&noise);
    assert_eq!((read.records.len(), read.good_len, read.damaged), (0, 0, false));
}

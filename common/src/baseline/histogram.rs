//! A distribution in log-linear buckets.
//!
//! Values below 1,024 have a bucket each. Above, every power of two is cut into 512 buckets of
//! equal width, so that a bucket is never wider than 1/512 of its lower end. A bucket is
//! reported by its middle, which is at most 1/1,024 (0.098 %) away from any value in it. The
//! layout is fixed: two histograms can always be merged. It is that of HdrHistogram (Gil Tene)
//! with powers of two in place of decimal digits.

use super::varint::{self, BadBytes};

/// Buckets per power of two, as a power of two.
const PRECISION: u32 = 9;
const PER_OCTAVE: u64 = 1 << PRECISION;

/// How many buckets there are in all. None is kept that is empty.
pub const BUCKETS: u16 = ((63 - PRECISION as u16) << PRECISION) + (2 << PRECISION);

/// A distribution of whole numbers. Merging is associative and commutative and counts stay
/// exact; counts and sum saturate at the largest number of 64 bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Bucket and count, sorted by bucket; no count is zero.
    entries: Vec<(u16, u64)>,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

const fn bucket_of(value: u64) -> u16 {
    if value < PER_OCTAVE {
        return value as u16;
    }
    let shift = 63 - value.leading_zeros() - PRECISION;
    (shift as u16) * (PER_OCTAVE as u16) + (value >> shift) as u16
}

/// The least and the greatest value of a bucket.
const fn bounds(bucket: u16) -> (u64, u64) {
    let bucket = bucket as u64;
    if bucket < 2 * PER_OCTAVE {
        return (bucket, bucket);
    }
    let shift = bucket / PER_OCTAVE - 1;
    let low = (bucket - shift * PER_OCTAVE) << shift;
    (low, low + ((1 << shift) - 1))
}

impl Histogram {
    /// One more value.
    pub fn record(&mut self, value: u64) {
        self.record_many(value, 1);
    }

    /// The same value `times` over; nothing if `times` is zero.
    pub fn record_many(&mut self, value: u64, times: u64) {
        if times == 0 {
            return;
        }
        self.add(bucket_of(value), times);
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count = self.count.saturating_add(times);
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
    }

    fn add(&mut self, bucket: u16, times: u64) {
        match self.entries.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.entries[at].1 = self.entries[at].1.saturating_add(times),
            Err(at) => self.entries.insert(at, (bucket, times)),
        }
    }

    /// Takes all values of another one in as well.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let mut merged = Vec::with_capacity(self.entries.len().max(other.entries.len()));
        let (mut ours, mut theirs) = (self.entries.iter().peekable(), other.entries.iter());
        for &(bucket, times) in theirs.by_ref() {
            while let Some(entry) = ours.next_if(|(ours, _)| *ours < bucket) {
                merged.push(*entry);
            }
            let known = ours.next_if(|(ours, _)| *ours == bucket).map_or(0, |(_, times)| *times);
            merged.push((bucket, known.saturating_add(times)));
        }
        merged.extend(ours);
        self.entries = merged;
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// Forgets everything and keeps its memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        (self.count, self.sum, self.min, self.max) = (0, 0, 0, 0);
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum; exact unless it saturated.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The least value, exact.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min)
    }

    /// The greatest value, exact.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max)
    }

    /// The mean; exact unless the sum saturated.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum as f64 / self.count as f64)
    }

    /// The least value that at least `ppm` millionths of all values do not exceed (the quantile
    /// of type 1 in Hyndman and Fan, 1996), at most 1/1,024 of it off. `ppm` above a million
    /// counts as a million; zero is the least value.
    #[must_use]
    pub fn quantile(&self, ppm: u32) -> Option<u64> {
        // Exact in 128 bits, so that no quantile depends on rounding.
        let (share, whole) = (u128::from(ppm.min(1_000_000)), 1_000_000u128);
        let total: u128 = self.entries.iter().map(|(_, times)| u128::from(*times)).sum();
        let rank = (total * share).div_ceil(whole).max(1);
        let mut seen = 0u128;
        for &(bucket, times) in &self.entries {
            seen += u128::from(times);
            if seen >= rank {
                let (low, high) = bounds(bucket);
                return Some((low + (high - low) / 2).clamp(self.min, self.max));
            }
        }
        None
    }

    /// How many buckets hold values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Appends it as bytes: the number of entries; of each entry the distance to the bucket
    /// before and the count; then how far the least and the greatest value are above the lower
    /// ends of their buckets, and the sum. Every number is a varint. An empty one is one byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.entries.len() as u64);
        let mut before = 0;
        for &(bucket, times) in &self.entries {
            varint::put(out, u64::from(bucket - before));
            varint::put(out, times);
            before = bucket;
        }
        if let (Some((first, _)), Some((last, _))) = (self.entries.first(), self.entries.last()) {
            varint::put(out, self.min - bounds(*first).0);
            varint::put(out, self.max - bounds(*last).0);
            varint::put(out, self.sum);
        }
    }

    /// Reads what [`Histogram::encode`] wrote, and nothing else: there is one form for each
    /// value. Takes memory in proportion to the bytes, whatever they say.
    ///
    /// # Errors
    /// The bytes are cut short, go on after the end, or contradict themselves.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, BadBytes> {
        let bytes = &mut bytes;
        let length = varint::take(bytes)?;
        // An entry takes two bytes at least.
        let fits = |length: &usize| *length <= bytes.len() / 2;
        let length = usize::try_from(length).ok().filter(fits).ok_or(BadBytes::CUT)?;
        let mut read = Self { entries: Vec::with_capacity(length), ..Self::default() };
        for _ in 0..length {
            read.take_entry(bytes)?;
        }
        if let (Some(&first), Some(&last)) = (read.entries.first(), read.entries.last()) {
            read.min = take_within(bytes, first.0)?;
            read.max = take_within(bytes, last.0)?;
            read.sum = varint::take(bytes)?;
            read.check(first.0 == last.0)?;
        }
        if bytes.is_empty() { Ok(read) } else { Err(BadBytes { what: "bytes follow the end" }) }
    }

    fn take_entry(&mut self, bytes: &mut &[u8]) -> Result<(), BadBytes> {
        let distance = varint::take(bytes)?;
        let bucket = match self.entries.last() {
            None => distance,
            Some(_) if distance == 0 => {
                return Err(BadBytes { what: "a bucket comes twice" });
            }
            Some((before, _)) => distance.saturating_add(u64::from(*before)),
        };
        let bucket = u16::try_from(bucket).ok().filter(|bucket| *bucket < BUCKETS);
        let bucket = bucket.ok_or(BadBytes { what: "there is no such bucket" })?;
        let times = varint::take(bytes)?;
        if times == 0 {
            return Err(BadBytes { what: "a bucket is empty" });
        }
        self.count = self.count.saturating_add(times);
        self.entries.push((bucket, times));
        Ok(())
    }

    /// Whether ends and sum can be those of the entries.
    fn check(&self, one_bucket: bool) -> Result<(), BadBytes> {
        let one_value = self.count == 1 && self.min != self.max;
        if (one_bucket && self.min > self.max) || one_value {
            return Err(BadBytes { what: "least and greatest value contradict each other" });
        }
        let total = |value: fn((u64, u64)) -> u64| {
            let sum = self.entries.iter().fold(0u128, |sum, &(bucket, times)| {
                let value = u128::from(value(bounds(bucket)));
                sum.saturating_add(value.saturating_mul(u128::from(times)))
            });
            u64::try_from(sum).unwrap_or(u64::MAX)
        };
        if self.sum < total(|(low, _)| low) || self.sum > total(|(_, high)| high) {
            return Err(BadBytes { what: "the sum contradicts the buckets" });
        }
        Ok(())
    }
}

fn take_within(bytes: &mut &[u8], bucket: u16) -> Result<u64, BadBytes> {
    let (low, high) = bounds(bucket);
    let above = varint::take(bytes)?;
    if above > high - low {
        return Err(BadBytes { what: "an end lies outside of its bucket" });
    }
    Ok(low + above)
}

//! Noise that somebody measured.
//!
//! * Disks: read bandwidth of 25 disks of one model by offset, in five trials (E. Krevat,
//!   J. Tucek, G. Ganger, "Disks are like snowflakes: no two are alike", HotOS 2011).
//! * Processors: the time of one benchmark on identical sockets under two power caps that do not
//!   bind (A. Marathe and others, on variation among Intel processors).
//! * Failures: of the nodes of the LANL systems (release LA-UR-05-7318).
//!
//! All three as collected by D. Jones, "Evidence-based Software Engineering".

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, ensure};
use wavegate_common::order::stable_hash;

/// Readings of a disk that are one value of a host.
const BLOCK: usize = 60;

/// What can be drawn.
#[derive(Debug)]
pub struct Pools {
    /// Logarithms of a value before and after, against the middle of all hosts at that time.
    pairs: [Vec<(f64, f64)>; 2],
    /// Failures of a host per day.
    rates: Vec<f64>,
}

impl Pools {
    /// Reads `disks-2009.csv.xz`, `cpus-capped.csv.xz` and `failures-lanl.csv.xz` of a folder.
    ///
    /// # Errors
    /// If a file is missing or is not what it should be.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let pools = Self {
            pairs: [disks(&text(folder, "disks-2009")?)?, cpus(&text(folder, "cpus-capped")?)?],
            rates: rates(&text(folder, "failures-lanl")?)?,
        };
        ensure!(
            pools.pairs.iter().all(|pairs| pairs.len() >= 100) && pools.rates.len() >= 100,
            "the files of {} hold too little",
            folder.display()
        );
        Ok(pools)
    }

    /// A host's value of a metric before and after, if nothing changed. Even metrics are drawn
    /// from disks, odd ones from processors.
    #[must_use]
    pub fn pair(&self, seed: u64, host: u128, metric: usize) -> (f64, f64) {
        let pool = &self.pairs[metric % 2];
        let hash = stable_hash(seed, &[1, host, metric as u128]);
        let (before, after) = pool[hash as usize % pool.len()];
        (before.exp(), after.exp())
    }

    /// When a host fails by itself, in days since the beginning, until `days`: a Poisson process
    /// at its own rate, and from `since` on at `more` times the mean rate of all hosts on top.
    #[must_use]
    pub fn failures(&self, seed: u64, host: u128, days: f64, since: f64, more: f64) -> Vec<f64> {
        let own = self.rates[stable_hash(seed, &[2, host]) as usize % self.rates.len()];
        let mean = self.rates.iter().sum::<f64>() / self.rates.len() as f64;
        let late = own + more * mean;
        let (mut out, mut hazard) = (Vec::new(), 0.0);
        for n in 0..1_000u128 {
            let hash = stable_hash(seed, &[5, host, n]);
            let roll = ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
            hazard -= roll.ln();
            let at = if hazard <= own * since || late <= 0.0 {
                hazard / own
            } else {
                since + (hazard - own * since) / late
            };
            if !at.is_finite() || at > days {
                break;
            }
            out.push(at);
        }
        out
    }
}

fn text(folder: &Path, name: &str) -> anyhow::Result<String> {
    let path = folder.join(format!("{name}.csv.xz"));
    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut plain = Vec::new();
    lzma_rs::xz_decompress(&mut BufReader::new(file), &mut plain)
        .map_err(|error| anyhow::anyhow!("{error:?}"))
        .with_context(|| format!("{} is not a sound xz file", path.display()))?;
    let mut out = String::new();
    plain.as_slice().read_to_string(&mut out).context("it is not text")?;
    Ok(out)
}

/// Rows below the head, cut at commas, with their line.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    text.lines().enumerate().skip(1).map(|(at, line)| (at + 1, line.split(',').collect()))
}

fn number(row: &[&str], at: usize, line: usize) -> anyhow::Result<f64> {
    let field = row.get(at).copied().unwrap_or_default();
    field.trim_matches('"').parse().with_context(|| format!("line {line}, column {}", at + 1))
}

fn disks(text: &str) -> anyhow::Result<Vec<(f64, f64)>> {
    // Time to read a block of offsets, by trial and block, one entry per disk.
    let mut series: BTreeMap<(u64, String), Vec<(u64, f64)>> = BTreeMap::new();
    for (line, row) in rows(text) {
        let name = format!("{}/{}", row.first().unwrap_or(&""), row.get(1).unwrap_or(&""));
        let trial = number(&row, 2, line)? as u64;
        let reading = (number(&row, 3, line)? as u64, 1.0 / number(&row, 4, line)?);
        series.entry((trial, name)).or_default().push(reading);
    }
    let mut values: BTreeMap<(u64, usize), BTreeMap<String, f64>> = BTreeMap::new();
    for ((trial, disk), mut readings) in series {
        readings.sort_by_key(|(offset, _)| *offset);
        for (block, part) in readings.chunks_exact(BLOCK).enumerate() {
            let mean = part.iter().map(|(_, time)| time).sum::<f64>() / BLOCK as f64;
            values.entry((trial, block)).or_default().insert(disk.clone(), mean.ln());
        }
    }
    for by_disk in values.values_mut() {
        let middle = middle(by_disk.values().copied().collect());
        by_disk.values_mut().for_each(|value| *value -= middle);
    }
    let mut pairs = Vec::new();
    for ((trial, block), before) in &values {
        for later in trial + 1..=trial + 2 {
            let Some(after) = values.get(&(later, *block)) else { continue };
            pairs.extend(before.iter().filter_map(|(disk, b)| Some((*b, *after.get(disk)?))));
        }
    }
    Ok(pairs)
}

fn cpus(text: &str) -> anyhow::Result<Vec<(f64, f64)>> {
    let head: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
    let column = |name: &str| {
        let at = head.iter().position(|field| field.trim_matches('"') == name);
        at.with_context(|| format!("there is no column {name}"))
    };
    let (before, after) = (column("secs95")?, column("secs115")?);
    let mut pairs = Vec::new();
    for (line, row) in rows(text) {
        pairs.push((number(&row, before, line)?.ln(), number(&row, after, line)?.ln()));
    }
    let (b, a) = (
        middle(pairs.iter().map(|pair| pair.0).collect()),
        middle(pairs.iter().map(|pair| pair.1).collect()),
    );
    Ok(pairs.into_iter().map(|(before, after)| (before - b, after - a)).collect())
}

fn rates(text: &str) -> anyhow::Result<Vec<f64>> {
    // By system: how many nodes, the first and last day, failures by node.
    type System = (u64, f64, f64, BTreeMap<u64, u64>);
    let mut systems: BTreeMap<u64, System> = BTreeMap::new();
    for (line, row) in rows(text) {
        let (system, nodes) = (number(&row, 0, line)? as u64, number(&row, 1, line)? as u64);
        let node = number(&row, 2, line)? as u64;
        let day = day(row.get(3).copied().unwrap_or_default())
            .with_context(|| format!("line {line}: no date"))?;
        let known = systems.entry(system).or_insert((nodes, day, day, BTreeMap::new()));
        known.1 = known.1.min(day);
        known.2 = known.2.max(day);
        *known.3.entry(node).or_default() += 1;
    }
    let mut rates = Vec::new();
    for (nodes, first, last, failures) in systems.values() {
        let days = (last - first).max(1.0);
        rates.extend(failures.values().map(|count| *count as f64 / days));
        let silent = nodes.saturating_sub(failures.len() as u64);
        rates.extend((0..silent).map(|_| 0.0));
    }
    Ok(rates)
}

/// Days since some beginning, of `9/26/2003 16:40`. Months of 30.44 days are near enough for a
/// rate over years.
fn day(text: &str) -> Option<f64> {
    let mut parts = text.split(['/', ' ']).map(str::parse::<f64>);
    let (month, day, year) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    Some(year * 365.25 + month * 30.44 + day)
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

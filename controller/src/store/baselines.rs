//! Rows of baselines.
//!
//! Bounded per host, whatever hosts say: two kernels, two boots of each, of each boot the last
//! slots one by one and all older ones merged into one. Merging is exact, so nothing but the time
//! of old slots is lost. What is kept follows the order of arrival, never the clocks of hosts.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use wavegate_common::baseline::{BaselineSlot, MetricId, Metrics, NumberedSlot};
use wavegate_common::{BootId, HostId, KernelRelease, Millis, Timestamp};

use super::error::StoreError;
use super::json::{from_sql, parse};

/// Slots of a boot that are kept one by one: three hours.
pub(super) const KEPT: u64 = 36;
/// So many more may gather before the oldest are merged, so that it happens once an hour.
pub(super) const GATHERED: u64 = 12;
const KERNELS: usize = 2;
const BOOTS_OF_KERNEL: usize = 2;

/// A boot as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredBoot {
    /// Which.
    pub boot: BootId,
    /// Its kernel.
    pub kernel: KernelRelease,
    /// When its first slot began, by the host's clock.
    pub first: Timestamp,
    /// When its last slot began.
    pub last: Timestamp,
    /// How many slots it has in all.
    pub slots: u64,
    /// All of them together.
    pub whole: Metrics,
    /// The newest ones: start, how much was measured, and what.
    pub newest: Vec<(Timestamp, Millis, Metrics)>,
}

struct BootRow {
    id: i64,
    boot: String,
    kernel: String,
    folded_to: Option<i64>,
}

/// Keeps slots of a host; those that are here already are passed over.
pub(super) fn put(
    conn: &Connection,
    host: HostId,
    slots: &[NumberedSlot],
) -> Result<(), StoreError> {
    for NumberedSlot { slot, .. } in slots {
        let row = match find(conn, host, slot.boot)? {
            Some(row) => row,
            None => begin_boot(conn, host, slot)?,
        };
        if row.folded_to.is_none_or(|to| slot.start.0 > to) {
            add(conn, row.id, slot)?;
            fold(conn, row.id)?;
        }
    }
    Ok(())
}

fn find(conn: &Connection, host: HostId, boot: BootId) -> Result<Option<BootRow>, StoreError> {
    conn.prepare_cached(
        "SELECT id, boot, kernel, folded_to FROM baseline_boots WHERE host = ?1 AND boot = ?2",
    )
    .and_then(|mut s| {
        s.query_row(params![host.to_string(), boot.to_string()], |row| {
            let (id, boot, kernel, folded_to) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(BootRow { id, boot, kernel, folded_to })
        })
        .optional()
    })
    .map_err(StoreError::statement("read a boot's baselines"))
}

fn begin_boot(conn: &Connection, host: HostId, slot: &BaselineSlot) -> Result<BootRow, StoreError> {
    let (boot, kernel) = (slot.boot.to_string(), slot.kernel.to_string());
    conn.prepare_cached(
        "INSERT INTO baseline_boots (host, boot, kernel, first, last, slots, folded)
         VALUES (?1, ?2, ?3, ?4, ?4, 0, ?5)",
    )
    .and_then(|mut s| {
        let nothing = Metrics::default().encode();
        s.execute(params![host.to_string(), boot, kernel, slot.start.0, nothing])
    })
    .map_err(StoreError::statement("write a boot's baselines"))?;
    let id = conn.last_insert_rowid();
    forget_old_boots(conn, host)?;
    Ok(BootRow { id, boot, kernel, folded_to: None })
}

fn add(conn: &Connection, boot: i64, slot: &BaselineSlot) -> Result<(), StoreError> {
    let failed = StoreError::statement("write a slot of baselines");
    let covered = i64::try_from(slot.covered.0).unwrap_or(i64::MAX);
    let added = conn
        .prepare_cached(
            "INSERT INTO baseline_slots (boot, start, covered, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (boot, start) DO NOTHING",
        )
        .and_then(|mut s| s.execute(params![boot, slot.start.0, covered, slot.metrics.encode()]))
        .map_err(&failed)?;
    if added == 0 {
        return Ok(());
    }
    conn.prepare_cached(
        "UPDATE baseline_boots SET slots = slots + 1, first = min(first, ?2), last = max(last, ?2)
         WHERE id = ?1",
    )
    .and_then(|mut s| s.execute(params![boot, slot.start.0]))
    .map_err(&failed)?;
    Ok(())
}

/// Merges the oldest slots of a boot once enough have gathered.
fn fold(conn: &Connection, boot: i64) -> Result<(), StoreError> {
    let failed = StoreError::statement("merge old slots of baselines");
    let count: i64 = conn
        .prepare_cached("SELECT count(*) FROM baseline_slots WHERE boot = ?1")
        .and_then(|mut s| s.query_row([boot], |row| row.get(0)))
        .map_err(&failed)?;
    if from_sql(count) <= KEPT + GATHERED {
        return Ok(());
    }
    let (body, to): (Vec<u8>, Option<i64>) = conn
        .prepare_cached("SELECT folded, folded_to FROM baseline_boots WHERE id = ?1")
        .and_then(|mut s| s.query_row([boot], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(&failed)?;
    let mut folded = read(&body, boot, |_| true)?;
    let mut folded_to = to.unwrap_or(i64::MIN);
    let mut last = 0;
    let mut statement = conn
        .prepare_cached(
            "SELECT id, start, body FROM baseline_slots WHERE boot = ?1 ORDER BY id LIMIT ?2",
        )
        .map_err(&failed)?;
    let oldest = statement
        .query_map(params![boot, count - KEPT as i64], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .map_err(&failed)?;
    for row in oldest {
        let (id, start, body) = row.map_err(&failed)?;
        folded.merge(&read(&body, boot, |_| true)?);
        (last, folded_to) = (id, folded_to.max(start));
    }
    conn.prepare_cached("DELETE FROM baseline_slots WHERE boot = ?1 AND id <= ?2")
        .and_then(|mut s| s.execute([boot, last]))
        .map_err(&failed)?;
    conn.prepare_cached("UPDATE baseline_boots SET folded = ?2, folded_to = ?3 WHERE id = ?1")
        .and_then(|mut s| s.execute(params![boot, folded.encode(), folded_to]))
        .map_err(&failed)?;
    Ok(())
}

/// A kernel that crashes again and again must not push out what the host was like before it: so
/// boots are counted for each kernel.
fn forget_old_boots(conn: &Connection, host: HostId) -> Result<(), StoreError> {
    let mut kernels: Vec<(String, usize)> = Vec::new();
    for BootRow { id, kernel, .. } in boots(conn, host)? {
        let at = kernels.iter().position(|(name, _)| *name == kernel).unwrap_or_else(|| {
            kernels.push((kernel, 0));
            kernels.len() - 1
        });
        kernels[at].1 += 1;
        let keep = at < KERNELS && kernels[at].1 <= BOOTS_OF_KERNEL;
        if !keep {
            conn.prepare_cached("DELETE FROM baseline_boots WHERE id = ?1")
                .and_then(|mut s| s.execute([id]))
                .map_err(StoreError::statement("forget an old boot's baselines"))?;
        }
    }
    Ok(())
}

/// The boots of a host, the newest first.
fn boots(conn: &Connection, host: HostId) -> Result<Vec<BootRow>, StoreError> {
    let failed = StoreError::statement("read the boots of a host's baselines");
    let mut statement = conn
        .prepare_cached(
            "SELECT id, boot, kernel, folded_to FROM baseline_boots WHERE host = ?1
             ORDER BY id DESC",
        )
        .map_err(&failed)?;
    let rows = statement
        .query_map([host.to_string()], |row| {
            let (id, boot, kernel, folded_to) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(BootRow { id, boot, kernel, folded_to })
        })
        .map_err(&failed)?;
    rows.map(|row| row.map_err(&failed)).collect()
}

fn read(body: &[u8], boot: i64, wanted: impl Fn(MetricId) -> bool) -> Result<Metrics, StoreError> {
    Metrics::decode_some(body, wanted)
        .map_err(|bad| StoreError::row("the baselines of boot", &boot, &bad))
}

/// What is kept of a host, the newest boot first; of these metrics, or of all if none is named.
pub(super) fn of_host(
    conn: &Connection,
    host: HostId,
    metrics: &[MetricId],
) -> Result<Vec<StoredBoot>, StoreError> {
    let failed = StoreError::statement("read baselines");
    let wanted = |metric| metrics.is_empty() || metrics.contains(&metric);
    let mut all = Vec::new();
    for BootRow { id, boot, kernel, .. } in boots(conn, host)? {
        let (first, last, slots, folded): (i64, i64, i64, Vec<u8>) = conn
            .prepare_cached("SELECT first, last, slots, folded FROM baseline_boots WHERE id = ?1")
            .and_then(|mut s| {
                s.query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            })
            .map_err(&failed)?;
        let mut whole = read(&folded, id, wanted)?;
        let mut newest = Vec::new();
        let mut statement = conn
            .prepare_cached(
                "SELECT start, covered, body FROM baseline_slots WHERE boot = ?1 ORDER BY start",
            )
            .map_err(&failed)?;
        let rows = statement
            .query_map([id], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
            })
            .map_err(&failed)?;
        for row in rows {
            let (start, covered, body) = row.map_err(&failed)?;
            let metrics = read(&body, id, wanted)?;
            whole.merge(&metrics);
            newest.push((Timestamp(start), Millis(from_sql(covered)), metrics));
        }
        all.push(StoredBoot {
            boot: parse("boot", &boot)?,
            kernel: KernelRelease::from(kernel),
            first: Timestamp(first),
            last: Timestamp(last),
            slots: from_sql(slots),
            whole,
            newest,
        });
    }
    Ok(all)
}

/// What some hosts are like together, for each kernel.
pub(super) fn roll_up(
    conn: &Connection,
    hosts: &[HostId],
    metrics: &[MetricId],
) -> Result<BTreeMap<KernelRelease, Metrics>, StoreError> {
    let mut all: BTreeMap<KernelRelease, Metrics> = BTreeMap::new();
    for host in hosts {
        for StoredBoot { kernel, whole, .. } in of_host(conn, *host, metrics)? {
            all.entry(kernel).or_default().merge(&whole);
        }
    }
    Ok(all)
}

//! Opens the database file and makes sure that it is whole.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use wavegate_common::Timestamp;

use super::error::StoreError;
use super::migrate::{MIGRATIONS, migrate};

/// How long one process waits for another's transaction. Two controllers on one file are not
/// meant to be fast, only safe.
const BUSY: Duration = Duration::from_secs(5);

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Opens for writing: checks, migrates, and sets what makes an acknowledged write survive.
pub(super) fn open_writer(path: &Path, now: Timestamp) -> Result<Connection, StoreError> {
    refuse_stumps(path)?;
    let mut conn = Connection::open(path)
        .map_err(|source| StoreError::Open { path: path.to_owned(), source: Arc::new(source) })?;
    configure(&conn).map_err(|error| error.at(path))?;
    quick_check(&conn, path)?;
    migrate(&mut conn, path, MIGRATIONS, now).map_err(|error| error.at(path))?;
    Ok(conn)
}

/// Opens a second connection that writes nothing. It may write as far as the file is concerned,
/// because whichever connection closes last folds the log into the database.
pub(super) fn open_second(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open(path)
        .map_err(|source| StoreError::Open { path: path.to_owned(), source: Arc::new(source) })?;
    let failed = StoreError::statement("configure the database");
    conn.busy_timeout(BUSY).map_err(&failed)?;
    conn.pragma_update(None, "query_only", true).map_err(&failed)?;
    Ok(conn)
}

/// Opens a database for reading only, whoever else has it open.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)
        .map_err(|source| StoreError::Open { path: path.to_owned(), source: Arc::new(source) })?;
    conn.busy_timeout(BUSY).map_err(StoreError::statement("configure the database"))?;
    Ok(conn)
}

/// SQLite takes a file shorter than its first page for a new, empty database, and would write
/// over what is left of one that was cut off. A file without a single byte is let through only
/// where no authority was ever made beside it: a first start that died at once.
fn refuse_stumps(path: &Path) -> Result<(), StoreError> {
    let damaged = |detail: &str| {
        Err(StoreError::Damaged { path: path.to_owned(), detail: detail.to_owned() })
    };
    let Ok(mut file) = File::open(path) else { return Ok(()) };
    let length = file.metadata().map_or(0, |meta| meta.len());
    let used = path.parent().is_some_and(|dir| dir.join("pki").exists());
    let mut header = [0u8; 18];
    match file.read_exact(&mut header) {
        Err(_) if length == 0 && !used => Ok(()),
        Err(_) if length == 0 => damaged("it is empty"),
        Err(_) => damaged("it is cut off"),
        Ok(()) if &header[..16] != MAGIC => damaged("it is not a database"),
        Ok(()) => {
            let page = u64::from(u16::from_be_bytes([header[16], header[17]]));
            // 1 stands for 65,536, which does not fit into the field.
            let page = if page == 1 { 65_536 } else { page };
            if length < page { damaged("it is cut off") } else { Ok(()) }
        }
    }
}

fn configure(conn: &Connection) -> Result<(), StoreError> {
    let failed = StoreError::statement("configure the database");
    conn.busy_timeout(BUSY).map_err(&failed)?;
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(&failed)?;
    if mode != "wal" {
        return Err(StoreError::Refused(format!(
            "the database does not accept write-ahead logging (it is in mode `{mode}`): put the data directory on a local file system"
        )));
    }
    // FULL: in WAL mode the log is synced at every commit. With NORMAL a power cut could take
    // back what was acknowledged.
    conn.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
    conn.pragma_update(None, "foreign_keys", true).map_err(&failed)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(())
}

pub(super) fn quick_check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let damaged = |detail: String| StoreError::Damaged { path: path.to_owned(), detail };
    let answer: String = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(error.to_string()))?;
    if answer == "ok" { Ok(()) } else { Err(damaged(answer)) }
}

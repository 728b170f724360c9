//! Brings a database to the schema of this program.
//!
//! Each migration is recorded with the digest of its text, so that a database written by a newer
//! program, or by another build with the same numbers, is refused before anything is touched.
//! Going back is restoring a backup; there are no down-migrations.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use wavegate_common::{Digest, Timestamp};

use super::error::StoreError;

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    /// From 1, without gaps.
    pub(super) number: u32,
    /// The file's name after the number.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) sql: &'static str,
}

/// Every migration there is, in order.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "initial", sql: include_str!("migrations/0001_initial.sql") },
    Migration { number: 2, name: "baselines", sql: include_str!("migrations/0002_baselines.sql") },
    Migration { number: 3, name: "evidence", sql: include_str!("migrations/0003_evidence.sql") },
    Migration { number: 4, name: "incidents", sql: include_str!("migrations/0004_incidents.sql") },
];

const LOG: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT";

/// Applies what is missing, each migration in a transaction of its own together with its record.
pub(super) fn migrate(
    conn: &mut Connection,
    path: &Path,
    migrations: &[Migration],
    now: Timestamp,
) -> Result<(), StoreError> {
    let failed = StoreError::statement("bring the database to this program's schema");
    conn.execute_batch(LOG).map_err(&failed)?;
    let found: Option<u32> = conn
        .query_row("SELECT max(number) FROM migrations", [], |row| row.get(0))
        .map_err(&failed)?;
    let found = found.unwrap_or(0);
    let known = migrations.last().map_or(0, |last| last.number);
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for migration in migrations {
        if is_recorded(conn, path, migration)? {
            continue;
        }
        // Immediate, so that of two controllers starting at once one migrates and one waits.
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        if !is_recorded(&tx, path, migration)? {
            tx.execute_batch(migration.sql).map_err(&failed)?;
            let digest = Digest::of(migration.sql.as_bytes()).to_string();
            let row = params![migration.number, migration.name, digest, now.0];
            tx.execute("INSERT INTO migrations VALUES (?1, ?2, ?3, ?4)", row).map_err(&failed)?;
        }
        tx.commit().map_err(&failed)?;
    }
    Ok(())
}

fn is_recorded(conn: &Connection, path: &Path, migration: &Migration) -> Result<bool, StoreError> {
    let failed = StoreError::statement("read which migrations were applied");
    let recorded: Option<(String, String)> = conn
        .query_row(
            "SELECT name, digest FROM migrations WHERE number = ?1",
            [migration.number],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(failed)?;
    let Some((name, digest)) = recorded else { return Ok(false) };
    if digest == Digest::of(migration.sql.as_bytes()).to_string() {
        Ok(true)
    } else {
        let number = migration.number;
        Err(StoreError::ForeignMigration { path: path.to_owned(), number, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated(migrations: &[Migration]) -> Connection {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, Path::new(":memory:"), migrations, Timestamp(7)).unwrap();
        conn
    }

    fn schema(conn: &Connection) -> String {
        let mut statement = conn
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
            .unwrap();
        let parts: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        parts.join(";\n\n") + ";\n"
    }

    #[test]
    fn migrations_give_the_golden_schema() {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations/schema.golden.sql");
        let found = schema(&migrated(MIGRATIONS));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(golden, &found).unwrap();
        }
        let expected = std::fs::read_to_string(golden).unwrap_or_default();
        assert_eq!(found, expected, "if the change is meant, run the test with UPDATE=1");
    }

    #[test]
    fn each_migration_is_recorded_once() {
        let mut conn = migrated(MIGRATIONS);
        migrate(&mut conn, Path::new(":memory:"), MIGRATIONS, Timestamp(8)).unwrap();
        let rows: Vec<(u32, String, i64)> = conn
            .prepare("SELECT number, name, applied_at FROM migrations")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let names = ["initial", "baselines", "evidence", "incidents"];
        let wanted: Vec<_> =
            names.into_iter().zip(1..).map(|(name, number)| (number, name.to_owned(), 7)).collect();
        assert_eq!(rows, wanted);
        assert!(MIGRATIONS.iter().zip(1..).all(|(migration, number)| migration.number == number));
    }

    #[test]
    fn a_newer_database_is_refused_untouched() {
        let last = MIGRATIONS.last().unwrap().number;
        let sql = "CREATE TABLE later (a TEXT) STRICT";
        let extra = Migration { number: last + 1, name: "later", sql };
        let mut conn = migrated(&[MIGRATIONS, &[extra]].concat());
        let before = schema(&conn);
        let error = migrate(&mut conn, Path::new("w.db"), MIGRATIONS, Timestamp(8)).unwrap_err();
        let StoreError::Newer { found, known, .. } = &error else { panic!("{error}") };
        assert_eq!((*found, *known), (last + 1, last));
        assert!(error.to_string().contains("run the newer wavegate again"), "{error}");
        assert_eq!(schema(&conn), before);
    }

    #[test]
    fn what_was_told_before_becomes_history() {
        let mut conn = migrated(&MIGRATIONS[..1]);
        let alert = r#"{"key":"r1/lost","rollout":"r1","kind":"hosts_lost","text":"2 hosts",
            "scope":"rollout","hosts":[]}"#;
        conn.execute("INSERT INTO incidents VALUES ('r1/lost', 1, 5, ?1)", [alert]).unwrap();
        migrate(&mut conn, Path::new(":memory:"), MIGRATIONS, Timestamp(8)).unwrap();
        assert!(super::super::incidents::open(&conn).unwrap().is_empty());
        let all = super::super::incidents::list(&conn, true, 10).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].opened_at, all[0].resolved_at), (Timestamp(5), Some(Timestamp(5))));
        assert_eq!(all[0].alert.text, "2 hosts");
    }

    #[test]
    fn a_migration_of_another_build_is_refused() {
        let other = Migration { sql: "CREATE TABLE meta (key TEXT) STRICT", ..MIGRATIONS[0] };
        let mut conn = migrated(&[other]);
        let error = migrate(&mut conn, Path::new("w.db"), MIGRATIONS, Timestamp(8)).unwrap_err();
        assert!(matches!(error, StoreError::ForeignMigration { number: 1, .. }), "{error}");
    }
}

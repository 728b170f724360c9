//! What can go wrong with the database, and what a person can do about it.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;
use wavegate_common::Generation;

/// Why the store did not do what was asked. Cheap to clone: one failed commit answers every
/// write that shared it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or made.
    #[error("cannot open the database {}: {source}; check that the directory exists, belongs to the controller's user and has space", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// The file is truncated, not a database, or its pages contradict each other.
    #[error("the database {} is damaged ({detail}); nothing was changed: move it away together with its -wal and -shm files and restore a backup, `cp -a BACKUP/wavegate.db {}`", path.display(), path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A newer program has written it.
    #[error("the database {} is of schema {found}, this program knows up to {known}: run the newer wavegate again, or restore a backup from before the upgrade", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The highest migration in it.
        found: u32,
        /// The highest this program has.
        known: u32,
    },
    /// A migration in it is not the one that this program has under that number.
    #[error("migration {number} (`{name}`) in the database {} is not the one this program has: it was written by another build; run that build, or restore a backup", path.display())]
    ForeignMigration {
        /// Which file.
        path: PathBuf,
        /// Its number.
        number: u32,
        /// Its name in the database.
        name: String,
    },
    /// No space.
    #[error("the disk under {} is full: nothing was written; reads go on, permits are denied, and writing resumes by itself when there is space", path.display())]
    Full {
        /// Which file.
        path: PathBuf,
    },
    /// Another plan was committed in between.
    #[error("another plan was committed: the store is at {found}, the plan was made from {parent}")]
    Conflict {
        /// What the plan was made from.
        parent: Generation,
        /// What the store is at.
        found: Generation,
    },
    /// A statement failed.
    #[error("cannot {what}: {source}")]
    Statement {
        /// What was attempted.
        what: &'static str,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// A row does not read as what it should be.
    #[error(
        "cannot read {what} `{key}` in the database: {problem}; restore a backup, or run the version that wrote it"
    )]
    Row {
        /// What it should be.
        what: &'static str,
        /// Its key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What was asked for is not allowed by what is stored.
    #[error("{0}")]
    Refused(String),
    /// The store has been shut down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// A statement that failed while doing `what`. To be used with `map_err`.
    pub(super) fn statement(what: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |source| Self::Statement { what, source: Arc::new(source) }
    }

    /// A row that does not read.
    pub(super) fn row(what: &'static str, key: &dyn ToString, problem: &dyn ToString) -> Self {
        Self::Row { what, key: key.to_string(), problem: problem.to_string() }
    }

    /// Whether SQLite may have ended the whole transaction, so that every write in it is undone.
    pub(super) fn breaks_the_transaction(&self) -> bool {
        matches!(
            self.code(),
            Some(
                ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::OutOfMemory
                    | ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::OperationInterrupted
                    | ErrorCode::ReadOnly
            )
        )
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. }) || self.code() == Some(ErrorCode::DiskFull)
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Open { source, .. } | Self::Statement { source, .. } => {
                source.sqlite_error_code()
            }
            _ => None,
        }
    }

    /// The same, with the words for a full disk if that is what it is.
    pub(super) fn at(self, path: &std::path::Path) -> Self {
        if self.is_full() {
            return Self::Full { path: path.to_owned() };
        }
        match self.code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path: path.to_owned(), detail: self.to_string() }
            }
            _ => self,
        }
    }
}

//! The one writer: a thread that owns the connection, takes jobs from a bounded queue, and puts
//! all jobs that wait into one transaction.
//!
//! A job is answered after the commit has reached the disk, never before. Each job runs in a
//! savepoint: one that is refused takes nothing else with it. If the disk is full or fails, every
//! job of the transaction is answered with that, and the next transaction tries anew.

use std::path::PathBuf;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::StoreError;

/// Jobs that may wait. A writer that is this far behind makes callers wait, not memory grow.
const QUEUE: usize = 1_024;
/// Jobs in one transaction at most, so that the first does not wait without bound.
const GROUP: usize = 256;

/// Tells the caller what came of its job, once the transaction has ended.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Does the work, or is told that the transaction is lost already.
type Work =
    Box<dyn FnOnce(Result<&Connection, StoreError>) -> (Result<(), StoreError>, Answer) + Send>;

/// The way to a thread that owns a connection.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    jobs: mpsc::Sender<Work>,
}

impl Queue {
    /// Runs a job on the thread and waits for it to be durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let work: Work = Box::new(move |conn| {
            let (outcome, value) = match conn.and_then(job) {
                Ok(value) => (Ok(()), Some(value)),
                Err(error) => (Err(error), None),
            };
            let answer: Answer = Box::new(move |ended| {
                let result = ended.and_then(|()| value.ok_or(StoreError::Closed));
                // The caller may have gone away; the write stands.
                let _ = tell.send(result);
            });
            (outcome, answer)
        });
        self.jobs.send(work).await.map_err(|_| StoreError::Closed)?;
        told.await.map_err(|_| StoreError::Closed)?
    }
}

/// Starts the writer. The thread ends when the last [`Queue`] is gone and every job is done.
pub(super) fn start_writer(
    conn: Connection,
    path: PathBuf,
) -> Result<(Queue, JoinHandle<()>), StoreError> {
    let (jobs, queue) = mpsc::channel(QUEUE);
    let thread = spawn("store-writer", move || write_all(&conn, &path, queue))?;
    Ok((Queue { jobs }, thread))
}

/// Starts a reader: the same queue, one job at a time, outside any transaction of the writer.
pub(super) fn start_reader(
    conn: Connection,
    path: PathBuf,
) -> Result<(Queue, JoinHandle<()>), StoreError> {
    let (jobs, mut queue) = mpsc::channel::<Work>(QUEUE);
    let thread = spawn("store-reader", move || {
        while let Some(work) = queue.blocking_recv() {
            let (outcome, answer) = work(Ok(&conn));
            answer(outcome.map_err(|error| error.at(&path)));
        }
    })?;
    Ok((Queue { jobs }, thread))
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| StoreError::Refused(format!("cannot start the thread {name}: {error}")))
}

fn write_all(conn: &Connection, path: &std::path::Path, mut queue: mpsc::Receiver<Work>) {
    while let Some(first) = queue.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        write_group(conn, path, group);
    }
}

fn write_group(conn: &Connection, path: &std::path::Path, group: Vec<Work>) {
    let mut answers: Vec<(Result<(), StoreError>, Answer)> = Vec::with_capacity(group.len());
    let mut broken = conn
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(StoreError::statement("begin a transaction"))
        .err();
    for work in group {
        let (outcome, answer) = match &broken {
            None => run_in_savepoint(conn, work),
            Some(error) => work(Err(error.clone())),
        };
        if let Err(error) = &outcome
            && broken.is_none()
            && (error.breaks_the_transaction() || conn.is_autocommit())
        {
            broken = Some(error.clone());
        }
        answers.push((outcome, answer));
    }
    if broken.is_none() {
        broken = conn.execute_batch("COMMIT").map_err(StoreError::statement("commit")).err();
    }
    if broken.is_some() && !conn.is_autocommit() {
        // Nothing can be done about a failed rollback; the next BEGIN will say so.
        let _ = conn.execute_batch("ROLLBACK");
    }
    let broken = broken.map(|error| error.at(path));
    for (outcome, answer) in answers {
        answer(match &broken {
            Some(error) => Err(error.clone()),
            None => outcome,
        });
    }
}

fn run_in_savepoint(conn: &Connection, work: Work) -> (Result<(), StoreError>, Answer) {
    let failed = StoreError::statement("write");
    let began = conn.execute_batch("SAVEPOINT job").map_err(&failed);
    let (outcome, answer) = work(began.map(|()| conn));
    let ended = match &outcome {
        Ok(()) => conn.execute_batch("RELEASE job"),
        Err(_) => conn.execute_batch("ROLLBACK TO job; RELEASE job"),
    };
    (outcome.and(ended.map_err(&failed)), answer)
}

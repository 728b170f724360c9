//! Looks at every open rollout, again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use wavegate_common::baseline::MetricId;
use wavegate_gate::fleet::assess;
use wavegate_gate::perf::ranksum::Nulls;

use super::gather::Subject;
use crate::clock;
use crate::driver::DriverHandle;
use crate::signal::Board;
use crate::store::StoreError;

/// How often it looks.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Between two looks.
    pub every: Duration,
}

/// Starts it. It ends with the driver.
#[must_use]
pub fn start(driver: DriverHandle, board: Arc<Board>, settings: Settings) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(settings.every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut nulls = Nulls::new();
        loop {
            beat.tick().await;
            let look = |world: &crate::driver::World| {
                world.rollouts.iter().filter_map(Subject::of).collect::<Vec<_>>()
            };
            let Ok(subjects) = driver.look(look).await else { return };
            for subject in subjects {
                let rollout = subject.id;
                match one(&driver, &board, subject, nulls).await {
                    Ok(kept) => nulls = kept,
                    Err(error) => {
                        // The planner goes on without: no data opens no gate.
                        tracing::error!(%rollout, %error, "cannot assess a rollout");
                        nulls = Nulls::new();
                    }
                }
            }
        }
    })
}

/// Assesses one rollout, keeps what it was made from, and tells the driver.
async fn one(
    driver: &DriverHandle,
    board: &Board,
    subject: Subject,
    mut nulls: Nulls,
) -> Result<Nulls, StoreError> {
    let store = driver.store();
    let metrics: Vec<MetricId> =
        subject.metrics().into_iter().flatten().map(|measured| measured.id).collect();
    let series = store.baseline_series(&subject.host_ids(), &metrics).await?;
    let before = match store.before(subject.id).await? {
        Some(before) => before,
        None => {
            let before = subject.before(&series);
            store.put_before(subject.id, before.clone()).await?;
            before
        }
    };
    let readings = board.readings();
    let (rollout, now) = (subject.id, clock::now());
    let work = tokio::task::spawn_blocking(move || {
        let evidence = subject.evidence(&before, &series, &readings, now);
        let says = assess(&mut nulls, &evidence);
        (evidence, says, nulls)
    });
    let (evidence, says, nulls) =
        work.await.map_err(|error| StoreError::Refused(format!("assessing broke off: {error}")))?;
    store.put_evidence(rollout, evidence, says.clone()).await?;
    // If the driver is gone, so is everything else.
    let _ = driver.assessed(rollout, says).await;
    Ok(nulls)
}

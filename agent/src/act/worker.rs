//! One thing after another, with an answer for each.
//!
//! The machine may change its mind while hooks drain or a file is fetched: an `Undrain` or a
//! `Disarm` right after them cuts them short, and then only the later one is answered.
//! Nothing that changes the boot path is ever cut short.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use wavegate_common::actuator::{Answer, Request};
use wavegate_common::{
    BootId, BootMethod, BootOrder, KernelRelease, Millis, Release, ReleaseSource,
};
use wavegate_proto::agent::AgentClient;

use super::actuator::{Actuator, ActuatorError};
use super::artifact::{Artifact, fetch};
use crate::config::Hooks;
use crate::hooks::{HookOrder, drain, undrain};
use crate::machine::io::Done;

/// For a package manager that may have to generate an initial ramdisk on a slow disk.
const STAGE_LIMIT: Millis = Millis::mins(30);
/// For all undrain hooks together.
const UNDRAIN_LIMIT: Millis = Millis::mins(10);
/// An orderly shutdown that has not ended the agent after this long is stuck.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(600);

/// How long a switch may wait for its turn. Nothing else is under way when it is ordered, so this
/// only matters where something went wrong; then the permit must not grow old unseen.
const SWITCH_WAIT: Duration = Duration::from_secs(1);
/// How often, and in which distance, an actuator is called that cannot be reached.
const KNOCKS: u32 = 10;
const KNOCK_EVERY: Duration = Duration::from_secs(1);

/// One thing to do.
#[derive(Debug, Clone)]
pub enum Job {
    /// Get a kernel onto the host.
    Stage(Release),
    /// Run the drain hooks.
    Drain {
        /// What they read.
        order: HookOrder,
        /// For all of them.
        time_limit: Millis,
    },
    /// Run the undrain hooks.
    Undrain {
        /// What they read.
        order: HookOrder,
    },
    /// Load for kexec, or arm a one-shot boot entry.
    Arm(BootOrder),
    /// Undo that.
    Disarm,
    /// Leave this boot.
    Switch {
        /// As it was armed.
        method: BootMethod,
        /// To which kernel.
        kernel: KernelRelease,
        /// When the machine said so: it counted the age of its permit up to then.
        given: Instant,
    },
    /// Make the running kernel the default.
    Confirm(KernelRelease),
    /// Go back to the default kernel.
    Revert,
}

/// Whoever does the jobs.
#[derive(Debug)]
pub struct Worker {
    /// The root actuator.
    pub actuator: Actuator,
    /// The operator's executables.
    pub hooks: Hooks,
    /// Where artifacts go; the actuator looks for them in the same place.
    pub artifacts: PathBuf,
    /// The running boot, which every irreversible request names.
    pub boot_id: BootId,
    /// The way to the controller, while there is one.
    pub client: watch::Receiver<Option<AgentClient>>,
}

impl Worker {
    /// Works until the other side of `jobs` is gone.
    pub async fn run(mut self, mut jobs: mpsc::Receiver<Job>, done: mpsc::Sender<Done>) {
        let mut waiting = VecDeque::new();
        loop {
            let next = match waiting.pop_front() {
                Some(job) => Some(job),
                None => jobs.recv().await,
            };
            let Some(job) = next else { return };
            tracing::info!(?job, "begin");
            let answer = tokio::select! {
                biased;
                () = superseded(&job, &mut jobs, &mut waiting) => None,
                answer = self.carry_out(&job) => Some(answer),
            };
            match answer {
                Some(answer) => {
                    tracing::info!(?answer, "done");
                    if done.send(answer).await.is_err() {
                        return;
                    }
                }
                None => tracing::info!(?job, "cut short by a later order"),
            }
        }
    }

    async fn carry_out(&mut self, job: &Job) -> Done {
        match job {
            Job::Stage(release) => Done::Staged(self.stage(release).await),
            Job::Drain { order, time_limit } => {
                Done::Drained(drain(&self.hooks.drain, order, *time_limit).await)
            }
            Job::Undrain { order } => {
                Done::Undrained(undrain(&self.hooks.undrain, order, UNDRAIN_LIMIT).await)
            }
            Job::Arm(order) => Done::Armed(self.arm(order).await),
            Job::Disarm => Done::Disarmed(self.ask(Request::Disarm).await.map(drop)),
            Job::Confirm(kernel) => {
                let request = Request::Confirm { kernel: kernel.clone() };
                Done::Confirmed(self.ask(request).await.map(drop))
            }
            Job::Switch { given, .. } if given.elapsed() > SWITCH_WAIT => {
                Done::SwitchFailed("other work held the switch up; its permit is too old".into())
            }
            Job::Switch { method, kernel, .. } => {
                let (boot_id, kernel) = (self.boot_id, kernel.clone());
                self.leave(Request::Switch { boot_id, kernel, method: *method }).await
            }
            Job::Revert => self.leave(Request::Revert { boot_id: self.boot_id }).await,
        }
    }

    /// Asks, and knocks again while nobody is there: an upgrade takes the sockets away for a
    /// moment, and giving an order up for that would cost a person's attention. An answer that
    /// broke off is not asked for again, because it may have been done.
    async fn ask(&self, request: Request) -> Result<Answer, String> {
        let mut knocks = 0;
        loop {
            match self.actuator.ask(&request).await {
                Err(ActuatorError::Unreachable { .. }) if knocks < KNOCKS => {
                    knocks += 1;
                    sleep(KNOCK_EVERY).await;
                }
                other => return other.map_err(|error| error.to_string()),
            }
        }
    }

    async fn stage(&mut self, release: &Release) -> Result<(), String> {
        if let ReleaseSource::Artifact { digest, size, file } = &release.source {
            let wanted = Artifact { digest: *digest, size: *size, file: file.clone() };
            let fetched = fetch(&self.artifacts, &wanted, &mut self.client).await;
            fetched.map_err(|error| error.to_string())?;
        }
        let request = Request::Stage { release: release.clone(), timeout: STAGE_LIMIT };
        match self.ask(request).await? {
            Answer::Staged(staged) if staged.kernel == release.kernel => Ok(()),
            Answer::Staged(staged) => Err(format!(
                "the package brought {} where {} was ordered",
                staged.kernel, release.kernel
            )),
            _ => Err(ActuatorError::OffTopic { verb: "stage" }.to_string()),
        }
    }

    async fn arm(&self, order: &BootOrder) -> Result<BootMethod, String> {
        let request = Request::Arm {
            boot_id: self.boot_id,
            kernel: order.release.kernel.clone(),
            method: order.method,
            append: order.release.append.clone(),
        };
        match self.ask(request).await? {
            Answer::Armed(armed) if armed.kernel == order.release.kernel => Ok(armed.method),
            _ => Err(ActuatorError::OffTopic { verb: "arm" }.to_string()),
        }
    }

    /// Asks to leave this boot. If all goes well, the shutdown ends this process before there is
    /// anything to answer.
    async fn leave(&self, request: Request) -> Done {
        // Asked once: a permit lives for seconds, and knocking would outlive it.
        match self.actuator.ask(&request).await {
            Err(error) => Done::SwitchFailed(error.to_string()),
            Ok(_) => {
                sleep(SHUTDOWN_LIMIT).await;
                let minutes = SHUTDOWN_LIMIT.as_secs() / 60;
                Done::SwitchFailed(format!("the shutdown has not ended in {minutes} min"))
            }
        }
    }
}

/// Ends when the next job makes this one pointless; never for jobs that touch the boot path.
async fn superseded(job: &Job, jobs: &mut mpsc::Receiver<Job>, waiting: &mut VecDeque<Job>) {
    let can_be_cut = match job {
        Job::Drain { .. } => true,
        Job::Stage(release) => matches!(release.source, ReleaseSource::Artifact { .. }),
        Job::Undrain { .. }
        | Job::Arm(_)
        | Job::Disarm
        | Job::Switch { .. }
        | Job::Confirm(_)
        | Job::Revert => false,
    };
    if !can_be_cut {
        return std::future::pending().await;
    }
    let cuts = |job: &Job| matches!(job, Job::Undrain { .. } | Job::Disarm);
    if waiting.is_empty()
        && let Some(next) = jobs.recv().await
    {
        waiting.push_back(next);
    }
    if !waiting.front().is_some_and(cuts) {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::actuator::fake;
    use super::*;
    use crate::machine::io::DrainOutcome;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use wavegate_common::CommandId;
    use wavegate_common::actuator::{Armed, Reason, Refusal, Staged};

    struct Bench {
        dir: tempfile::TempDir,
        jobs: mpsc::Sender<Job>,
        done: mpsc::Receiver<Done>,
        asked: fake::Asked,
    }

    fn bench(answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let asked = fake::serve(dir.path(), answer);
        let worker = Worker {
            actuator: Actuator::in_dir(dir.path()),
            hooks: Hooks {
                drain: dir.path().join("drain.d"),
                undrain: dir.path().join("undrain.d"),
            },
            artifacts: dir.path().join("artifacts"),
            boot_id: BootId(1),
            client: watch::channel(None).1,
        };
        let (jobs, todo) = mpsc::channel(8);
        let (answers, done) = mpsc::channel(8);
        tokio::spawn(worker.run(todo, answers));
        Bench { dir, jobs, done, asked }
    }

    fn order() -> HookOrder {
        HookOrder {
            host: "web-1".into(),
            command: Some(CommandId(1)),
            from: "6.1.0-47".into(),
            to: None,
            method: BootMethod::Auto,
        }
    }

    fn says_yes(request: &Request) -> Option<Answer> {
        Some(match request {
            Request::Stage { release, .. } => Answer::Staged(Staged {
                kernel: release.kernel.clone(),
                installed: false,
                default_moved_back: false,
                default_kernel: None,
            }),
            Request::Arm { boot_id, kernel, .. } => Answer::Armed(Armed {
                boot_id: *boot_id,
                kernel: kernel.clone(),
                method: BootMethod::Firmware,
                entry: None,
                cmdline: None,
                why_not_kexec: Vec::new(),
            }),
            Request::Confirm { .. } => Answer::Confirmed { entry: "wavegate".into() },
            Request::Disarm => Answer::Disarmed,
            _ => Answer::Leaving,
        })
    }

    #[tokio::test]
    async fn jobs_are_done_in_order_and_each_is_answered() {
        let mut bench = bench(says_yes);
        let release = Release::installed("6.1.0-56".into());
        let boot = BootOrder {
            release: release.clone(),
            method: BootMethod::Auto,
            drain_timeout: Millis::secs(5),
            verify_timeout: Millis::secs(5),
            soak: Millis::secs(5),
        };
        for job in [
            Job::Stage(release),
            Job::Drain { order: order(), time_limit: Millis::secs(5) },
            Job::Arm(boot),
            Job::Confirm("6.1.0-56".into()),
            Job::Disarm,
        ] {
            bench.jobs.send(job).await.unwrap();
        }
        for expected in [
            Done::Staged(Ok(())),
            Done::Drained(DrainOutcome::Drained),
            Done::Armed(Ok(BootMethod::Firmware)),
            Done::Confirmed(Ok(())),
            Done::Disarmed(Ok(())),
        ] {
            assert_eq!(bench.done.recv().await, Some(expected));
        }
        let verbs: Vec<_> = bench.asked.lock().unwrap().iter().map(Request::verb).collect();
        assert_eq!(verbs, ["stage", "arm", "confirm", "disarm"]);
    }

    #[tokio::test]
    async fn undrain_cuts_a_drain_short_and_answers_alone() {
        let mut bench = bench(says_yes);
        let hook = bench.dir.path().join("drain.d/10-slow");
        fs::create_dir(hook.parent().unwrap()).unwrap();
        fs::write(&hook, "#!/bin/sh\nsleep 600\n").unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let drain = Job::Drain { order: order(), time_limit: Millis::mins(10) };
        bench.jobs.send(drain).await.unwrap();
        bench.jobs.send(Job::Undrain { order: order() }).await.unwrap();
        assert_eq!(bench.done.recv().await, Some(Done::Undrained(Ok(()))));
    }

    #[tokio::test]
    async fn an_actuator_that_is_away_for_a_moment_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let worker = Worker {
            actuator: Actuator::in_dir(dir.path()),
            hooks: Hooks { drain: dir.path().join("d"), undrain: dir.path().join("u") },
            artifacts: dir.path().join("artifacts"),
            boot_id: BootId(1),
            client: watch::channel(None).1,
        };
        let (asked, answer) = (worker.ask(Request::Disarm), async {
            tokio::task::yield_now().await;
            fake::serve(dir.path(), says_yes)
        });
        let (answered, _) = tokio::join!(asked, answer);
        assert_eq!(answered, Ok(Answer::Disarmed));
    }

    #[tokio::test]
    async fn a_switch_that_is_refused_is_told() {
        let mut bench = bench(|_| {
            Some(Answer::Refused(Refusal {
                reason: Reason::Precondition,
                message: "nothing is armed".into(),
                hint: String::new(),
            }))
        });
        bench.jobs.send(switch(Instant::now())).await.unwrap();
        assert_eq!(bench.done.recv().await, Some(Done::SwitchFailed("nothing is armed".into())));
    }

    fn switch(given: Instant) -> Job {
        Job::Switch { method: BootMethod::Kexec, kernel: "6.1.0-56".into(), given }
    }

    #[tokio::test]
    async fn a_switch_that_had_to_wait_is_not_asked_for() {
        let mut bench = bench(says_yes);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        bench.jobs.send(switch(long_ago)).await.unwrap();
        assert!(matches!(bench.done.recv().await, Some(Done::SwitchFailed(_))));
        assert!(bench.asked.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_switch_does_not_knock() {
        let mut bench = bench(says_yes);
        std::fs::remove_file(bench.dir.path().join("actuator.sock")).unwrap();
        bench.jobs.send(switch(Instant::now())).await.unwrap();
        let soon = tokio::time::timeout(KNOCK_EVERY * 5, bench.done.recv()).await;
        assert!(matches!(soon, Ok(Some(Done::SwitchFailed(_)))));
    }
}

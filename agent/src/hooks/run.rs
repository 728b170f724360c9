//! Running hooks in order, within one time limit for all of them.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use wavegate_common::{BootMethod, CommandId, KernelRelease, Millis};

use super::dir::hooks_in;
use crate::machine::io::DrainOutcome;
use crate::process::{Call, Ending, run};

/// Exit status of a hook that wants to be tried later, as `sysexits.h` has it.
const TRY_LATER: i32 = 75;

/// What a hook reads as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct HookOrder {
    /// The host's name.
    pub host: String,
    /// The order it is done for.
    pub command: Option<CommandId>,
    /// The running kernel.
    pub from: KernelRelease,
    /// The kernel to reach.
    pub to: Option<KernelRelease>,
    /// How the host will switch.
    pub method: BootMethod,
}

/// Runs the drain hooks. No hooks means that there is nothing to drain.
pub async fn drain(dir: &Path, order: &HookOrder, time_limit: Millis) -> DrainOutcome {
    match run_all(dir, order, time_limit).await {
        Ok(()) => DrainOutcome::Drained,
        Err(Stop::Later(what)) => DrainOutcome::TryLater(what),
        Err(Stop::Failed(why)) => DrainOutcome::Failed(why),
    }
}

/// Runs the undrain hooks.
///
/// # Errors
/// A hook failed or asked to be tried later; what it said. Hooks after it were not run.
pub async fn undrain(dir: &Path, order: &HookOrder, time_limit: Millis) -> Result<(), String> {
    match run_all(dir, order, time_limit).await {
        Ok(()) => Ok(()),
        Err(Stop::Later(what)) => Err(format!("a hook asks to be tried later: {what}")),
        Err(Stop::Failed(why)) => Err(why),
    }
}

/// Why the hooks after it were not run.
enum Stop {
    Later(String),
    Failed(String),
}

async fn run_all(dir: &Path, order: &HookOrder, time_limit: Millis) -> Result<(), Stop> {
    let failed = |why: String| Stop::Failed(why);
    let hooks = hooks_in(dir).map_err(|error| failed(error.to_string()))?;
    let input = serde_json::to_vec(order).map_err(|error| failed(error.to_string()))?;
    let begun = Instant::now();
    let limit = Duration::from_millis(time_limit.0);
    for hook in hooks {
        let name = hook.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let call = Call {
            program: &hook,
            arguments: &[],
            input: &input,
            time_limit: limit.saturating_sub(begun.elapsed()),
        };
        let outcome = run(call).await.map_err(|error| failed(format!("{name}: {error}")))?;
        match outcome.ending {
            Ending::Exit(0) => tracing::info!(hook = name, "hook done"),
            Ending::Exit(TRY_LATER) => {
                return Err(Stop::Later(format!("{name}: {}", outcome.first_line())));
            }
            Ending::Exit(_) | Ending::Signal(_) | Ending::TimedOut => {
                return Err(failed(format!("{name}: {}", outcome.says())));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn hooks(scripts: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, script) in scripts {
            let path = dir.path().join(name);
            fs::write(&path, format!("#!/bin/sh\ncd '{}'\n{script}\n", dir.path().display()))
                .unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        dir
    }

    fn order() -> HookOrder {
        HookOrder {
            host: "web-1".into(),
            command: Some(CommandId(1)),
            from: "6.1.0-47".into(),
            to: Some("6.1.0-56".into()),
            method: BootMethod::Kexec,
        }
    }

    const LONG: Millis = Millis::secs(20);

    #[tokio::test]
    async fn hooks_read_the_order_and_run_by_name() {
        let dir = hooks(&[("20-b", "echo b >> ran"), ("10-a", "cat > order; echo a >> ran")]);
        assert_eq!(drain(dir.path(), &order(), LONG).await, DrainOutcome::Drained);
        assert_eq!(fs::read_to_string(dir.path().join("ran")).unwrap(), "a\nb\n");
        assert_eq!(
            fs::read_to_string(dir.path().join("order")).unwrap(),
            r#"{"host":"web-1","command":"00000000000000000000000000000001","from":"6.1.0-47","to":"6.1.0-56","method":"kexec"}"#
        );
    }

    #[tokio::test]
    async fn status_75_is_later_and_stops_the_rest() {
        let dir = hooks(&[("10-lb", "echo 3 connections left; exit 75"), ("20-b", "touch ran")]);
        assert_eq!(
            drain(dir.path(), &order(), LONG).await,
            DrainOutcome::TryLater("10-lb: 3 connections left".into())
        );
        assert!(!dir.path().join("ran").exists());
    }

    #[tokio::test]
    async fn other_statuses_fail_with_what_was_said() {
        let dir = hooks(&[("10-lb", "echo no such pool >&2; exit 1")]);
        let failed = "10-lb: exit status 1: no such pool".to_owned();
        assert_eq!(drain(dir.path(), &order(), LONG).await, DrainOutcome::Failed(failed.clone()));
        assert_eq!(undrain(dir.path(), &order(), LONG).await, Err(failed));
    }

    #[tokio::test]
    async fn one_time_limit_holds_for_all_hooks() {
        let dir = hooks(&[("10-a", "sleep 0.2"), ("20-b", "sleep 600")]);
        let begun = Instant::now();
        assert_eq!(
            drain(dir.path(), &order(), Millis(600)).await,
            DrainOutcome::Failed("20-b: killed at its time limit".into())
        );
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn without_hooks_there_is_nothing_to_drain() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(drain(&dir.path().join("none"), &order(), LONG).await, DrainOutcome::Drained);
    }
}

//! Checks of the operator: executables in `health.d`. Exit status 0 is a pass; the first line of
//! output, or the text in the `detail` of a JSON object, says more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinSet;
use wavegate_common::CheckResult;

use crate::hooks::hooks_in;
use crate::process::{Call, Ending, Outcome, run};

/// For each check.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Runs all checks of a directory at once and sorts what they say by name.
pub(super) async fn scripts(dir: &Path) -> Vec<CheckResult> {
    let hooks = match hooks_in(dir) {
        Ok(hooks) => hooks,
        Err(error) => return vec![result("health.d", false, error.to_string())],
    };
    let mut running: JoinSet<CheckResult> = hooks.into_iter().map(one).collect();
    let mut results = Vec::with_capacity(running.len());
    while let Some(done) = running.join_next().await {
        let lost = |error: tokio::task::JoinError| result("health.d", false, error.to_string());
        results.push(done.unwrap_or_else(lost));
    }
    results.sort_by(|a, b| a.name.cmp(&b.name));
    results
}

async fn one(path: PathBuf) -> CheckResult {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let call = Call { program: &path, arguments: &[], input: b"", time_limit: TIME_LIMIT };
    match run(call).await {
        Ok(outcome) => judge(&name, &outcome),
        Err(error) => result(&name, false, error.to_string()),
    }
}

fn judge(name: &str, outcome: &Outcome) -> CheckResult {
    let detail = serde_json::from_str::<serde_json::Value>(outcome.output.trim())
        .ok()
        .and_then(|value| Some(value.get("detail")?.as_str()?.chars().take(200).collect()));
    match (outcome.ending, detail) {
        (Ending::Exit(0), detail) => {
            result(name, true, detail.unwrap_or_else(|| outcome.first_line()))
        }
        (Ending::Exit(_), Some(detail)) => result(name, false, detail),
        _ => result(name, false, outcome.says()),
    }
}

fn result(name: &str, ok: bool, detail: String) -> CheckResult {
    CheckResult { name: name.to_owned(), ok, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn each_script_is_one_check() {
        let dir = tempfile::tempdir().unwrap();
        for (name, script) in [
            ("ping", "echo 3 ms"),
            ("disk", r#"echo '{"detail":"sda: 12 bad blocks"}'; exit 1"#),
            ("silent", "exit 2"),
        ] {
            let path = dir.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let results = scripts(dir.path()).await;
        let told: Vec<_> =
            results.iter().map(|r| (r.name.as_str(), r.ok, r.detail.as_str())).collect();
        assert_eq!(
            told,
            [
                ("disk", false, "sda: 12 bad blocks"),
                ("ping", true, "3 ms"),
                ("silent", false, "exit status 2"),
            ]
        );
    }

    #[tokio::test]
    async fn an_untrusted_script_is_a_failed_check_and_no_pass() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let results = scripts(dir.path()).await;
        assert!(results.len() == 1 && !results[0].ok, "{results:?}");
    }
}

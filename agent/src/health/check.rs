//! All checks together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wavegate_common::{CheckResult, Health};

use super::baseline::UnitBaseline;
use super::scripts::scripts;
use super::units::failed_units;

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRules {
    /// Whether failed units count; if so, by which `systemctl` they are asked for.
    pub systemctl: Option<PathBuf>,
    /// Units that never count.
    pub ignore_units: Vec<String>,
    /// Executables that must pass.
    pub scripts: PathBuf,
}

/// Runs every check once.
pub async fn check(rules: &HealthRules, baseline: Option<&UnitBaseline>) -> Health {
    let mut checks = Vec::new();
    if let Some(systemctl) = &rules.systemctl {
        checks.push(units(systemctl, rules, baseline).await);
    }
    checks.extend(scripts(&rules.scripts).await);
    Health::of(checks)
}

async fn units(
    systemctl: &Path,
    rules: &HealthRules,
    baseline: Option<&UnitBaseline>,
) -> CheckResult {
    let result = |ok, detail| CheckResult { name: "units".to_owned(), ok, detail };
    let failed = match failed_units(systemctl).await {
        Ok(failed) => failed,
        Err(why) => return result(false, why),
    };
    let ignored = |unit: &&String| rules.ignore_units.contains(unit);
    let known = |unit: &&String| baseline.is_some_and(|base| base.known.contains(*unit));
    let counting = failed.iter().filter(|unit| !ignored(unit));
    let (old, new): (Vec<&String>, Vec<&String>) = counting.partition(known);
    match (new.is_empty(), old.is_empty()) {
        (true, true) => result(true, String::new()),
        (true, false) => result(true, format!("failed before already: {}", names(&old))),
        (false, _) => result(false, format!("failed: {}", names(&new))),
    }
}

fn names(units: &[&String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<&str> = units.iter().take(SHOWN).map(|unit| unit.as_str()).collect();
    match units.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The baseline of this host; taken now if there is none yet. `None` if units do not count or
/// cannot be asked for: then every failed unit counts.
pub async fn load_baseline(rules: &HealthRules, state_dir: &Path) -> Option<UnitBaseline> {
    if let Some(kept) = UnitBaseline::load(state_dir) {
        return Some(kept);
    }
    let known = failed_units(rules.systemctl.as_deref()?).await.ok()?;
    let taken = UnitBaseline { known };
    keep(&taken, state_dir);
    Some(taken)
}

/// Lets units count again that have recovered. Not to be called while a new kernel is on trial:
/// a unit that comes and goes then would count against the kernel.
pub async fn refresh_baseline(rules: &HealthRules, base: &mut UnitBaseline, state_dir: &Path) {
    if base.known.is_empty() {
        return;
    }
    let Some(systemctl) = rules.systemctl.as_deref() else { return };
    let Ok(failed) = failed_units(systemctl).await else { return };
    let failed: BTreeSet<String> = failed;
    if base.shrink_to(&failed) {
        keep(base, state_dir);
    }
}

fn keep(baseline: &UnitBaseline, state_dir: &Path) {
    if let Err(error) = baseline.save(state_dir) {
        tracing::warn!(%error, dir = %state_dir.display(), "cannot keep the list of failed units");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use wavegate_common::HealthState;

    /// A `systemctl` that knows these failed units.
    fn systemctl(dir: &Path, failed: &[&str]) -> PathBuf {
        let units: Vec<String> =
            failed.iter().map(|unit| format!(r#"{{"unit":"{unit}"}}"#)).collect();
        let path = dir.join("systemctl");
        fs::write(&path, format!("#!/bin/sh\necho '[{}]'\n", units.join(","))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn rules(dir: &Path, failed: &[&str]) -> HealthRules {
        HealthRules {
            systemctl: Some(systemctl(dir, failed)),
            ignore_units: vec!["noise.service".into()],
            scripts: dir.join("health.d"),
        }
    }

    #[tokio::test]
    async fn only_units_that_failed_since_the_first_look_count() {
        let dir = tempfile::tempdir().unwrap();
        let before = rules(dir.path(), &["old.service"]);
        let mut base = load_baseline(&before, dir.path()).await.unwrap();
        let health = check(&before, Some(&base)).await;
        assert_eq!(health.state, HealthState::Healthy);
        assert_eq!(health.checks[0].detail, "failed before already: old.service");

        let after = rules(dir.path(), &["old.service", "new.service", "noise.service"]);
        let again = load_baseline(&after, dir.path()).await.unwrap();
        assert_eq!(again, base, "a later look adds nothing");
        let health = check(&after, Some(&base)).await;
        assert_eq!(health.state, HealthState::Unhealthy);
        assert_eq!(health.checks[0].detail, "failed: new.service");

        refresh_baseline(&rules(dir.path(), &[]), &mut base, dir.path()).await;
        let back = check(&rules(dir.path(), &["old.service"]), Some(&base)).await;
        assert_eq!(back.state, HealthState::Unhealthy, "it recovered once, so it counts again");
    }

    #[tokio::test]
    async fn what_could_not_be_checked_did_not_pass() {
        let dir = tempfile::tempdir().unwrap();
        let rules = HealthRules {
            systemctl: Some("/no/systemctl".into()),
            ignore_units: Vec::new(),
            scripts: dir.path().join("health.d"),
        };
        assert_eq!(check(&rules, None).await.state, HealthState::Unhealthy);
        let nothing = HealthRules { systemctl: None, ..rules };
        assert_eq!(check(&nothing, None).await.state, HealthState::Unknown);
    }
}

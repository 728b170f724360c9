use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::super::ServiceTools;
use super::*;

fn program(dir: &Path, name: &str, script: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn systemctl(dir: &Path, failed: u64, restarts: &str) -> PathBuf {
    let script = format!("case $2 in *NFailed*) echo {failed};; *) printf '{restarts}';; esac");
    program(dir, "systemctl", &script)
}

#[tokio::test]
async fn failed_units_restarts_and_errors_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut tools = ServiceTools {
        systemctl: Some(systemctl(dir.path(), 2, "1\\n\\n3\\n")),
        journalctl: Some(program(
            dir.path(),
            "journalctl",
            "echo 3; echo 2; echo \"$7\" >> $0.asked",
        )),
    };
    let first = tools.clone().ask(Timestamp(0)).await;
    let mut metrics = Metrics::default();
    first.count(None, &mut metrics);
    assert_eq!(metrics.get(MetricId::UnitsFailed).unwrap().max(), Some(2));
    assert_eq!(metrics.get(MetricId::UnitsRestarts), None, "since when is not known");

    tools.systemctl = Some(systemctl(dir.path(), 0, "1\\n\\n6\\n"));
    let second = tools.ask(Timestamp(1_999)).await;
    second.count(Some((&first, Millis::secs(300))), &mut metrics);
    assert_eq!(metrics.get(MetricId::UnitsFailed).unwrap().min(), Some(0));
    assert_eq!(metrics.get(MetricId::UnitsRestarts).unwrap().max(), Some(10));
    assert_eq!(metrics.get(MetricId::LogKernelErrors).unwrap().max(), Some(6));
    let asked = fs::read_to_string(dir.path().join("journalctl.asked")).unwrap();
    assert_eq!(asked, "--since=@0\n--since=@1\n");
}

#[tokio::test]
async fn who_cannot_be_asked_says_nothing_instead_of_none() {
    let dir = tempfile::tempdir().unwrap();
    let tools = ServiceTools {
        systemctl: Some(program(dir.path(), "systemctl", "echo 0; exit 1")),
        journalctl: Some(program(dir.path(), "journalctl", "yes 3 | head -c 9000")),
    };
    let first = tools.clone().ask(Timestamp(0)).await;
    let mut metrics = Metrics::default();
    first.count(None, &mut metrics);
    tools.ask(Timestamp(0)).await.count(Some((&first, Millis(1))), &mut metrics);
    assert!(metrics.is_empty(), "no bus, and more errors than were read");
}

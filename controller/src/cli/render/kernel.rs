//! Registered kernels.

use wavegate_common::view::KernelList;
use wavegate_common::{ReleaseSource, Timestamp};

use super::table::Table;
use super::time::cell;

/// The list.
#[must_use]
pub fn list(list: &KernelList, now: Timestamp, wide: bool) -> String {
    let mut table = Table::new(&["NAME", "KERNEL", "FROM", "RUNNING", "STATE", "ADDED", "BY"])
        .firm(&[0, 1, 5])
        .unbounded(wide);
    for kernel in &list.kernels {
        table.row([
            kernel.release.name.to_string(),
            kernel.release.kernel.to_string(),
            source(&kernel.release.source, wide),
            kernel.running.to_string(),
            match (kernel.available, kernel.known_bad.len()) {
                (false, _) => "upload unfinished".to_owned(),
                (true, 0) => "ok".to_owned(),
                (true, bad) => format!("went wrong in {bad}"),
            },
            cell(kernel.added_at, now),
            kernel.added_by.clone(),
        ]);
    }
    table.render()
}

fn source(source: &ReleaseSource, wide: bool) -> String {
    match source {
        ReleaseSource::Package { package, version: Some(version) } => {
            format!("{package}={version}")
        }
        ReleaseSource::Package { package, version: None } => package.clone(),
        ReleaseSource::Artifact { digest, file, .. } if wide => format!("{file} sha256:{digest}"),
        ReleaseSource::Artifact { file, .. } => file.clone(),
        ReleaseSource::Installed => "already there".to_owned(),
    }
}

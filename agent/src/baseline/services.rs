//! What the service manager and the journal count. They are asked by fixed calls, once per slot:
//! a process costs a thousand times what a file in `/proc` does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wavegate_common::baseline::{MetricId, Metrics};
use wavegate_common::{Millis, Timestamp};

use crate::process::{Call, Ending, run};

const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Output from here on may have been cut.
const CUT: usize = 4_000;

/// Where the programs are; none is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceTools {
    /// `systemctl`.
    pub systemctl: Option<PathBuf>,
    /// `journalctl`.
    pub journalctl: Option<PathBuf>,
}

/// One answer of all. What could not be asked is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Services {
    failed: Option<u64>,
    /// Restarts of all units that are loaded, since each was.
    restarts: Option<u64>,
    errors: Option<u64>,
}

impl ServiceTools {
    /// Asks for everything. Errors of the kernel are those since `since`.
    pub(super) async fn ask(self, since: Timestamp) -> Services {
        let mut found = Services::default();
        if let Some(systemctl) = &self.systemctl {
            found.failed = lines(systemctl, &["show", "--property=NFailedUnits", "--value"])
                .await
                .and_then(|text| text.trim().parse().ok());
            let restarts = ["show", "--property=NRestarts", "--value", "*.service"];
            found.restarts = lines(systemctl, &restarts).await.map(|text| sum(&text));
        }
        if let Some(journalctl) = &self.journalctl {
            let since = format!("--since=@{}", since.0.div_euclid(1_000));
            // One short line for each message.
            let only = ["--dmesg", "--priority=err", "--quiet", "--output=cat"];
            let fields = "--output-fields=PRIORITY";
            let call = [only[0], only[1], only[2], only[3], fields, "--no-pager", &since];
            found.errors = lines(journalctl, &call).await.map(|text| text.lines().count() as u64);
        }
        found
    }
}

fn sum(values: &str) -> u64 {
    values.split_ascii_whitespace().filter_map(|value| value.parse::<u64>().ok()).sum()
}

/// What a program says, if it says it all and ends well.
async fn lines(program: &Path, arguments: &[&str]) -> Option<String> {
    let outcome =
        run(Call { program, arguments, input: b"", time_limit: TIME_LIMIT }).await.ok()?;
    let whole = outcome.ending == Ending::Exit(0) && outcome.output.len() < CUT;
    whole.then_some(outcome.output)
}

impl Services {
    /// Counts what an answer says that came `span` after the one before.
    pub(super) fn count(&self, before: Option<(&Self, Millis)>, metrics: &mut Metrics) {
        if let Some(failed) = self.failed {
            metrics.of(MetricId::UnitsFailed).record(failed);
        }
        let Some((before, span)) = before.filter(|(_, span)| span.0 > 0) else { return };
        let rate = |events: u64| events.saturating_mul(1_000_000) / span.0;
        if let (Some(before), Some(now)) = (before.restarts, self.restarts) {
            // A unit that was unloaded takes its count with it.
            metrics.of(MetricId::UnitsRestarts).record(rate(now.saturating_sub(before)));
        }
        if let Some(errors) = self.errors {
            metrics.of(MetricId::LogKernelErrors).record(rate(errors));
        }
    }
}

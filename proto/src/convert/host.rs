//! Facts, kernels, boots and reports.

use wavegate_common::health::{CheckResult, Health, HealthState};
use wavegate_common::host::{BootMethod, Facts, FailureDomain};
use wavegate_common::id::HostId;
use wavegate_common::kernel::{Release, ReleaseSource};
use wavegate_common::report::{BootCause, BootRecord, HostReport, Transaction, TransactionStep};
use wavegate_common::rollout::FailStep;

use super::field::OnWire;
use super::invalid::{At, CHECKS, EVIDENCE, Invalid, NAME};
use super::shape::{choice, enumeration, record, required};
use crate::wire;

record!(FailureDomain = FailureDomain { key[NAME], value[NAME] });
enumeration!(BootMethod { Auto, Kexec, Firmware });

record!(Release = Release { name, kernel, source, append });

impl OnWire<wire::ReleaseSource> for ReleaseSource {
    fn read(wire: wire::ReleaseSource, at: &At<'_>) -> Result<Self, Invalid> {
        use wire::release_source::Kind;
        match wire.kind {
            Some(Kind::Package(package)) => {
                let at = at.field("package");
                Ok(Self::Package {
                    package: OnWire::read(package.package, &at.field("package").limited(NAME))?,
                    version: OnWire::read(package.version, &at.field("version").limited(NAME))?,
                })
            }
            Some(Kind::Artifact(artifact)) => {
                let at = at.field("artifact");
                let file = String::read(artifact.file, &at.field("file").limited(NAME))?;
                Ok(Self::Artifact {
                    digest: OnWire::read(artifact.digest, &at.field("digest"))?,
                    size: artifact.size,
                    file: file_name(file, &at.field("file"))?,
                })
            }
            Some(Kind::Installed(wire::Nothing {})) => Ok(Self::Installed),
            None => Err(at.invalid("missing, or of a kind not known here")),
        }
    }

    fn write(&self) -> wire::ReleaseSource {
        use wire::release_source::{Artifact, Kind, Package};
        let kind = match self {
            Self::Package { package, version } => {
                Kind::Package(Package { package: package.clone(), version: version.clone() })
            }
            Self::Artifact { digest, size, file } => {
                Kind::Artifact(Artifact { digest: digest.write(), size: *size, file: file.clone() })
            }
            Self::Installed => Kind::Installed(wire::Nothing {}),
        };
        wire::ReleaseSource { kind: Some(kind) }
    }
}
required!(ReleaseSource = ReleaseSource);

/// A name of a file that stays where it is put: no directories, nothing hidden.
pub(super) fn file_name(name: String, at: &At<'_>) -> Result<String, Invalid> {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '~' | ':');
    if name.is_empty() {
        Err(at.missing())
    } else if name.starts_with('.') || !name.chars().all(ok) {
        Err(at.invalid("use a plain file name of letters, digits and `-_.+~:`"))
    } else {
        Ok(name)
    }
}

record!(Facts = Facts {
    vendor, product, firmware, cpu, cpus, memory_mib,
    nic_drivers[NAME], disk_drivers[NAME], foreign_modules[NAME],
});

enumeration!(HealthState { Unknown, Healthy, Unhealthy });
record!(CheckResult = CheckResult { name[NAME], ok, detail });
record!(Health = Health { state, checks[CHECKS] });

choice!(BootCause in boot_cause {
    Commanded { command, method },
    FellBack { command, evidence[EVIDENCE] },
    Operator,
    Panic { evidence[EVIDENCE] },
    Watchdog,
    Unknown,
    First,
});
record!(BootRecord = BootRecord { boot_id, kernel, booted_at, cause });

enumeration!(FailStep { Stage, Drain, Arm, Switch, Boot, Verify, Confirm });
choice!(TransactionStep in transaction_step {
    Staging,
    Staged,
    Draining { waiting },
    AwaitingPermit,
    Switching,
    Trial,
    Verified,
    Confirmed,
    Aborted { reason },
    FellBack { evidence[EVIDENCE] },
    Failed { step, reason },
});
record!(Transaction = Transaction { command, target, step });

/// Reads a report of the host that the certificate names.
pub(crate) fn report(
    host: HostId,
    wire: wire::HostReport,
    at: &At<'_>,
) -> Result<HostReport, Invalid> {
    if wire.name.is_empty() {
        return Err(at.field("name").missing());
    }
    Ok(HostReport {
        host,
        seq: wire.seq,
        name: OnWire::read(wire.name, &at.field("name").limited(NAME))?,
        labels: OnWire::read(wire.labels, &at.field("labels"))?,
        facts: OnWire::read(wire.facts, &at.field("facts"))?,
        boot: OnWire::read(wire.boot, &at.field("boot"))?,
        installed: OnWire::read(wire.installed, &at.field("installed"))?,
        default_kernel: OnWire::read(wire.default_kernel, &at.field("default_kernel"))?,
        health: OnWire::read(wire.health, &at.field("health"))?,
        transaction: OnWire::read(wire.transaction, &at.field("transaction"))?,
        generation: OnWire::read(wire.generation, &at.field("generation"))?,
        guard: OnWire::read(wire.guard, &at.field("guard"))?,
        no_kexec: OnWire::read(wire.no_kexec, &at.field("no_kexec"))?,
        drift: OnWire::read(wire.drift, &at.field("drift"))?,
    })
}

/// Writes a report; the host is left to the certificate.
pub(crate) fn write_report(report: &HostReport) -> wire::HostReport {
    wire::HostReport {
        seq: report.seq,
        name: report.name.clone(),
        labels: report.labels.clone(),
        facts: report.facts.write(),
        boot: report.boot.write(),
        installed: report.installed.write(),
        default_kernel: report.default_kernel.write(),
        health: report.health.write(),
        transaction: report.transaction.write(),
        generation: report.generation.write(),
        guard: report.guard.clone(),
        no_kexec: report.no_kexec.clone(),
        drift: report.drift.clone(),
    }
}

//! The running boot: which, on what kernel, how it was started, and the clocks.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use wavegate_common::{BootId, BootMethod, KernelRelease, Millis, Timestamp};

use crate::machine::io::Now;
use crate::root::Root;

/// Number by which the kernel knows that `kexec_file_load` started it.
const STARTED_BY_KEXEC: i64 = 0xd0;

/// What the kernel says of the running boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFacts {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: BootId,
    /// What `uname -r` says.
    pub kernel: KernelRelease,
    /// How it was started; unknown on machines whose boot protocol does not tell.
    pub started_by: Option<BootMethod>,
}

/// What is missing to know the running boot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {0}: without it no boot can be told from another; is /proc mounted")]
pub struct UnknownBoot(&'static str);

/// Reads the running boot.
///
/// # Errors
/// The boot id or the kernel's release cannot be read. Unlike all other facts these are needed:
/// every order names the boot that it is for.
pub fn boot_facts(root: &Root) -> Result<BootFacts, UnknownBoot> {
    const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
    const RELEASE: &str = "/proc/sys/kernel/osrelease";
    let boot_id = root.text(BOOT_ID).and_then(|text| text.parse().ok());
    let kernel = root.text(RELEASE).filter(|text| !text.is_empty());
    Ok(BootFacts {
        boot_id: boot_id.ok_or(UnknownBoot(BOOT_ID))?,
        kernel: KernelRelease::from(kernel.ok_or(UnknownBoot(RELEASE))?),
        started_by: started_by(root),
    })
}

/// The x86 boot protocol makes every loader leave its number; the kernel's own kexec is one.
fn started_by(root: &Root) -> Option<BootMethod> {
    match root.number("/proc/sys/kernel/bootloader_type")? {
        STARTED_BY_KEXEC => Some(BootMethod::Kexec),
        _ => Some(BootMethod::Firmware),
    }
}

/// Both clocks, now. If the kernel refuses `CLOCK_BOOTTIME` its reading is zero, which makes
/// every limit measured on it run out late rather than early; no supported kernel does.
#[must_use]
pub fn clocks() -> Now {
    let boottime = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Millis(0), |time| {
        let secs = u64::try_from(time.tv_sec()).unwrap_or(0);
        let millis = u64::try_from(time.tv_nsec()).unwrap_or(0) / 1_000_000;
        Millis(secs.saturating_mul(1_000).saturating_add(millis))
    });
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Now { boottime, wall: Timestamp(i64::try_from(wall).unwrap_or(i64::MAX)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::fake::FakeHost;

    const ID: &str = "0f0e0d0c-0b0a-0908-0706-050403020100\n";

    fn host(loader: Option<&str>) -> FakeHost {
        let host = FakeHost::new()
            .with("/proc/sys/kernel/random/boot_id", ID)
            .with("/proc/sys/kernel/osrelease", "6.1.0-56-cloud-amd64\n");
        if let Some(loader) = loader {
            host.write("/proc/sys/kernel/bootloader_type", loader);
        }
        host
    }

    #[test]
    fn the_loader_number_tells_kexec_from_firmware() {
        for (number, method) in [
            (Some("208\n"), Some(BootMethod::Kexec)),
            (Some("114\n"), Some(BootMethod::Firmware)),
            (Some("33\n"), Some(BootMethod::Firmware)),
            (Some("?"), None),
            (None, None),
        ] {
            assert_eq!(boot_facts(&host(number).root()).unwrap().started_by, method, "{number:?}");
        }
    }

    #[test]
    fn without_a_boot_id_there_is_no_boot() {
        assert!(boot_facts(&FakeHost::new().root()).is_err());
        let odd = host(None).with("/proc/sys/kernel/random/boot_id", "not an id");
        let told = boot_facts(&odd.root()).unwrap_err().to_string();
        assert!(told.contains("random/boot_id"), "{told}");
    }

    #[test]
    fn clocks_run() {
        let (first, second) = (clocks(), clocks());
        assert!(first.boottime > Millis(0) && first.boottime <= second.boottime);
    }
}

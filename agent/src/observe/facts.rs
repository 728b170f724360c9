//! Hardware and kernel-adjacent software: what puts a host into its class.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wavegate_common::Facts;

use crate::root::Root;

/// Drivers that say what a device is, not what moves its data. For a disk behind a controller
/// the driver of the controller is the one that a kernel regression is about.
const GENERIC_DRIVERS: [&str; 3] = ["sd", "sr", "ses"];

/// Block devices that are not disks.
const NOT_DISKS: [&str; 7] = ["dm-", "fd", "loop", "md", "ram", "sr", "zram"];

/// Reads the facts of a host.
#[must_use]
pub fn facts(root: &Root) -> Facts {
    let dmi = |name: &str| root.text(format!("/sys/class/dmi/id/{name}")).unwrap_or_default();
    let (cpu, cpus) = processor(root);
    Facts {
        vendor: dmi("sys_vendor"),
        product: dmi("product_name"),
        firmware: dmi("bios_version"),
        cpu,
        cpus,
        memory_mib: memory_mib(root),
        nic_drivers: nic_drivers(root),
        disk_drivers: disk_drivers(root),
        foreign_modules: foreign_modules(root),
    }
}

/// Model name of the first processor, and how many there are.
fn processor(root: &Root) -> (String, u32) {
    let text = root.text("/proc/cpuinfo").unwrap_or_default();
    let fields = || text.lines().filter_map(|line| line.split_once(':'));
    let value = |wanted: &str| {
        fields().find(|(key, _)| key.trim() == wanted).map(|(_, value)| value.trim().to_owned())
    };
    let count = fields().filter(|(key, _)| key.trim() == "processor").count();
    // Arm has no model name; implementer and part are what tells its cores apart.
    let model = value("model name")
        .or_else(|| Some(format!("arm {} {}", value("CPU implementer")?, value("CPU part")?)));
    (model.unwrap_or_default(), u32::try_from(count).unwrap_or(u32::MAX))
}

fn memory_mib(root: &Root) -> u64 {
    let text = root.text("/proc/meminfo").unwrap_or_default();
    let kib = text.lines().find_map(|line| {
        let rest = line.strip_prefix("MemTotal:")?;
        rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    kib.unwrap_or(0) / 1024
}

fn nic_drivers(root: &Root) -> Vec<String> {
    let found: BTreeSet<String> = root
        .names("/sys/class/net")
        .iter()
        .filter_map(|name| root.link_name(format!("/sys/class/net/{name}/device/driver")))
        .collect();
    found.into_iter().collect()
}

fn disk_drivers(root: &Root) -> Vec<String> {
    let found: BTreeSet<String> = root
        .names("/sys/block")
        .iter()
        .filter(|name| !NOT_DISKS.iter().any(|prefix| name.starts_with(prefix)))
        .filter_map(|name| disk_driver(&root.path(format!("/sys/block/{name}/device"))))
        .collect();
    found.into_iter().collect()
}

/// The nearest driver above a disk that is not a generic one: of the virtio device, of the NVMe
/// controller, of the SATA or SAS adapter.
fn disk_driver(device: &Path) -> Option<String> {
    let device = fs::canonicalize(device).ok()?;
    let mut generic = None;
    for place in device.ancestors() {
        if place.file_name().is_some_and(|name| name == "devices") {
            break;
        }
        let Ok(target) = fs::read_link(place.join("driver")) else { continue };
        let Some(name) = target.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            continue;
        };
        if GENERIC_DRIVERS.contains(&name.as_str()) {
            generic = generic.or(Some(name));
            continue;
        }
        return Some(name);
    }
    generic
}

/// Modules that did not come with the kernel: each says so in its taint flags.
fn foreign_modules(root: &Root) -> Vec<String> {
    let mut names = root.names("/sys/module");
    names.retain(|name| {
        root.text(format!("/sys/module/{name}/taint")).is_some_and(|taint| taint.contains('O'))
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::fake::FakeHost;

    const PCI: &str = "/sys/devices/pci0000:00";

    #[test]
    fn an_empty_host_has_empty_facts() {
        assert_eq!(facts(&FakeHost::new().root()), Facts::default());
    }

    #[test]
    fn facts_of_a_server() {
        let host = FakeHost::new()
            .with("/sys/class/dmi/id/sys_vendor", "Dell Inc.\n")
            .with("/sys/class/dmi/id/product_name", "PowerEdge R640\n")
            .with("/sys/class/dmi/id/bios_version", "2.19.1\n")
            .with(
                "/proc/cpuinfo",
                "processor\t: 0\nmodel name\t: Xeon 6130\n\nprocessor\t: 1\nmodel name\t: Xeon 6130\n",
            )
            .with("/proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\n")
            .dir("/sys/class/net/lo")
            .dir(&format!("{PCI}/0000:3b:00.0"))
            .link("/sys/class/net/eth0/device", "../../../devices/pci0000:00/0000:3b:00.0")
            .link("/sys/devices/pci0000:00/0000:3b:00.0/driver", "../../../bus/pci/drivers/mlx5_core")
            .with("/sys/module/falcon_lsm/taint", "POE\n")
            .with("/sys/module/mlx5_core/taint", "\n")
            .dir("/sys/module/ext4");
        let found = facts(&host.root());
        assert_eq!(found.vendor, "Dell Inc.");
        assert_eq!(found.cpu, "Xeon 6130");
        assert_eq!((found.cpus, found.memory_mib), (2, 16_000));
        assert_eq!(found.nic_drivers, ["mlx5_core"]);
        assert_eq!(found.foreign_modules, ["falcon_lsm"]);
    }

    #[test]
    fn a_disk_is_known_by_what_moves_its_data() {
        let nvme = format!("{PCI}/0000:00:04.0");
        let sata = format!("{PCI}/0000:00:1f.2");
        let host = FakeHost::new()
            .dir(&format!("{nvme}/nvme/nvme0"))
            .link(&format!("{nvme}/driver"), "../../../bus/pci/drivers/nvme")
            .link("/sys/block/nvme0n1/device", "../../devices/pci0000:00/0000:00:04.0/nvme/nvme0")
            .dir(&format!("{sata}/ata1/host0/target0:0:0/0:0:0:0"))
            .link(&format!("{sata}/driver"), "../../../bus/pci/drivers/ahci")
            .link(
                &format!("{sata}/ata1/host0/target0:0:0/0:0:0:0/driver"),
                "../../bus/scsi/drivers/sd",
            )
            .link(
                "/sys/block/sda/device",
                "../../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0",
            )
            .dir("/sys/block/loop0")
            .dir("/sys/block/dm-0");
        assert_eq!(facts(&host.root()).disk_drivers, ["ahci", "nvme"]);
    }

    #[test]
    fn arm_cores_are_told_apart_by_part() {
        let text = "processor : 0\nCPU implementer : 0x41\nCPU part : 0xd0c\n";
        let host = FakeHost::new().with("/proc/cpuinfo", text);
        assert_eq!(facts(&host.root()).cpu, "arm 0x41 0xd0c");
    }
}

//! Fleets to try things on.

use std::sync::Arc;

use wavegate_agent::machine::MachineConfig;
use wavegate_common::order::stable_hash;
use wavegate_common::{Facts, HostId, KernelRelease, Labels};

use crate::host::SimHost;
use crate::physics::Physics;
use crate::profile::HostProfile;
use crate::timing::Timing;

/// The machines of a fleet, before anything happens to them.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// In the order of racks.
    pub profiles: Vec<HostProfile>,
}

/// Hosts of one rack in [`Fleet::demo`], unless there are fewer than 20 racks' worth.
const PER_RACK: usize = 12;

struct Model {
    role: &'static str,
    vendor: &'static str,
    product: &'static str,
    cpu: &'static str,
    nic: &'static str,
    disk: &'static str,
    foreign: Option<&'static str>,
    no_kexec: Option<&'static str>,
}

const fn model(
    role: &'static str,
    maker: (&'static str, &'static str),
    cpu: &'static str,
    nic: &'static str,
    disk: &'static str,
) -> Model {
    let (vendor, product) = maker;
    Model { role, vendor, product, cpu, nic, disk, foreign: None, no_kexec: None }
}

const R640: (&str, &str) = ("Dell Inc.", "PowerEdge R640");
const R650: (&str, &str) = ("Dell Inc.", "PowerEdge R650");
const R740: (&str, &str) = ("Dell Inc.", "PowerEdge R740xd");
const DL360: (&str, &str) = ("HPE", "ProLiant DL360 Gen10");
const DL380: (&str, &str) = ("HPE", "ProLiant DL380 Gen10");
const AS1114: (&str, &str) = ("Supermicro", "AS-1114S-WN10RT");
const SR630: (&str, &str) = ("Lenovo", "ThinkSystem SR630");
const SR650: (&str, &str) = ("Lenovo", "ThinkSystem SR650");
const XEON_6130: &str = "Intel Xeon Gold 6130";
const XEON_6330: &str = "Intel Xeon Gold 6330";
const EPYC_7443: &str = "AMD EPYC 7443P";

const MODELS: [Model; 12] = [
    model("web", R640, XEON_6130, "mlx5_core", "nvme"),
    model("cache", R640, XEON_6130, "mlx5_core", "nvme"),
    model("web", R650, XEON_6330, "mlx5_core", "nvme"),
    model("db", R740, XEON_6130, "i40e", "megaraid_sas"),
    model("web", DL360, XEON_6130, "bnxt_en", "smartpqi"),
    model("batch", DL360, XEON_6130, "bnxt_en", "smartpqi"),
    model("db", DL380, XEON_6330, "bnxt_en", "smartpqi"),
    model("batch", AS1114, EPYC_7443, "ixgbe", "nvme"),
    Model {
        no_kexec: Some("the storage controller does not survive kexec"),
        ..model("store", AS1114, EPYC_7443, "ixgbe", "mpt3sas")
    },
    Model { foreign: Some("falcon_lsm"), ..model("web", SR630, XEON_6330, "ice", "nvme") },
    model("db", SR650, XEON_6330, "ice", "nvme"),
    Model {
        foreign: Some("nvidia"),
        no_kexec: Some("the nvidia module does not survive kexec"),
        ..model("gpu", R740, XEON_6330, "mlx5_core", "nvme")
    },
];

impl Fleet {
    /// A fleet of 12 classes over two sites: 20 racks at 240 hosts, names such as
    /// `web-ams-r07-03`, labels `role`, `site`, `rack` and `power`. Identities follow from the
    /// seed; who uses real certificates replaces them.
    #[must_use]
    pub fn demo(hosts: usize, seed: u64) -> Self {
        Self::of_classes(hosts, MODELS.len(), seed)
    }

    /// As [`Fleet::demo`] with at most this many classes (1 to 12).
    #[must_use]
    pub fn of_classes(hosts: usize, classes: usize, seed: u64) -> Self {
        let classes = classes.clamp(1, MODELS.len());
        let racks = hosts.div_ceil(PER_RACK).max(1);
        let profiles = (0..hosts).map(|n| profile(n, classes, racks, seed)).collect();
        Self { profiles }
    }

    /// Simulated hosts of these profiles, all off.
    #[must_use]
    pub fn power_up(self, physics: &Arc<Physics>, seed: u64) -> Vec<SimHost> {
        let host = |profile| SimHost::new(profile, Arc::clone(physics), seed);
        self.profiles.into_iter().map(host).collect()
    }
}

fn profile(n: usize, classes: usize, racks: usize, seed: u64) -> HostProfile {
    let (rack, unit) = (n / PER_RACK, n % PER_RACK);
    // Every rack holds several classes, and every class stands in several racks.
    let model = &MODELS[(n + rack) % classes];
    let site = if rack < racks.div_ceil(2) { "ams" } else { "fra" };
    let in_site = if site == "ams" { rack } else { rack - racks.div_ceil(2) };
    let rack_name = format!("{site}-r{:02}", in_site + 1);
    let labels = Labels::from([
        ("role".to_owned(), model.role.to_owned()),
        ("site".to_owned(), site.to_owned()),
        ("rack".to_owned(), rack_name.clone()),
        ("power".to_owned(), format!("{site}-p{}", in_site / 4 + 1)),
    ]);
    let facts = Facts {
        vendor: model.vendor.to_owned(),
        product: model.product.to_owned(),
        firmware: "2.19.1".to_owned(),
        cpu: model.cpu.to_owned(),
        cpus: 64,
        memory_mib: 262_144,
        nic_drivers: vec![model.nic.to_owned()],
        disk_drivers: vec![model.disk.to_owned()],
        foreign_modules: model.foreign.map(str::to_owned).into_iter().collect(),
    };
    let id = [1, 2].map(|half| u128::from(stable_hash(seed, &[half, n as u128])));
    HostProfile {
        id: HostId(id[0] << 64 | id[1]),
        name: format!("{}-{rack_name}-{:02}", model.role, unit + 1),
        labels,
        facts,
        workload_key: "role".to_owned(),
        kernel: KernelRelease::from("6.1.0-54-amd64"),
        no_kexec: model.no_kexec.map(str::to_owned).into_iter().collect(),
        timing: Timing::default(),
        config: MachineConfig::default(),
        clock_offset: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_demo_fleet_has_12_classes_in_20_racks() {
        let fleet = Fleet::demo(240, 1);
        let distinct = |key: &dyn Fn(&HostProfile) -> String| {
            fleet.profiles.iter().map(key).collect::<BTreeSet<_>>().len()
        };
        assert_eq!(distinct(&|p| p.class().to_string()), 12);
        assert_eq!(distinct(&|p| p.labels["rack"].clone()), 20);
        assert_eq!(distinct(&|p| p.name.clone()), 240);
        assert_eq!(distinct(&|p| p.id.to_string()), 240);
        assert_eq!(fleet.profiles[0].name, "web-ams-r01-01");
        let racks_of_a_class = fleet
            .profiles
            .iter()
            .filter(|p| p.class() == fleet.profiles[0].class())
            .map(|p| p.labels["rack"].clone())
            .collect::<BTreeSet<_>>();
        assert!(racks_of_a_class.len() >= 10);
    }
}

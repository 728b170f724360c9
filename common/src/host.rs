//! What a host is: facts, class, labels, failure domains.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::kernel::text_value;

/// Labels as in Kubernetes: `role=web`.
pub type Labels = BTreeMap<String, String>;

text_value!(
    /// Hosts alike: hardware class × workload × kernel-adjacent software.
    HostClass
);

/// What must not go down together: a label key with one of its values, for example `rack=r07`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FailureDomain {
    /// The label key, for example `rack`.
    pub key: String,
    /// Its value, for example `r07`.
    pub value: String,
}

impl fmt::Display for FailureDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// How a host changes kernels.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum BootMethod {
    /// Kexec where the host says it can, else a full reboot.
    #[default]
    Auto,
    /// `kexec_file_load` and a clean shutdown into the loaded kernel.
    Kexec,
    /// A full reboot through firmware and boot loader.
    Firmware,
}

/// Hardware and kernel-adjacent software, as the agent found them. Every part may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// DMI system vendor.
    pub vendor: String,
    /// DMI product name.
    pub product: String,
    /// DMI firmware version.
    pub firmware: String,
    /// CPU model name.
    pub cpu: String,
    /// Logical CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Drivers of physical network interfaces, sorted, without repeats.
    pub nic_drivers: Vec<String>,
    /// Drivers of disks, sorted, without repeats.
    pub disk_drivers: Vec<String>,
    /// Out-of-tree kernel modules in use, sorted.
    pub foreign_modules: Vec<String>,
}

impl Facts {
    /// The class of a host with these facts and this workload label. Memory size and CPU count
    /// are left out on purpose: they vary within what operators call one model.
    #[must_use]
    pub fn class(&self, workload: Option<&str>) -> HostClass {
        let mut parts = vec![
            slug(&format!("{} {}", self.vendor, self.product)),
            slug(&self.cpu),
            slug(&self.nic_drivers.join("+")),
            slug(&self.disk_drivers.join("+")),
            slug(workload.unwrap_or("none")),
        ];
        if !self.foreign_modules.is_empty() {
            parts.push(slug(&self.foreign_modules.join("+")));
        }
        HostClass(parts.join("/").into())
    }
}

/// Lower case, with one hyphen for every run of other characters than letters, digits, `+`, `_`, `.`.
fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '+' | '_' | '.') {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-');
    if out.is_empty() { "unknown".to_owned() } else { out.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_hardware_by_workload_by_foreign_modules() {
        let mut facts = Facts {
            vendor: "Dell Inc.".into(),
            product: "PowerEdge R640".into(),
            cpu: "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz".into(),
            nic_drivers: vec!["mlx5_core".into()],
            disk_drivers: vec!["nvme".into()],
            ..Facts::default()
        };
        let web = facts.class(Some("web"));
        assert_eq!(
            web.as_str(),
            "dell-inc.-poweredge-r640/intel-r-xeon-r-gold-6130-cpu-2.10ghz/mlx5_core/nvme/web"
        );
        facts.memory_mib = 1;
        assert_eq!(facts.class(Some("web")), web);
        assert_ne!(facts.class(Some("db")), web);
        facts.foreign_modules = vec!["falcon_lsm".into()];
        assert_ne!(facts.class(Some("web")), web);
    }
}

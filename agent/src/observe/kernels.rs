//! Kernels that could be booted.

use wavegate_common::KernelRelease;

use crate::root::Root;

/// Kernels with both modules and an image, sorted by name. Modules alone are what is left behind
/// by an incomplete removal and cannot be booted.
#[must_use]
pub fn installed_kernels(root: &Root) -> Vec<KernelRelease> {
    let mut names = root.names("/lib/modules");
    names.retain(|name| {
        root.exists(format!("/boot/vmlinuz-{name}"))
            || root.exists(format!("/lib/modules/{name}/vmlinuz"))
    });
    names.into_iter().map(KernelRelease::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::fake::FakeHost;

    #[test]
    fn a_kernel_needs_modules_and_an_image() {
        let host = FakeHost::new()
            .dir("/lib/modules/6.1.0-56-cloud-amd64")
            .dir("/lib/modules/6.1.0-47-cloud-amd64")
            .dir("/lib/modules/6.12.0-1-half-removed")
            .with("/lib/modules/6.12.9-200.fc41/vmlinuz", "")
            .with("/boot/vmlinuz-6.1.0-47-cloud-amd64", "")
            .with("/boot/vmlinuz-6.1.0-56-cloud-amd64", "")
            .with("/boot/vmlinuz-5.10.0-without-modules", "");
        let found: Vec<String> =
            installed_kernels(&host.root()).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["6.1.0-47-cloud-amd64", "6.1.0-56-cloud-amd64", "6.12.9-200.fc41"]);
        assert!(installed_kernels(&FakeHost::new().root()).is_empty());
    }
}

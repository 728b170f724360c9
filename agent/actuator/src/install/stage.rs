//! The steps of `Stage`, in an order in which a power cut after any of them boots the proven
//! kernel: pin, install, look again, verify.

use std::time::Duration;

use wavegate_common::actuator::Staged;
use wavegate_common::{KernelRelease, Millis, Release, ReleaseSource};

use super::packages::Packages;
use super::{allow, artifact, pin};
use crate::boot::{BootLoader, own_entry};
use crate::cmdline;
use crate::error::Error;
use crate::kernel;
use crate::power::Power;
use crate::tree::Tree;
use crate::verbs::Actuator;

/// The longest that the package manager may take.
const LONGEST: Duration = Duration::from_secs(3600);
/// What must be free where kernels live before another one is installed, in bytes.
const ROOM: u64 = 192 * 1024 * 1024;

impl<P: Power> Actuator<P> {
    pub(crate) fn stage(&self, release: &Release, timeout: Millis) -> Result<Staged, Error> {
        let tree = &self.tree;
        let target = &release.kernel;
        kernel::check_name(target)?;
        if let ReleaseSource::Package { package, version } = &release.source {
            // Said before anything on the host is touched.
            allow::check_package(package)?;
            version.as_deref().map_or(Ok(()), allow::check_version)?;
        }
        let proven = pin::proven(tree, &BootLoader::find(tree)?)?;
        pin::pin(tree, &proven)?;
        let running = kernel::running(tree)?;
        pin::protect(tree, &distinct([&proven, &running, target]))?;
        let installed = install(tree, release, &running, timeout);
        // Whatever came of the installation, the default must not have moved.
        let default_moved_back = pin::hold(tree, &proven)?;
        let installed = installed?;
        kernel::files(tree, target)?;
        put_parameters(tree, release, &proven)?;
        let loader = BootLoader::find(tree)?;
        check_initrd(tree, target)?;
        Ok(Staged {
            kernel: target.clone(),
            installed,
            default_moved_back,
            default_kernel: loader.default_kernel().cloned(),
        })
    }
}

/// The entry with the release's parameters. A way back is left as it was confirmed, and so is
/// what the proven kernel boots with.
fn put_parameters(tree: &Tree, release: &Release, proven: &KernelRelease) -> Result<(), Error> {
    if release.kernel == *proven || release.source == ReleaseSource::Installed {
        return Ok(());
    }
    release.append.iter().try_for_each(|parameter| cmdline::check(parameter))?;
    own_entry::put(tree, &release.kernel, &release.append)
}

fn distinct<const N: usize>(kernels: [&KernelRelease; N]) -> Vec<&KernelRelease> {
    let mut kernels = kernels.to_vec();
    kernels.sort();
    kernels.dedup();
    kernels
}

/// Whether something had to be installed.
fn install(
    tree: &Tree,
    release: &Release,
    running: &KernelRelease,
    timeout: Millis,
) -> Result<bool, Error> {
    let target = &release.kernel;
    let there = kernel::files(tree, target).is_ok();
    if target == running {
        // Its modules are in use; another build under the same name would replace them.
        return if there { Ok(false) } else { kernel::files(tree, target).map(|_| false) };
    }
    let timeout = Duration::from_millis(timeout.0).min(LONGEST);
    match &release.source {
        ReleaseSource::Installed => kernel::files(tree, target).map(|_| false),
        ReleaseSource::Package { version: None, .. } if there => Ok(false),
        ReleaseSource::Package { package, version } => {
            check_room(tree)?;
            Packages::of(tree)?.install(tree, package, version.as_deref(), timeout)?;
            Ok(true)
        }
        ReleaseSource::Artifact { digest, size, file } => {
            check_room(tree)?;
            let artifact = artifact::take(tree, *digest, *size, file)?;
            Packages::of(tree)?.install_file(tree, &artifact, timeout)?;
            Ok(true)
        }
    }
}

fn check_room(tree: &Tree) -> Result<(), Error> {
    let path = tree.path("/boot");
    let Ok(stat) = nix::sys::statvfs::statvfs(&path) else { return Ok(()) };
    let free = stat.blocks_available().saturating_mul(stat.fragment_size());
    if free >= ROOM {
        return Ok(());
    }
    Err(Error::precondition(
        format!("/boot has {} MiB free, {} are needed", free >> 20, ROOM >> 20),
        "remove kernels that are not needed any more",
    ))
}

/// A host whose running kernel needs a first file system will need one for the next too.
fn check_initrd(tree: &Tree, target: &KernelRelease) -> Result<(), Error> {
    let needs = kernel::running(tree)
        .and_then(|running| kernel::files(tree, &running))
        .is_ok_and(|files| files.initrd.is_some());
    if !needs || kernel::files(tree, target)?.initrd.is_some() {
        return Ok(());
    }
    Err(Error::unsafe_now(
        format!("kernel {target} has no initrd, the running one has"),
        "see why the package did not make one, for example update-initramfs on the host",
    ))
}

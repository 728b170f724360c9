//! Keeping the default boot entry on the proven kernel while another one is installed.

use std::time::Duration;

use wavegate_common::KernelRelease;

use crate::boot::BootLoader;
use crate::cmdline::PANIC_SECONDS;
use crate::error::Error;
use crate::kernel;
use crate::program::Program;
use crate::remember;
use crate::tree::Tree;

const GRUB_SETTINGS: &str = "/etc/default/grub.d/50-wavegate.cfg";
const UPDATE_GRUB: &str = "/usr/sbin/update-grub";
const KEEP: &str = "/etc/apt/apt.conf.d/52wavegate-keep-kernels";
const UPDATE_TIME: Duration = Duration::from_secs(300);
const HINT: &str = "set GRUB_DEFAULT=saved in /etc/default/grub and run update-grub on the host";

/// The kernel a failed trial must come back to.
///
/// # Errors
///
/// If the host does not tell what runs, or the default is needed and cannot be told.
pub fn proven(tree: &Tree, loader: &BootLoader) -> Result<KernelRelease, Error> {
    if !remember::on_trial(tree)? {
        return kernel::running(tree);
    }
    loader.default_kernel().cloned().ok_or_else(|| {
        Error::unsafe_now("a kernel is on trial and the default boot entry cannot be told", HINT)
    })
}

/// Makes the proven kernel the default in a way that outlives the installation of another one.
/// Returns the loader as it is after that.
///
/// # Errors
///
/// If the default cannot be set.
pub fn pin(tree: &Tree, proven: &KernelRelease) -> Result<BootLoader, Error> {
    let loader = BootLoader::find(tree)?;
    let loader = prepare_grub(tree, loader, proven)?;
    if matches!(loader, BootLoader::None) {
        return Ok(loader);
    }
    if loader.no_default().is_empty() {
        loader.set_default(tree, proven)?;
        return BootLoader::find(tree);
    }
    if loader.default_kernel() == Some(proven) {
        return Ok(loader);
    }
    let default = loader.default_kernel().map_or("not known", KernelRelease::as_str);
    Err(Error::unsafe_now(
        format!("the default boot entry is {default}, not {proven}, and it cannot be set"),
        HINT,
    ))
}

/// After the installation: whether the default had moved and was moved back.
///
/// # Errors
///
/// If it moved and cannot be moved back.
pub fn hold(tree: &Tree, proven: &KernelRelease) -> Result<bool, Error> {
    let loader = BootLoader::find(tree)?;
    if matches!(loader, BootLoader::None) || loader.default_kernel() == Some(proven) {
        return Ok(false);
    }
    loader.set_default(tree, proven).map_err(|error| {
        Error::unsafe_now(format!("the installation moved the default: {error}"), HINT)
    })?;
    Ok(true)
}

/// Keeps these kernels from being removed as no longer needed.
///
/// # Errors
///
/// If the list cannot be written.
pub fn protect(tree: &Tree, kernels: &[&KernelRelease]) -> Result<(), Error> {
    if !tree.exists("/etc/apt/apt.conf.d") {
        // dnf never removes the running kernel.
        return Ok(());
    }
    let mut text = "// Written by wavegate: kernels that a host must be able to go back to.\n\
                    APT::NeverAutoRemove {\n"
        .to_owned();
    for kernel in kernels {
        kernel::check_name(kernel)?;
        let pattern = kernel.as_str().replace('.', "\\.").replace('+', "\\+");
        text.push_str(&format!("  \"^linux-image-(unsigned-)?{pattern}$\";\n"));
        text.push_str(&format!("  \"^linux-modules(-extra)?-{pattern}$\";\n"));
    }
    text.push_str("};\n");
    tree.write(KEEP, text.as_bytes())
}

/// Whether the next `grub.cfg`, which a kernel's installation makes, will take its default from
/// the environment block.
fn settings_say_saved(tree: &Tree) -> Result<bool, Error> {
    let mut text = tree.text("/etc/default/grub")?.unwrap_or_default();
    for name in tree.names("/etc/default/grub.d") {
        if name.ends_with(".cfg") {
            text.push('\n');
            text.push_str(&tree.text(&format!("/etc/default/grub.d/{name}"))?.unwrap_or_default());
        }
    }
    let last = text.lines().rev().find_map(|line| line.trim().strip_prefix("GRUB_DEFAULT="));
    Ok(last.is_some_and(|value| value.trim_matches(['"', '\'']) == "saved"))
}

/// Where `grub.cfg` is made from settings: lets it take its default from the environment block,
/// and gives kernels a `panic=`, unless both are so already.
fn prepare_grub(
    tree: &Tree,
    loader: BootLoader,
    proven: &KernelRelease,
) -> Result<BootLoader, Error> {
    let BootLoader::Grub(grub) = &loader else { return Ok(loader) };
    let entry = loader.entry_of(proven);
    let hangs = entry.is_some_and(|entry| {
        kernel::reboots_after_panic(tree, proven, &entry.options) == Some(false)
    });
    let settled = loader.no_default().is_empty() && settings_say_saved(tree)? && !hangs;
    if settled || !tree.exists(UPDATE_GRUB) || !tree.exists("/etc/default") {
        return Ok(loader);
    }
    // First the entry, then the setting that makes it count.
    if let Some(id) = entry.and_then(|entry| entry.id.as_deref()) {
        grub.note_saved_entry(tree, id)?;
    }
    let settings = format!(
        "# Written by wavegate: the default stays on the proven kernel until another one has\n\
         # proven itself, and a kernel that panics gives way to it.\n\
         GRUB_DEFAULT=saved\n\
         case \" $GRUB_CMDLINE_LINUX \" in\n\
         *\" panic=\"*) ;;\n\
         *) GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX panic={PANIC_SECONDS}\" ;;\n\
         esac\n"
    );
    let before = tree.text(GRUB_SETTINGS)?;
    tree.write(GRUB_SETTINGS, settings.as_bytes())?;
    if let Err(error) = Program::new(tree, UPDATE_GRUB, UPDATE_TIME).run() {
        match before {
            Some(before) => tree.write(GRUB_SETTINGS, before.as_bytes())?,
            None => tree.remove(GRUB_SETTINGS)?,
        }
        return Err(error);
    }
    BootLoader::find(tree)
}

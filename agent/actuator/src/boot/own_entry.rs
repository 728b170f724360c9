//! Boot entries of ours, for kernels that get parameters besides the host's own: a copy of the
//! kernel's entry with the parameters behind its others. Without it the parameters of a trial by
//! kexec would be gone with the next full reboot.

use wavegate_common::KernelRelease;

use super::bls;
use super::grub::{ENTRY_FILES, Grub};
use super::grub_cfg::{Item, ItemKind};
use super::loader::BootLoader;
use crate::error::Error;
use crate::tree::Tree;

/// What ids of our entries begin with.
pub const PREFIX: &str = "wavegate-";
const BEGIN: &str = "# wavegate: begin, written by wavegate";
const END: &str = "# wavegate: end";
const HINT: &str = "run the boot loader's update on the host, or stage without parameters";

/// Puts up the entry of a kernel with these parameters, or takes it down if there are none.
///
/// # Errors
///
/// If the kernel has no entry to copy, or the copy does not show up in the menu.
pub fn put(tree: &Tree, kernel: &KernelRelease, append: &[String]) -> Result<(), Error> {
    let loader = BootLoader::find(tree)?;
    match &loader {
        BootLoader::None => return Ok(()),
        BootLoader::Grub(grub) if !grub.has_entry_files() => {
            put_in_menu(tree, grub, kernel, append)?;
        }
        BootLoader::Grub(_) => put_beside(tree, &[ENTRY_FILES.to_owned()], kernel, append)?,
        BootLoader::SystemdBoot(boot) => put_beside(tree, &boot.directories(), kernel, append)?,
    }
    if append.is_empty() {
        return Ok(());
    }
    let after = BootLoader::find(tree)?;
    let ours = after.entry_of(kernel).filter(|entry| entry.is_ours());
    if ours.is_some_and(|entry| entry.lacks(append).is_none()) {
        return Ok(());
    }
    let what = format!("the boot entry of kernel {kernel} with its parameters is not in the menu");
    Err(Error::precondition(what, HINT))
}

fn no_entry(kernel: &KernelRelease) -> Error {
    let what = format!("kernel {kernel} has no boot entry that parameters could be added to");
    Error::precondition(what, HINT)
}

/// In `custom.cfg`, which the menus of GRUB's own tools take in at their end.
fn put_in_menu(
    tree: &Tree,
    grub: &Grub,
    kernel: &KernelRelease,
    append: &[String],
) -> Result<(), Error> {
    let path = grub.custom_menu();
    let old = tree.text(&path)?.unwrap_or_default();
    let id = format!("{PREFIX}{kernel}");
    let mut kept = without_ours(&old, &id);
    if !append.is_empty() {
        let body = body_of(grub.items(), kernel).ok_or_else(|| no_entry(kernel))?;
        kept.push_str(&format!(
            "{BEGIN} {id}\nmenuentry 'Linux {kernel} (wavegate)' --id '{id}' {{\n"
        ));
        for line in body {
            kept.push_str(line);
            if line.trim_start().starts_with("linux") {
                kept.push(' ');
                kept.push_str(&append.join(" "));
            }
            kept.push('\n');
        }
        kept.push_str(&format!("}}\n{END} {id}\n"));
    }
    if kept == old { Ok(()) } else { tree.write(&path, kept.as_bytes()) }
}

fn without_ours(text: &str, id: &str) -> String {
    let (begin, end) = (format!("{BEGIN} {id}"), format!("{END} {id}"));
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside |= line == begin;
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= line != end;
    }
    kept
}

/// The lines of the plain entry of a kernel.
fn body_of<'a>(items: &'a [Item], kernel: &KernelRelease) -> Option<&'a [String]> {
    items.iter().find_map(|item| match &item.kind {
        ItemKind::Submenu(inner) => body_of(inner, kernel),
        ItemKind::Entry { linux: Some((image, options)), body } => {
            let ours = item.id.as_deref().is_some_and(|id| id.starts_with(PREFIX));
            let of_kernel = crate::kernel::release_of_image(image).as_ref() == Some(kernel);
            let plain = !ours && !super::grub::is_recovery(item, options);
            (of_kernel && plain).then_some(body.as_slice())
        }
        ItemKind::Entry { linux: None, .. } => None,
    })
}

/// Beside the entry file of the kernel.
fn put_beside(
    tree: &Tree,
    directories: &[String],
    kernel: &KernelRelease,
    append: &[String],
) -> Result<(), Error> {
    let mut copied = append.is_empty();
    for directory in directories {
        let own = format!("{directory}/{PREFIX}{kernel}.conf");
        if append.is_empty() {
            tree.remove(&own)?;
            continue;
        }
        let files = bls::read(tree, directory)?;
        let plain = files
            .iter()
            .find(|file| file.kernel().as_ref() == Some(kernel) && !file.name.starts_with(PREFIX));
        let Some(plain) = plain else { continue };
        let text = tree.text(&format!("{directory}/{}", plain.file))?.unwrap_or_default();
        tree.write(
            &own,
            format!("{}\noptions {}\n", text.trim_end(), append.join(" ")).as_bytes(),
        )?;
        copied = true;
    }
    if copied { Ok(()) } else { Err(no_entry(kernel)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_lines_are_taken_out() {
        let text = format!("mine\n{BEGIN} wavegate-6.1\nx\n{END} wavegate-6.1\nalso mine\n");
        assert_eq!(without_ours(&text, "wavegate-6.1"), "mine\nalso mine\n");
        assert_eq!(without_ours(&text, "wavegate-6.2"), text);
    }
}

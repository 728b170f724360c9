//! GRUB 2: the default and the one-shot entry are variables of its environment block.
//!
//! Three traps are taken into account. GRUB clears the one-shot entry itself, at boot, with its
//! own drivers; where it cannot write, the machine would boot the trial kernel for ever. It takes
//! an id that begins with a digit for a position in the menu. And a menu whose default is a fixed
//! position moves to whatever kernel was installed last.

use std::os::unix::fs::MetadataExt;

use wavegate_common::KernelRelease;

use super::blockdev;
use super::bls;
use super::grub_cfg::{self, GrubCfg, Item, ItemKind};
use super::grubenv::GrubEnv;
use super::loader::Entry;
use crate::cmdline;
use crate::error::Error;
use crate::kernel;
use crate::tree::Tree;

/// Where GRUB's files are: Debian and its kin, then Fedora and its kin.
const DIRECTORIES: [&str; 2] = ["/boot/grub", "/boot/grub2"];
pub(super) const ENTRY_FILES: &str = "/boot/loader/entries";

/// GRUB as it is configured now.
#[derive(Debug)]
pub struct Grub {
    directory: &'static str,
    cfg: GrubCfg,
    env: GrubEnv,
    entries: Vec<Entry>,
    no_one_shot: Vec<String>,
}

impl Grub {
    /// Reads its files; `None` if there is no `grub.cfg`.
    ///
    /// # Errors
    ///
    /// If they are there and cannot be read.
    pub fn read(tree: &Tree) -> Result<Option<Self>, Error> {
        for directory in DIRECTORIES {
            let Some(text) = tree.text(&format!("{directory}/grub.cfg"))? else { continue };
            let custom = if text.contains("custom.cfg") {
                tree.text(&format!("{directory}/custom.cfg"))?.unwrap_or_default()
            } else {
                String::new()
            };
            let cfg = grub_cfg::parse(&format!("{text}\n{custom}"));
            let env = read_env(tree, directory)?;
            let mut entries = Vec::new();
            collect(&cfg.items, &mut Vec::new(), &mut entries);
            if cfg.entry_files {
                entries.extend(from_files(tree, &env)?);
            }
            let no_one_shot = why_no_one_shot(tree, directory, &cfg);
            return Ok(Some(Self { directory, cfg, env, entries, no_one_shot }));
        }
        Ok(None)
    }

    /// Whether its menu comes from entry files.
    pub(super) fn has_entry_files(&self) -> bool {
        self.cfg.entry_files
    }

    /// Where people may add to the menu.
    pub(super) fn custom_menu(&self) -> String {
        format!("{}/custom.cfg", self.directory)
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.cfg.items
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn default_entry(&self) -> Option<&Entry> {
        let default = if self.cfg.default_is_saved() {
            self.env.get("saved_entry").or(if self.cfg.entry_files { None } else { Some("0") })?
        } else {
            self.cfg.default.as_deref()?
        };
        if self.cfg.entry_files
            && let Some(found) = self.entries.iter().find(|e| e.id.as_deref() == Some(default))
        {
            return Some(found);
        }
        let position = resolve(&self.cfg.items, default)?;
        self.entries.get(position)
    }

    pub(super) fn no_default(&self) -> Vec<String> {
        if self.cfg.default_is_saved() {
            return Vec::new();
        }
        vec![format!(
            "{}/grub.cfg does not take its default from grubenv (GRUB_DEFAULT=saved)",
            self.directory
        )]
    }

    pub(super) fn no_one_shot(&self) -> Vec<String> {
        self.no_one_shot.clone()
    }

    pub(super) fn set_default(&self, tree: &Tree, id: &str) -> Result<(), Error> {
        self.change(tree, "saved_entry", Some(id))
    }

    pub(super) fn set_once(&self, tree: &Tree, id: &str) -> Result<(), Error> {
        self.change(tree, "next_entry", Some(id))
    }

    pub(super) fn clear_once(&self, tree: &Tree) -> Result<(), Error> {
        // Emptied, not removed, as GRUB itself does it.
        self.change(tree, "next_entry", Some(""))
    }

    pub(super) fn armed(&self) -> Option<String> {
        self.env.get("next_entry").map(str::to_owned)
    }

    /// Notes the entry that is to be the default once `grub.cfg` asks the environment block.
    ///
    /// # Errors
    ///
    /// If the kernel has no usable entry or the block cannot be written.
    pub fn note_saved_entry(&self, tree: &Tree, id: &str) -> Result<(), Error> {
        self.change(tree, "saved_entry", Some(id))
    }

    /// Changes one variable of the block as it is on disk now, which may be newer than what was
    /// read before.
    fn change(&self, tree: &Tree, name: &str, value: Option<&str>) -> Result<(), Error> {
        let mut env = read_env(tree, self.directory)?;
        if env.get(name) == value.filter(|value| !value.is_empty()) {
            return Ok(());
        }
        env.set(name, value);
        let path = tree.path(&format!("{}/grubenv", self.directory));
        // On some systems it is a link to the EFI partition; the block behind it is meant.
        let path = path.canonicalize().unwrap_or(path);
        env.write(&path)
    }
}

fn read_env(tree: &Tree, directory: &str) -> Result<GrubEnv, Error> {
    let text = tree.text(&format!("{directory}/grubenv"))?;
    Ok(text.and_then(|text| GrubEnv::parse(&text)).unwrap_or_else(GrubEnv::empty))
}

fn why_no_one_shot(tree: &Tree, directory: &str, cfg: &GrubCfg) -> Vec<String> {
    let mut why = blockdev::why_not_writable(tree, directory);
    if !(cfg.loads_env && cfg.honours_once) {
        why.push(format!("{directory}/grub.cfg does not use up a one-shot entry (next_entry)"));
    }
    match tree.path(&format!("{directory}/grubenv")).metadata() {
        Ok(meta) if meta.blocks() * 512 < meta.len() => {
            why.push(format!("{directory}/grubenv is sparse, GRUB cannot write it"));
        }
        Ok(_) => {}
        Err(_) => why.push(format!("{directory}/grubenv is missing (grub-editenv - create)")),
    }
    why
}

/// Flattens the menu: one entry per line that boots, in order, with the path through submenus.
fn collect(items: &[Item], above: &mut Vec<Option<String>>, entries: &mut Vec<Entry>) {
    for item in items {
        above.push(label(item));
        match &item.kind {
            ItemKind::Submenu(inner) => collect(inner, above, entries),
            ItemKind::Entry { linux, .. } => {
                let path: Option<Vec<String>> = above.iter().cloned().collect();
                let (image, options) = linux.clone().unwrap_or_default();
                entries.push(Entry {
                    id: path.map(|parts| parts.join(">")),
                    kernel: kernel::release_of_image(&image),
                    recovery: is_recovery(item, &options),
                    options: without_variables(&options),
                });
            }
        }
        above.pop();
    }
}

/// A name of a menu line that GRUB will not take for a number.
fn label(item: &Item) -> Option<String> {
    let usable =
        |name: &&String| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    let id = item.id.as_ref().filter(usable).filter(|id| !id.contains('>')).cloned();
    id.or_else(|| Some(&item.title).filter(usable).map(|title| title.replace('>', ">>")))
}

pub(super) fn is_recovery(item: &Item, options: &str) -> bool {
    let named = item.id.as_deref().unwrap_or(&item.title);
    named.contains("recovery")
        || named.contains("rescue")
        || options.split(' ').any(|word| matches!(word, "single" | "recovery"))
}

fn without_variables(options: &str) -> String {
    let kept: Vec<String> =
        cmdline::words(options).into_iter().filter(|word| !word.starts_with('$')).collect();
    kept.join(" ")
}

/// The position, among all lines that boot, of the one that a setting names. Follows GRUB: a
/// leading number is a position in the menu, whatever comes behind it.
fn resolve(items: &[Item], setting: &str) -> Option<usize> {
    let (here, below) = split_path(setting);
    let digits: String = here.chars().take_while(char::is_ascii_digit).collect();
    let at = if digits.is_empty() {
        items.iter().position(|item| item.id.as_deref() == Some(&here) || item.title == here)?
    } else {
        digits.parse().ok()?
    };
    let before: usize = items.get(..at)?.iter().map(count).sum();
    match (&items.get(at)?.kind, below) {
        (ItemKind::Entry { .. }, _) => Some(before),
        (ItemKind::Submenu(inner), Some(below)) => Some(before + resolve(inner, &below)?),
        (ItemKind::Submenu(_), None) => None,
    }
}

fn count(item: &Item) -> usize {
    match &item.kind {
        ItemKind::Entry { .. } => 1,
        ItemKind::Submenu(inner) => inner.iter().map(count).sum(),
    }
}

/// Splits at the first `>` that is not doubled.
fn split_path(setting: &str) -> (String, Option<String>) {
    let mut here = String::new();
    let mut chars = setting.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '>' && chars.next_if_eq(&'>').is_none() {
            return (here, Some(chars.collect()));
        }
        here.push(c);
    }
    (here, None)
}

/// Entries from files. GRUB builds that read these compare the whole id before they look for a
/// number, so their ids may begin with a digit.
fn from_files(tree: &Tree, env: &GrubEnv) -> Result<Vec<Entry>, Error> {
    let files = bls::read(tree, ENTRY_FILES)?;
    let entry = |file: bls::EntryFile| {
        let mut options = Vec::new();
        for word in cmdline::words(&file.options) {
            match word.strip_prefix('$') {
                Some(variable) => options.extend(env.get(variable).map(str::to_owned)),
                None => options.push(word),
            }
        }
        let kernel: Option<KernelRelease> = file.kernel();
        let stem = file.file.trim_end_matches(".conf").to_owned();
        Entry {
            recovery: stem.contains("rescue"),
            id: Some(stem),
            kernel,
            options: options.join(" "),
        }
    };
    // The newest first, as the menu shows them.
    Ok(files.into_iter().rev().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_at_single_marks_only() {
        assert_eq!(split_path("a>b>c"), ("a".into(), Some("b>c".into())));
        assert_eq!(split_path("a>>b"), ("a>b".into(), None));
    }
}

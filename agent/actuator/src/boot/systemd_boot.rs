//! systemd-boot: entry files on the EFI partition, default and one-shot entry as variables of
//! the firmware, which takes the one-shot away before the entry starts.

use std::cmp::Ordering;

use super::bls::{self, EntryFile};
use super::efivar;
use super::loader::Entry;
use crate::error::Error;
use crate::tree::{Tree, sync_directory};

/// Where the EFI partition may be mounted.
const PARTITIONS: [&str; 3] = ["/efi", "/boot/efi", "/boot"];
/// Where a second partition for kernels may be mounted.
const EXTENDED: &str = "/boot";
const PROGRAMS: [&str; 2] = ["EFI/systemd/systemd-bootx64.efi", "EFI/systemd/systemd-bootaa64.efi"];
const DEFAULT: &str = "LoaderEntryDefault";
const ONE_SHOT: &str = "LoaderEntryOneShot";

/// systemd-boot as it is configured now.
#[derive(Debug)]
pub struct SystemdBoot {
    partition: &'static str,
    files: Vec<(String, EntryFile)>,
    entries: Vec<Entry>,
    default: Option<String>,
    no_one_shot: Vec<String>,
}

impl SystemdBoot {
    /// Whether the firmware says that this loader started the host.
    #[must_use]
    pub fn started_this_host(tree: &Tree) -> bool {
        efivar::read_text(tree, "LoaderInfo")
            .is_ok_and(|info| info.is_some_and(|info| info.starts_with("systemd-boot")))
    }

    /// Reads its files; `None` if it is not installed.
    ///
    /// # Errors
    ///
    /// If they are there and cannot be read.
    pub fn read(tree: &Tree) -> Result<Option<Self>, Error> {
        let installed = |partition: &&str| {
            PROGRAMS.iter().any(|program| tree.exists(&format!("{partition}/{program}")))
        };
        let Some(partition) = PARTITIONS.into_iter().find(installed) else { return Ok(None) };
        let mut files = Vec::new();
        for base in [partition, EXTENDED] {
            if base == EXTENDED && partition == EXTENDED && !files.is_empty() {
                continue;
            }
            let directory = format!("{base}/loader/entries");
            for file in bls::read(tree, &directory)? {
                files.push((directory.clone(), file));
            }
        }
        files.sort_by(|(_, a), (_, b)| menu_order(a, b));
        files.dedup_by(|(_, a), (_, b)| a.name == b.name);
        let entries = files.iter().map(|(_, file)| entry(file)).collect();
        let default = match efivar::read_text(tree, DEFAULT)? {
            Some(default) => Some(default),
            None => configured_default(tree, partition)?,
        };
        let no_one_shot = if efivar::available(tree) {
            Vec::new()
        } else {
            vec!["the firmware's variables are not mounted (efivarfs)".into()]
        };
        Ok(Some(Self { partition, files, entries, default, no_one_shot }))
    }

    /// Where entry files are.
    pub(super) fn directories(&self) -> Vec<String> {
        let mut all = vec![format!("{}/loader/entries", self.partition)];
        if self.partition != EXTENDED {
            all.push(format!("{EXTENDED}/loader/entries"));
        }
        all
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn default_entry(&self) -> Option<&Entry> {
        let named = self.default.as_deref().and_then(|pattern| {
            self.entries.iter().find(|e| e.id.as_deref().is_some_and(|id| matches(pattern, id)))
        });
        named.or_else(|| self.entries.first())
    }

    pub(super) fn no_one_shot(&self) -> Vec<String> {
        self.no_one_shot.clone()
    }

    pub(super) fn set_default(&self, tree: &Tree, id: &str) -> Result<(), Error> {
        if efivar::available(tree) {
            return efivar::write_text(tree, DEFAULT, id);
        }
        let path = format!("{}/loader/loader.conf", self.partition);
        let old = tree.text(&path)?.unwrap_or_default();
        let others = old.lines().filter(|line| !is_default(line));
        let mut lines: Vec<String> = others.map(str::to_owned).collect();
        lines.push(format!("default {id}\n"));
        tree.write(&path, lines.join("\n").as_bytes())
    }

    pub(super) fn set_once(&self, tree: &Tree, id: &str) -> Result<(), Error> {
        efivar::write_text(tree, ONE_SHOT, id)
    }

    pub(super) fn clear_once(&self, tree: &Tree) -> Result<(), Error> {
        efivar::remove(tree, ONE_SHOT)
    }

    pub(super) fn armed(&self, tree: &Tree) -> Result<Option<String>, Error> {
        efivar::read_text(tree, ONE_SHOT)
    }

    /// Takes the count of tries off the entries of a kernel: it has proven itself.
    ///
    /// # Errors
    ///
    /// If a file cannot be renamed.
    pub fn bless(&self, tree: &Tree, kernel: &wavegate_common::KernelRelease) -> Result<(), Error> {
        for (directory, file) in &self.files {
            if file.tries_left.is_none() || file.kernel().as_ref() != Some(kernel) {
                continue;
            }
            let directory = tree.path(directory);
            let counted = directory.join(&file.file);
            std::fs::rename(&counted, directory.join(format!("{}.conf", file.name)))
                .map_err(Error::io("rename", &counted))?;
            sync_directory(&directory)?;
        }
        Ok(())
    }
}

fn entry(file: &EntryFile) -> Entry {
    Entry {
        id: Some(format!("{}.conf", file.name)),
        kernel: file.kernel(),
        options: file.options.clone(),
        recovery: file.name.contains("rescue"),
    }
}

fn is_default(line: &str) -> bool {
    line.trim_start().split_once(char::is_whitespace).is_some_and(|(key, _)| key == "default")
}

fn configured_default(tree: &Tree, partition: &str) -> Result<Option<String>, Error> {
    let text = tree.text(&format!("{partition}/loader/loader.conf"))?.unwrap_or_default();
    let line = text.lines().find(|line| is_default(line));
    let value = line.and_then(|line| line.trim_start().split_once(char::is_whitespace));
    Ok(value.map(|(_, value)| value.trim().to_owned()))
}

/// Entries out of tries last; then by sort key; then the newest version first.
fn menu_order(a: &EntryFile, b: &EntryFile) -> Ordering {
    let exhausted = |e: &EntryFile| e.tries_left == Some(0);
    let version = |e: &EntryFile| e.version.clone().unwrap_or_default();
    exhausted(a)
        .cmp(&exhausted(b))
        .then_with(|| a.sort_key.is_empty().cmp(&b.sort_key.is_empty()))
        .then_with(|| a.sort_key.cmp(&b.sort_key))
        .then_with(|| compare_versions(&version(b), &version(a)))
        .then_with(|| compare_versions(&b.name, &a.name))
}

/// Compares runs of digits as numbers and everything else as text.
fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() && !b.is_empty() {
        let digits = |s: &str| s.len() - s.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (in_a, in_b) = (digits(a), digits(b));
        if in_a > 0 && in_b > 0 {
            let (x, y) = (a[..in_a].trim_start_matches('0'), b[..in_b].trim_start_matches('0'));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[in_a..], &b[in_b..]);
            continue;
        }
        let (mut rest_a, mut rest_b) = (a.chars(), b.chars());
        let order = rest_a.next().cmp(&rest_b.next());
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a.as_str(), rest_b.as_str());
    }
    a.len().cmp(&b.len())
}

/// Whether an id fits a pattern with `*` and `?`, in upper or lower case.
fn matches(pattern: &str, id: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let id: Vec<char> = id.to_lowercase().chars().collect();
    // Where to go on after a mismatch: behind the last star, with it eating one more character.
    let (mut p, mut i) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while i < id.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, i));
                p += 1;
            }
            Some(&c) if c == '?' || c == id[i] => {
                p += 1;
                i += 1;
            }
            _ => match star {
                Some((after, eaten)) => {
                    star = Some((after, eaten + 1));
                    p = after;
                    i = eaten + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(compare_versions("6.12.1", "6.2.9"), Ordering::Greater);
        assert_eq!(compare_versions("6.1.0-9", "6.1.0-10"), Ordering::Less);
        assert_eq!(compare_versions("6.1", "6.1"), Ordering::Equal);
        assert_eq!(compare_versions("6.1-ü", "6.1-ä"), Ordering::Greater);
    }

    #[test]
    fn patterns_match_whole_ids() {
        for (pattern, id, fits) in [
            ("old.conf", "OLD.conf", true),
            ("*-6.1*", "abc-6.1.0.conf", true),
            ("*-6.1", "abc-6.1.0.conf", false),
            ("a?c*", "abc", true),
            ("", "x", false),
            ("**", "", true),
        ] {
            assert_eq!(matches(pattern, id), fits, "{pattern} {id}");
        }
    }
}

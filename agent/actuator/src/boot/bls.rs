//! Boot entries in files of their own, one per kernel: `loader/entries/*.conf`.

use wavegate_common::KernelRelease;

use crate::error::Error;
use crate::kernel;
use crate::tree::Tree;

/// One entry file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryFile {
    /// The name of the file without tries and ending.
    pub name: String,
    /// How many tries are left, where tries are counted.
    pub tries_left: Option<u32>,
    /// The name of the file as it is.
    pub file: String,
    /// What sorts before the version.
    pub sort_key: String,
    /// The version it says it boots.
    pub version: Option<String>,
    /// The path of the image, as the loader sees it.
    pub linux: Option<String>,
    /// The kernel's parameters.
    pub options: String,
}

impl EntryFile {
    /// The kernel it boots.
    #[must_use]
    pub fn kernel(&self) -> Option<KernelRelease> {
        let of_image = self.linux.as_deref().and_then(kernel::release_of_image);
        of_image.or_else(|| {
            let version = KernelRelease::from(self.version.as_deref()?);
            kernel::check_name(&version).ok().map(|()| version)
        })
    }
}

/// Reads the entry files of a directory, in the order of their names.
///
/// # Errors
///
/// If one cannot be read.
pub fn read(tree: &Tree, directory: &str) -> Result<Vec<EntryFile>, Error> {
    let mut entries = Vec::new();
    for file in tree.names(directory) {
        let Some(stem) = file.strip_suffix(".conf") else { continue };
        let Some(text) = tree.text(&format!("{directory}/{file}"))? else { continue };
        entries.push(parse(&file, stem, &text));
    }
    Ok(entries)
}

fn parse(file: &str, stem: &str, text: &str) -> EntryFile {
    let (name, tries_left) = without_tries(stem);
    let mut entry = EntryFile {
        name: name.to_owned(),
        tries_left,
        file: file.to_owned(),
        ..EntryFile::default()
    };
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once(char::is_whitespace) else { continue };
        let value = value.trim();
        match key {
            "version" => entry.version = Some(value.to_owned()),
            "sort-key" => value.clone_into(&mut entry.sort_key),
            "linux" => entry.linux = Some(value.to_owned()),
            "options" => {
                if !entry.options.is_empty() {
                    entry.options.push(' ');
                }
                entry.options.push_str(value);
            }
            _ => {}
        }
    }
    entry
}

/// Takes `+LEFT` or `+LEFT-DONE` off the end of a name.
fn without_tries(stem: &str) -> (&str, Option<u32>) {
    let Some((name, tries)) = stem.rsplit_once('+') else { return (stem, None) };
    let (left, done) = tries.split_once('-').map_or((tries, None), |(l, d)| (l, Some(d)));
    match (left.parse(), done.map(str::parse::<u32>)) {
        (Ok(left), None | Some(Ok(_))) => (name, Some(left)),
        _ => (stem, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_not_part_of_the_name() {
        assert_eq!(without_tries("new+3"), ("new", Some(3)));
        assert_eq!(without_tries("new+0-2"), ("new", Some(0)));
        assert_eq!(without_tries("6.12.1+deb12-amd64"), ("6.12.1+deb12-amd64", None));
        assert_eq!(without_tries("6.12.1+deb12-amd64+2-1"), ("6.12.1+deb12-amd64", Some(2)));
        assert_eq!(without_tries("plain"), ("plain", None));
    }

    #[test]
    fn an_entry_names_its_kernel_by_image_or_version() {
        let entry = parse(
            "a.conf",
            "a",
            "title A\nversion 6.1.0-56\nlinux /t/6.1.0-56/linux\noptions ro\noptions quiet\n",
        );
        assert_eq!(entry.kernel(), Some("6.1.0-56".into()));
        assert_eq!(entry.options, "ro quiet");
        let entry = parse("a.conf", "a", "version 6.2\nlinux /EFI/new/image.efi\n");
        assert_eq!(entry.kernel(), Some("6.2".into()));
    }
}

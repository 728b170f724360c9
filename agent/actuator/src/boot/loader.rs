//! One face for all boot loaders.

use wavegate_common::KernelRelease;
use wavegate_common::actuator::{BootEntry, Loader, LoaderKind};

use super::grub::Grub;
use super::own_entry;
use super::systemd_boot::SystemdBoot;
use crate::cmdline;
use crate::error::Error;
use crate::tree::Tree;

/// How many entries are told to the agent.
const ENTRIES_TOLD: usize = 64;

/// A boot entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the loader's settings name it by; `None` if there is no name that the loader would
    /// take for this entry.
    pub id: Option<String>,
    /// The kernel it boots.
    pub kernel: Option<KernelRelease>,
    /// The kernel's parameters.
    pub options: String,
    /// Boots into single-user mode or is marked as recovery.
    pub recovery: bool,
}

impl Entry {
    /// Whether it was put up by us, for parameters of its own.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.id.as_deref().is_some_and(|id| id.starts_with(own_entry::PREFIX))
    }

    /// The first of these parameters that it does not have.
    #[must_use]
    pub fn lacks<'a>(&self, parameters: &'a [String]) -> Option<&'a String> {
        let has = cmdline::words(&self.options);
        parameters.iter().find(|parameter| !has.contains(parameter))
    }

    /// How good a name this entry is for its kernel: an id that carries the release will not
    /// move to another kernel when the menu is written anew.
    fn rank(&self, kernel: &KernelRelease) -> u8 {
        match &self.id {
            None => 0,
            Some(_) if self.recovery => 0,
            Some(_) if self.is_ours() => 3,
            Some(id) if id.contains(kernel.as_str()) => 2,
            Some(_) => 1,
        }
    }
}

/// The boot loader of a host, as it is configured at this moment.
#[derive(Debug)]
pub enum BootLoader {
    /// GRUB 2.
    Grub(Grub),
    /// systemd-boot.
    SystemdBoot(SystemdBoot),
    /// None that is understood.
    None,
}

impl BootLoader {
    /// Finds out which boot loader started this host. Where files of several lie around, what
    /// the loader itself left in the firmware's variables decides.
    ///
    /// # Errors
    ///
    /// If its settings are there and cannot be read.
    pub fn find(tree: &Tree) -> Result<Self, Error> {
        if SystemdBoot::started_this_host(tree)
            && let Some(found) = SystemdBoot::read(tree)?
        {
            return Ok(Self::SystemdBoot(found));
        }
        if let Some(found) = Grub::read(tree)? {
            return Ok(Self::Grub(found));
        }
        Ok(SystemdBoot::read(tree)?.map_or(Self::None, Self::SystemdBoot))
    }

    /// Which.
    #[must_use]
    pub const fn kind(&self) -> LoaderKind {
        match self {
            Self::Grub(_) => LoaderKind::Grub,
            Self::SystemdBoot(_) => LoaderKind::SystemdBoot,
            Self::None => LoaderKind::None,
        }
    }

    /// The entries in the order of the menu.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match self {
            Self::Grub(grub) => grub.entries(),
            Self::SystemdBoot(boot) => boot.entries(),
            Self::None => &[],
        }
    }

    /// The entry that boots when nobody chooses, if that can be told.
    #[must_use]
    pub fn default_entry(&self) -> Option<&Entry> {
        match self {
            Self::Grub(grub) => grub.default_entry(),
            Self::SystemdBoot(boot) => boot.default_entry(),
            Self::None => None,
        }
    }

    /// The kernel that boots when nobody chooses.
    #[must_use]
    pub fn default_kernel(&self) -> Option<&KernelRelease> {
        self.default_entry()?.kernel.as_ref()
    }

    /// The best entry of a kernel.
    #[must_use]
    pub fn entry_of(&self, kernel: &KernelRelease) -> Option<&Entry> {
        let of_kernel = self.entries().iter().filter(|e| e.kernel.as_ref() == Some(kernel));
        // The first of equals: menus list the plain entry before its variants.
        of_kernel
            .filter(|e| e.rank(kernel) > 0)
            .reduce(|best, entry| if entry.rank(kernel) > best.rank(kernel) { entry } else { best })
    }

    /// Why the default cannot be set; empty if it can.
    #[must_use]
    pub fn no_default(&self) -> Vec<String> {
        match self {
            Self::Grub(grub) => grub.no_default(),
            Self::SystemdBoot(_) => Vec::new(),
            Self::None => vec!["no boot loader found".into()],
        }
    }

    /// Why a one-shot entry would not be safe; empty if it would.
    #[must_use]
    pub fn no_one_shot(&self) -> Vec<String> {
        match self {
            Self::Grub(grub) => grub.no_one_shot(),
            Self::SystemdBoot(boot) => boot.no_one_shot(),
            Self::None => vec!["no boot loader found".into()],
        }
    }

    /// Makes a kernel the default and reads the settings back.
    ///
    /// # Errors
    ///
    /// If it has no entry, or the default is something else afterwards.
    pub fn set_default(&self, tree: &Tree, kernel: &KernelRelease) -> Result<String, Error> {
        if let Some(why) = self.no_default().into_iter().next() {
            return Err(Error::precondition(why, "see `wavegate-agent doctor` on the host"));
        }
        let id = self.id_of(kernel)?;
        match self {
            Self::Grub(grub) => grub.set_default(tree, id)?,
            Self::SystemdBoot(boot) => boot.set_default(tree, id)?,
            Self::None => {}
        }
        let after = Self::find(tree)?;
        if after.default_kernel() == Some(kernel) {
            return Ok(id.to_owned());
        }
        let found = after.default_kernel().map_or("not known", KernelRelease::as_str).to_owned();
        Err(Error::precondition(
            format!("the default was set to kernel {kernel}, but read back it is {found}"),
            "look at the boot loader's settings on the host",
        ))
    }

    /// Arms the entry of a kernel for the next boot only, reads it back and returns its id.
    ///
    /// # Errors
    ///
    /// If that would not be safe, or does not read back.
    pub fn arm_once(&self, tree: &Tree, kernel: &KernelRelease) -> Result<String, Error> {
        if let Some(why) = self.no_one_shot().into_iter().next() {
            return Err(Error::unsafe_now(why, "let this host switch by kexec"));
        }
        let id = self.id_of(kernel)?;
        match self {
            Self::Grub(grub) => grub.set_once(tree, id)?,
            Self::SystemdBoot(boot) => boot.set_once(tree, id)?,
            Self::None => {}
        }
        if Self::find(tree)?.armed(tree)?.as_deref() == Some(id) {
            return Ok(id.to_owned());
        }
        let what = format!("the one-shot entry {id} does not read back");
        Err(Error::unsafe_now(what, "look at the boot loader's settings on the host"))
    }

    /// The id of the entry that is armed for the next boot.
    ///
    /// # Errors
    ///
    /// If the settings cannot be read.
    pub fn armed(&self, tree: &Tree) -> Result<Option<String>, Error> {
        match self {
            Self::Grub(grub) => Ok(grub.armed()),
            Self::SystemdBoot(boot) => boot.armed(tree),
            Self::None => Ok(None),
        }
    }

    /// Takes back what is armed. That nothing is armed is fine.
    ///
    /// # Errors
    ///
    /// If it is armed and stays so.
    pub fn disarm(&self, tree: &Tree) -> Result<(), Error> {
        match self {
            Self::Grub(grub) => grub.clear_once(tree),
            Self::SystemdBoot(boot) => boot.clear_once(tree),
            Self::None => Ok(()),
        }
    }

    /// What the agent is told.
    #[must_use]
    pub fn describe(&self) -> Loader {
        let default = self.default_entry();
        let told = |entry: &Entry| BootEntry {
            id: entry.id.clone().unwrap_or_default(),
            kernel: entry.kernel.clone(),
        };
        Loader {
            kind: self.kind(),
            default_entry: default.and_then(|entry| entry.id.clone()),
            default_kernel: default.and_then(|entry| entry.kernel.clone()),
            no_default: self.no_default(),
            no_one_shot: self.no_one_shot(),
            entries: self.entries().iter().take(ENTRIES_TOLD).map(told).collect(),
        }
    }

    fn id_of(&self, kernel: &KernelRelease) -> Result<&str, Error> {
        if matches!(self, Self::None) {
            return Err(Error::precondition(
                "no boot loader found",
                "only kexec is possible here, and nothing can be made the default",
            ));
        }
        self.entry_of(kernel).and_then(|entry| entry.id.as_deref()).ok_or_else(|| {
            Error::precondition(
                format!("kernel {kernel} has no boot entry that the boot loader can be told"),
                "run the boot loader's update on the host; ids of entries must not begin with a \
                 digit",
            )
        })
    }
}

//! Boot loaders: which entry boots by default, which one boots once.
//!
//! What a loader can do is measured on the host, never assumed from its name: a one-shot entry
//! counts as safe only where it is proven that it will be used up by the boot it causes.

pub mod blockdev;
pub mod bls;
pub mod efivar;
pub mod grub;
pub mod grub_cfg;
pub mod grubenv;
pub mod loader;
pub mod own_entry;
pub mod systemd_boot;

pub use loader::{BootLoader, Entry};

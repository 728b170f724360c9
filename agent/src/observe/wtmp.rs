//! Whether the boot before this one was shut down in order, from `/var/log/wtmp`.
//!
//! systemd writes a record at every boot and one at every orderly shutdown. Two boot records with
//! no shutdown between them mean that the machine was cut off.

use std::fs;
use std::io::{Read, Seek, SeekFrom};

use crate::root::Root;

/// Size of one record of glibc on 64-bit Linux, the same for all architectures we support.
const RECORD: usize = 384;

/// Only the end of the file matters; it grows without bound on hosts with many logins.
const TAIL_RECORDS: usize = 4_096;

const RUN_LEVEL: u16 = 1;
const BOOT_TIME: u16 = 2;

/// `None` if the file does not tell.
pub(super) fn ended_in_order(root: &Root) -> Option<bool> {
    let mut file = fs::File::open(root.path("/var/log/wtmp")).ok()?;
    let whole = file.metadata().ok()?.len() / RECORD as u64;
    let first = whole.saturating_sub(TAIL_RECORDS as u64);
    file.seek(SeekFrom::Start(first * RECORD as u64)).ok()?;
    let mut bytes = Vec::new();
    file.take((TAIL_RECORDS * RECORD) as u64).read_to_end(&mut bytes).ok()?;

    let mut before_this_boot = false;
    for record in bytes.chunks_exact(RECORD).rev() {
        let kind = u16::from_le_bytes([record[0], record[1]]);
        let is_shutdown = kind == RUN_LEVEL && record[44..].starts_with(b"shutdown\0");
        match (kind, before_this_boot) {
            (BOOT_TIME, false) => before_this_boot = true,
            (BOOT_TIME, true) => return Some(false),
            (RUN_LEVEL, true) if is_shutdown => return Some(true),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::fake::FakeHost;

    fn record(kind: u16, user: &str) -> Vec<u8> {
        let mut bytes = vec![0u8; RECORD];
        bytes[..2].copy_from_slice(&kind.to_le_bytes());
        bytes[44..44 + user.len()].copy_from_slice(user.as_bytes());
        bytes
    }

    fn told(records: &[(u16, &str)]) -> Option<bool> {
        let bytes: Vec<u8> = records.iter().flat_map(|(kind, user)| record(*kind, user)).collect();
        ended_in_order(&FakeHost::new().with("/var/log/wtmp", bytes).root())
    }

    #[test]
    fn a_shutdown_between_two_boots_is_order() {
        let boot = (BOOT_TIME, "reboot");
        let shutdown = (RUN_LEVEL, "shutdown");
        let login = (7, "ana");
        assert_eq!(told(&[boot, login, shutdown, boot, (RUN_LEVEL, "runlevel")]), Some(true));
        assert_eq!(told(&[boot, shutdown, boot, login, boot]), Some(false));
        assert_eq!(told(&[boot]), None);
        assert_eq!(told(&[]), None);
        assert_eq!(ended_in_order(&FakeHost::new().root()), None);
    }

    #[test]
    fn a_record_cut_short_is_left_out() {
        let mut bytes = record(BOOT_TIME, "reboot");
        bytes.extend(record(RUN_LEVEL, "shutdown"));
        bytes.extend(record(BOOT_TIME, "reboot"));
        bytes.extend([1, 2, 3]);
        assert_eq!(
            ended_in_order(&FakeHost::new().with("/var/log/wtmp", bytes).root()),
            Some(true)
        );
    }
}

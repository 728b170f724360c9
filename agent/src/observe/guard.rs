//! Reasons of this moment not to reboot. They are the host's own word: no order from anywhere
//! overrides them, and `wavegate host why` shows them as they stand here.

use std::path::PathBuf;

use nix::sys::statvfs::statvfs;

use crate::root::Root;

/// What the guard looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardRules {
    /// As long as this file is there, nothing reboots.
    pub hold_file: PathBuf,
    /// Least room on `/boot`.
    pub boot_min_free_mib: u64,
}

/// Reads all reasons. Empty means that the host itself has nothing against a reboot.
#[must_use]
pub fn guard(root: &Root, rules: &GuardRules) -> Vec<String> {
    let mut reasons: Vec<String> = hold(root, rules).into_iter().collect();
    reasons.extend(inhibitors(root));
    reasons.extend(degraded_arrays(root));
    reasons.extend(full_boot(root, rules.boot_min_free_mib));
    reasons
}

fn hold(root: &Root, rules: &GuardRules) -> Option<String> {
    if !root.exists(&rules.hold_file) {
        return None;
    }
    let path = rules.hold_file.display();
    let text = root.text(&rules.hold_file).unwrap_or_default();
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(why) => Some(format!("hold file {path}: {why}")),
        None => Some(format!("hold file {path}")),
    }
}

/// Locks that block a shutdown. systemd-logind keeps one file for each, so that no bus is needed
/// to read them. Locks that only delay are respected by the clean shutdown itself.
fn inhibitors(root: &Root) -> Vec<String> {
    let dir = "/run/systemd/inhibit";
    let names = root.names(dir).into_iter().filter(|name| !name.ends_with(".ref"));
    names.filter_map(|name| inhibitor(&root.text(format!("{dir}/{name}"))?)).collect()
}

fn inhibitor(text: &str) -> Option<String> {
    let value = |wanted: &str| {
        text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| *key == wanted)
    };
    let what = value("WHAT")?.1;
    let blocks = value("MODE").is_some_and(|(_, mode)| mode.starts_with("block"));
    if !blocks || !what.split(':').any(|part| part == "shutdown") {
        return None;
    }
    let who = value("WHO").map_or_else(|| "somebody".to_owned(), |(_, who)| unescape(who));
    let why = value("WHY").map_or_else(String::new, |(_, why)| format!(": {}", unescape(why)));
    Some(format!("shutdown inhibited by {who}{why}"))
}

/// Undoes the `\x20` of systemd's private files, for printable ASCII only.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim_matches('"');
    while let Some(at) = rest.find("\\x") {
        let code = rest.get(at + 2..at + 4).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push_str(&rest[..at]);
        match code.filter(|byte| (0x20..0x7f).contains(byte)) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            None => {
                out.push_str("\\x");
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Arrays that lack a member. A reboot is when the next disk dies.
fn degraded_arrays(root: &Root) -> Vec<String> {
    let text = root.text("/proc/mdstat").unwrap_or_default();
    let mut array = "";
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some((name, _)) = line.split_once(" : ")
            && !line.starts_with(' ')
        {
            array = name.trim();
        }
        let members = line.split_whitespace().last().unwrap_or_default();
        let is_map = members.starts_with('[')
            && members.ends_with(']')
            && members.contains('_')
            && members.chars().all(|c| matches!(c, '[' | ']' | 'U' | '_'));
        if is_map {
            found.push(format!("array {array} is degraded {members}"));
        }
    }
    found
}

fn full_boot(root: &Root, least_mib: u64) -> Option<String> {
    let free = free_mib(root)?;
    (free < least_mib).then(|| format!("/boot has {free} MiB free, {least_mib} MiB are wanted"))
}

fn free_mib(root: &Root) -> Option<u64> {
    let stat = statvfs(&root.path("/boot")).ok()?;
    let free = stat.blocks_available().saturating_mul(stat.fragment_size());
    Some(free / (1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::fake::FakeHost;

    fn rules() -> GuardRules {
        GuardRules { hold_file: "/etc/wavegate/hold".into(), boot_min_free_mib: 0 }
    }

    #[test]
    fn nothing_speaks_against_it_on_a_quiet_host() {
        assert!(guard(&FakeHost::new().dir("/boot").root(), &rules()).is_empty());
    }

    #[test]
    fn a_hold_file_holds_with_its_first_line() {
        let host = FakeHost::new().with("/etc/wavegate/hold", "disk swap, ask Ana\nsecond\n");
        assert_eq!(
            guard(&host.root(), &rules()),
            ["hold file /etc/wavegate/hold: disk swap, ask Ana"]
        );
        let empty = FakeHost::new().with("/etc/wavegate/hold", "");
        assert_eq!(guard(&empty.root(), &rules()), ["hold file /etc/wavegate/hold"]);
    }

    #[test]
    fn only_locks_that_block_a_shutdown_count() {
        let lock = |what: &str, mode: &str| {
            format!(
                "# private\nWHAT={what}\nMODE={mode}\nUID=0\nPID=9\nWHO=backup\\x20job\nWHY=full\\x20dump\n"
            )
        };
        let host = FakeHost::new()
            .with("/run/systemd/inhibit/1", lock("sleep", "block"))
            .with("/run/systemd/inhibit/2", lock("shutdown:idle", "delay"))
            .with("/run/systemd/inhibit/3", lock("sleep:shutdown", "block"))
            .with("/run/systemd/inhibit/3.ref", "");
        assert_eq!(guard(&host.root(), &rules()), ["shutdown inhibited by backup job: full dump"]);
    }

    #[test]
    fn a_degraded_array_is_named() {
        let text = "Personalities : [raid1]\nmd0 : active raid1 sda1[0] sdb1[1](F)\n      \
                    975872 blocks super 1.2 [2/1] [U_]\n\nmd1 : active raid1 sda2[0] sdb2[1]\n      \
                    975872 blocks [2/2] [UU]\n\nunused devices: <none>\n";
        let host = FakeHost::new().with("/proc/mdstat", text);
        assert_eq!(guard(&host.root(), &rules()), ["array md0 is degraded [U_]"]);
    }

    #[test]
    fn a_full_boot_is_a_reason() {
        let host = FakeHost::new().dir("/boot");
        let reasons = guard(&host.root(), &GuardRules { boot_min_free_mib: u64::MAX, ..rules() });
        assert!(reasons.len() == 1 && reasons[0].starts_with("/boot has "), "{reasons:?}");
    }

    #[test]
    fn escapes_that_are_none_stay_as_they_are() {
        assert_eq!(unescape("a\\x20b\\xzz\\x"), "a b\\xzz\\x");
        assert_eq!(unescape("\\xé"), "\\xé");
    }
}

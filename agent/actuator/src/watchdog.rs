//! Whether a hardware watchdog would reset the machine if the next kernel hangs after kexec.
//!
//! Most drivers are stopped on every reboot, and a kexec is one; whether this one is has to be
//! found out, because a watchdog that stops looks exactly like one that goes on.

use std::str::FromStr;
use std::time::Duration;

use wavegate_common::actuator::{Survives, Watchdog};

use crate::error::Error;
use crate::program::Program;
use crate::tree::Tree;

/// What is asked of the watchdog before a kexec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WatchdogPolicy {
    /// There must be one, and it must go on over kexec.
    Require,
    /// If one is running, it must go on over kexec.
    #[default]
    IfActive,
    /// Nothing.
    Ignore,
}

impl FromStr for WatchdogPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "require" => Ok(Self::Require),
            "if-active" => Ok(Self::IfActive),
            "ignore" => Ok(Self::Ignore),
            other => Err(format!("`{other}` is none of require, if-active, ignore")),
        }
    }
}

impl WatchdogPolicy {
    /// Why this watchdog stands against a kexec, if it does.
    #[must_use]
    pub fn objection(self, watchdog: &Watchdog) -> Option<String> {
        let asked = match self {
            Self::Require => true,
            Self::IfActive => watchdog.active,
            Self::Ignore => false,
        };
        let fine = watchdog.active && watchdog.survives_kexec == Survives::Yes;
        if fine || !asked { None } else { Some(format!("watchdog: {}", watchdog.why)) }
    }

    /// Refuses if this watchdog stands against a kexec.
    ///
    /// # Errors
    ///
    /// If it does.
    pub fn check(self, watchdog: &Watchdog) -> Result<(), Error> {
        self.objection(watchdog).map_or(Ok(()), |why| {
            Err(Error::unsafe_now(
                why,
                "boot with watchdog.stop_on_reboot=0, set RuntimeWatchdogSec= and \
                 KExecWatchdogSec= in systemd's system.conf, or let this host do full reboots",
            ))
        })
    }
}

/// What the kernel and the service manager say.
#[must_use]
pub fn observe(tree: &Tree) -> Watchdog {
    let devices = tree.names("/sys/class/watchdog");
    let base = |name: &str| format!("/sys/class/watchdog/{name}");
    let is_active = |name: &&String| {
        tree.line(&format!("{}/state", base(name))).is_some_and(|state| state == "active")
    };
    let Some(device) = devices.iter().find(is_active).or(devices.first()) else {
        let why = "this host has no watchdog that the kernel knows".to_owned();
        return Watchdog { survives_kexec: Survives::No, why, ..Watchdog::default() };
    };
    let read = |name: &str| tree.line(&format!("{}/{name}", base(device)));
    let mut watchdog = Watchdog {
        device: Some(device.clone()),
        identity: read("identity").unwrap_or_default(),
        timeout_s: read("timeout").and_then(|text| text.parse().ok()),
        active: is_active(&device),
        nowayout: read("nowayout").map(|text| text == "1"),
        stop_on_reboot: tree.number("/sys/module/watchdog/parameters/stop_on_reboot"),
        kexec_timeout_s: kexec_timeout(tree),
        survives_kexec: Survives::Unknown,
        why: String::new(),
    };
    (watchdog.survives_kexec, watchdog.why) = judge(&watchdog);
    watchdog
}

fn judge(watchdog: &Watchdog) -> (Survives, String) {
    let name = watchdog.device.as_deref().unwrap_or_default();
    let identity = watchdog.identity.as_str();
    if !watchdog.active {
        return (Survives::No, format!("{name} ({identity}) is not running"));
    }
    if identity.starts_with("Software Watchdog") {
        return (Survives::No, format!("{name} is a timer of the running kernel and ends with it"));
    }
    // Hardware that cannot be stopped once it was started without a way out.
    let locked = watchdog.nowayout == Some(true) && identity.starts_with("i6300ESB");
    let kept_by_driver = match watchdog.stop_on_reboot {
        _ if locked => Some(true),
        Some(0) => Some(true),
        Some(1) => Some(false),
        // Left to the driver; these stop.
        Some(_) if ["i6300ESB", "iTCO_wdt", "SP5100"].iter().any(|d| identity.starts_with(d)) => {
            Some(false)
        }
        Some(_) | None => None,
    };
    match (kept_by_driver, watchdog.kexec_timeout_s) {
        (Some(false), _) => (
            Survives::No,
            format!("{name} ({identity}) is stopped on kexec (watchdog.stop_on_reboot is not 0)"),
        ),
        (None, _) => {
            (Survives::Unknown, format!("{name} ({identity}): it cannot be told if it is stopped"))
        }
        (Some(true), _) if locked => (Survives::Yes, format!("{name} cannot be stopped")),
        (Some(true), Some(0)) => (
            Survives::No,
            format!("{name}: the service manager switches it off on kexec (KExecWatchdogSec=off)"),
        ),
        (Some(true), Some(seconds)) => {
            (Survives::Yes, format!("{name} ({identity}) goes on over kexec, set to {seconds} s"))
        }
        (Some(true), None) => (
            Survives::Unknown,
            format!("{name}: it cannot be told what the service manager does with it on kexec"),
        ),
    }
}

/// `KExecWatchdogSec=` of the service manager in seconds; 0 if it switches the watchdog off.
fn kexec_timeout(tree: &Tree) -> Option<u32> {
    let answer = Program::new(tree, "/usr/bin/systemctl", Duration::from_secs(10))
        .args(&["show", "--property=KExecWatchdogUSec"])
        .run()
        .ok()?;
    span_seconds(answer.trim().strip_prefix("KExecWatchdogUSec=")?)
}

/// Reads spans as the service manager writes them: `1min 30s`, `20s`, `0`, `infinity`.
fn span_seconds(text: &str) -> Option<u32> {
    if matches!(text, "0" | "infinity" | "off") {
        return Some(0);
    }
    let mut total = 0_u32;
    for part in text.split(' ') {
        let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let scale = match &part[digits.len()..] {
            "us" | "ms" => continue,
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<u32>().ok()?.checked_mul(scale)?)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watchdog(stop: Option<i32>, kexec: Option<u32>) -> Watchdog {
        let mut watchdog = Watchdog {
            device: Some("watchdog0".into()),
            identity: "i6300ESB timer".into(),
            active: true,
            nowayout: Some(false),
            stop_on_reboot: stop,
            kexec_timeout_s: kexec,
            ..Watchdog::default()
        };
        (watchdog.survives_kexec, watchdog.why) = judge(&watchdog);
        watchdog
    }

    #[test]
    fn a_watchdog_goes_on_only_if_neither_driver_nor_service_manager_stops_it() {
        assert_eq!(watchdog(Some(0), Some(30)).survives_kexec, Survives::Yes);
        assert_eq!(watchdog(Some(0), Some(0)).survives_kexec, Survives::No);
        assert_eq!(watchdog(Some(0), None).survives_kexec, Survives::Unknown);
        assert_eq!(watchdog(Some(-1), Some(30)).survives_kexec, Survives::No);
        assert_eq!(watchdog(Some(1), Some(30)).survives_kexec, Survives::No);
        assert_eq!(watchdog(None, Some(30)).survives_kexec, Survives::Unknown);
        let locked = Watchdog { nowayout: Some(true), ..watchdog(Some(-1), Some(0)) };
        assert_eq!(judge(&locked).0, Survives::Yes);
        let soft = Watchdog { identity: "Software Watchdog".into(), ..watchdog(Some(0), Some(9)) };
        assert_eq!(judge(&soft).0, Survives::No);
    }

    #[test]
    fn what_cannot_be_told_is_refused_like_a_no() {
        let good = watchdog(Some(0), Some(30));
        let bad = watchdog(Some(-1), Some(30));
        let unknown = watchdog(None, Some(30));
        let none = Watchdog::default();
        for policy in [WatchdogPolicy::Require, WatchdogPolicy::IfActive] {
            assert!(policy.check(&good).is_ok());
            assert!(policy.check(&bad).is_err());
            assert!(policy.check(&unknown).is_err());
        }
        assert!(WatchdogPolicy::Require.check(&none).is_err());
        assert!(WatchdogPolicy::IfActive.check(&none).is_ok());
        assert!(WatchdogPolicy::Ignore.check(&bad).is_ok());
    }

    #[test]
    fn spans_read_back() {
        for (text, seconds) in
            [("20s", Some(20)), ("1min 30s", Some(90)), ("0", Some(0)), ("infinity", Some(0))]
        {
            assert_eq!(span_seconds(text), seconds, "{text}");
        }
        assert_eq!(span_seconds("3 blue moons"), None);
    }
}

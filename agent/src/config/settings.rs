//! What the agent works with: the file with defaults filled in and every value checked.

use std::fs;
use std::path::{Path, PathBuf};

use serde_saphyr::{Location, Spanned};
use wavegate_common::actuator::SOCKET_DIR;
use wavegate_common::{Labels, Millis};

use super::error::ConfigError;
use super::file::{Addresses, Baseline, File};
use crate::baseline::{BaselineRules, ServiceTools};
use crate::health::HealthRules;
use crate::observe::GuardRules;

/// Where the file is unless the command line says otherwise.
pub const DEFAULT_PATH: &str = "/etc/wavegate/agent.yaml";

/// Longest name or label value, as for host names.
const LONGEST_NAME: usize = 253;
const MOST_LABELS: usize = 64;
/// A file longer than this is not a configuration.
const LONGEST_FILE: u64 = 256 * 1024;

/// Directories of executables of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// Take the workload away.
    pub drain: PathBuf,
    /// Bring it back.
    pub undrain: PathBuf,
}

/// The agent's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `host:port` of each controller, at least one.
    pub controllers: Vec<String>,
    /// What people call this host.
    pub name: String,
    /// Labels for selectors, classes and failure domains.
    pub labels: Labels,
    /// Identity, ledger and artifacts.
    pub state_dir: PathBuf,
    /// Where the sockets of the actuator are.
    pub actuator_dir: PathBuf,
    /// The agent reports and does not act. So does every new one, until its owner says
    /// `observe: false`.
    pub observe: bool,
    /// Executables around a switch.
    pub hooks: Hooks,
    /// Reasons not to reboot.
    pub guard: GuardRules,
    /// Least time between two reboots by order.
    pub min_reboot_gap: Millis,
    /// What is checked.
    pub health: HealthRules,
    /// What is measured all the time.
    pub baseline: BaselineRules,
}

impl Settings {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// With the file, the line, the column and the field of the first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(path, None)
    }

    /// Reads and checks a file that need not name a controller, because one was given. A file
    /// that does not exist counts as an empty one.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_for(path: &Path, controller: &str) -> Result<Self, ConfigError> {
        let fallbacks = Fallbacks { controller: Some(controller.to_owned()), name: host_name() };
        if path.exists() {
            return Self::load_with(path, fallbacks.controller);
        }
        Self::parse("", path, fallbacks)
    }

    fn load_with(path: &Path, controller: Option<String>) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let length = fs::metadata(path).map_err(unreadable)?.len();
        if length > LONGEST_FILE {
            let message = format!("{length} bytes are too long for a configuration");
            return Err(ConfigError::Invalid {
                path: path.to_owned(),
                line: 1,
                column: 1,
                message,
            });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text, path, Fallbacks { controller, name: host_name() })
    }

    fn parse(text: &str, path: &Path, fallbacks: Fallbacks) -> Result<Self, ConfigError> {
        let invalid = |at: Location, message: String| ConfigError::Invalid {
            path: path.to_owned(),
            line: at.line().max(1),
            column: at.column().max(1),
            message,
        };
        // A file of comments alone is what a package installs.
        let file: Option<File> = serde_saphyr::from_str(text).map_err(|error| {
            let at = error.location().unwrap_or(Location::UNKNOWN);
            invalid(at, said_by_parser(&error))
        })?;
        file.unwrap_or_default().check(fallbacks).map_err(|(at, why)| invalid(at, why))
    }
}

/// What stands in for fields that are not in the file.
struct Fallbacks {
    controller: Option<String>,
    name: Option<String>,
}

/// The parser's words without the place and the quoted text, which stand elsewhere.
fn said_by_parser(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let line = line.trim().trim_start_matches("error: ");
    match line.rfind(" at line ") {
        Some(at) => line[..at].trim_end_matches([',', ' ']).to_owned(),
        None => line.to_owned(),
    }
}

type Wrong = (Location, String);

impl File {
    fn check(self, fallbacks: Fallbacks) -> Result<Settings, Wrong> {
        let controllers = controllers(self.controller, fallbacks.controller)?;
        let labels = labels(self.labels)?;
        let name = name(self.name, fallbacks.name)?;
        let dir = |given: Option<Spanned<PathBuf>>, field: &str, default: &str| match given {
            None => Ok(PathBuf::from(default)),
            Some(path) if path.value.is_absolute() => Ok(path.value),
            Some(path) => Err((
                path.referenced,
                format!("{field}: `{}` must be an absolute path", path.value.display()),
            )),
        };
        Ok(Settings {
            controllers,
            name,
            labels,
            observe: self.observe,
            state_dir: dir(self.state_dir, "state_dir", "/var/lib/wavegate-agent")?,
            actuator_dir: dir(self.actuator_dir, "actuator_dir", SOCKET_DIR)?,
            hooks: Hooks {
                drain: dir(self.hooks.drain, "hooks.drain", "/etc/wavegate/drain.d")?,
                undrain: dir(self.hooks.undrain, "hooks.undrain", "/etc/wavegate/undrain.d")?,
            },
            guard: GuardRules {
                hold_file: dir(self.hold_file, "hold_file", "/etc/wavegate/hold")?,
                boot_min_free_mib: self.boot_min_free_mib.unwrap_or(64),
            },
            min_reboot_gap: self.min_reboot_gap.map_or(Millis::hours(6), |gap| gap.value),
            health: HealthRules {
                systemctl: self.health.units.then(|| PathBuf::from("/usr/bin/systemctl")),
                ignore_units: self.health.ignore_units,
                scripts: dir(self.hooks.health, "hooks.health", "/etc/wavegate/health.d")?,
            },
            baseline: baseline(&self.baseline, self.health.units)?,
        })
    }
}

fn controllers(
    given: Option<Spanned<Addresses>>,
    fallback: Option<String>,
) -> Result<Vec<String>, Wrong> {
    let (list, at) = match (given, fallback) {
        (_, Some(one)) => (vec![one], Location::UNKNOWN),
        (Some(Spanned { value: Addresses::One(one), referenced, .. }), None) => {
            (vec![one], referenced)
        }
        (Some(Spanned { value: Addresses::Many(many), referenced, .. }), None) => {
            (many, referenced)
        }
        (None, None) => {
            let why = "controller: missing; write `controller: HOST:PORT`".to_owned();
            return Err((Location::UNKNOWN, why));
        }
    };
    if list.is_empty() {
        return Err((at, "controller: give at least one `HOST:PORT`".to_owned()));
    }
    for address in &list {
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.and_then(|(_, port)| port.parse::<u16>().ok()).is_none_or(|port| port == 0) {
            return Err((at, format!("controller: `{address}` is not `HOST:PORT`")));
        }
    }
    Ok(list)
}

fn labels(given: Option<Spanned<Labels>>) -> Result<Labels, Wrong> {
    let Some(Spanned { value, referenced, .. }) = given else { return Ok(Labels::new()) };
    if value.len() > MOST_LABELS {
        return Err((referenced, format!("labels: more than {MOST_LABELS}")));
    }
    let fine = |text: &str| text.len() <= LONGEST_NAME && !text.contains(|c: char| c.is_control());
    match value.iter().find(|(key, value)| key.is_empty() || !fine(key) || !fine(value)) {
        Some((key, _)) => {
            Err((referenced, format!("labels: `{}` is not a label", key.escape_debug())))
        }
        None => Ok(value),
    }
}

/// Bounds for how often is measured: below, it is felt; above, a slot holds too few samples.
const SAMPLE_EVERY: (Millis, Millis) = (Millis::secs(1), Millis::mins(1));

fn baseline(given: &Baseline, units: bool) -> Result<BaselineRules, Wrong> {
    let every = given.every.as_ref().map_or(Millis::secs(10), |every| every.value);
    if let Some(given) = &given.every
        && !(SAMPLE_EVERY.0..=SAMPLE_EVERY.1).contains(&every)
    {
        let (least, most) = SAMPLE_EVERY;
        let why = format!("baseline.every: `{every}` must be from {least} to {most}");
        return Err((given.referenced, why));
    }
    let tool = |path: &str| units.then(|| PathBuf::from(path));
    let tools = ServiceTools {
        systemctl: tool("/usr/bin/systemctl"),
        journalctl: tool("/usr/bin/journalctl"),
    };
    Ok(BaselineRules { every: given.enabled.then_some(every), tools })
}

fn name(given: Option<Spanned<String>>, fallback: Option<String>) -> Result<String, Wrong> {
    let (name, at) = match given {
        Some(given) => (given.value, given.referenced),
        None => (fallback.unwrap_or_default(), Location::UNKNOWN),
    };
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(fine) {
        return Err((
            at,
            format!("name: `{}` must be letters, digits, `.`, `-` or `_`", name.escape_debug()),
        ));
    }
    Ok(name)
}

fn host_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        let path = Path::new("/etc/wavegate/agent.yaml");
        let fallbacks = Fallbacks { controller: None, name: Some("web-1".to_owned()) };
        Settings::parse(text, path, fallbacks).map_err(|e| e.to_string())
    }

    #[test]
    fn one_line_is_a_configuration() {
        let settings = parse("controller: ctl.example:7443\n").unwrap();
        assert_eq!(settings.controllers, ["ctl.example:7443"]);
        assert_eq!(settings.name, "web-1");
        assert!(settings.observe, "a new agent only watches");
        assert_eq!(settings.min_reboot_gap, Millis::hours(6));
        assert_eq!(settings.baseline.every, Some(Millis::secs(10)));
        assert!(settings.health.systemctl.is_some());
        assert_eq!(settings.state_dir, Path::new("/var/lib/wavegate-agent"));
    }

    #[test]
    fn everything_can_be_said() {
        let text = "\
controller: [a:1, '[::1]:2']
name: db-3
labels: {rack: r07, role: db}
observe: false
state_dir: /srv/agent
actuator_dir: /run/other
hold_file: /etc/hold
min_reboot_gap: 90s
boot_min_free_mib: 10
hooks: {drain: /d, undrain: /u, health: /h}
health: {units: false, ignore_units: [x.service]}
baseline: {every: 5s}
";
        let settings = parse(text).unwrap();
        assert_eq!(settings.controllers, ["a:1", "[::1]:2"]);
        assert_eq!(settings.labels.get("rack").map(String::as_str), Some("r07"));
        assert!(!settings.observe && settings.health.systemctl.is_none());
        assert_eq!(settings.min_reboot_gap, Millis::secs(90));
        assert_eq!(settings.hooks.undrain, Path::new("/u"));
        assert_eq!(settings.baseline.every, Some(Millis::secs(5)));
        assert_eq!(settings.baseline.tools, ServiceTools::default());
        let off = parse("controller: a:1\nbaseline: {enabled: false}\n").unwrap();
        assert_eq!(off.baseline.every, None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_field() {
        for (text, told) in [
            (
                "controller: a:1\nobserv: false\n",
                "/etc/wavegate/agent.yaml:2:1: unknown field `observ`, expected one of \
                 controller, name, labels, observe, state_dir, actuator_dir, hold_file, \
                 min_reboot_gap, boot_min_free_mib, hooks, health, baseline",
            ),
            (
                "name: x\n",
                "/etc/wavegate/agent.yaml:1:1: controller: missing; write `controller: HOST:PORT`",
            ),
            ("# nothing yet\n", "/etc/wavegate/agent.yaml:1:1: controller: missing"),
            (
                "controller: here\n",
                "/etc/wavegate/agent.yaml:1:13: controller: `here` is not `HOST:PORT`",
            ),
            (
                "controller: []\n",
                "/etc/wavegate/agent.yaml:1:13: controller: give at least one `HOST:PORT`",
            ),
            (
                "controller: a:1\nmin_reboot_gap: soon\n",
                "/etc/wavegate/agent.yaml:2:17: `soon` is not a duration: write a number and a unit, as in `90s`, `5m`, `1h30m` or `2d`",
            ),
            (
                "controller: a:1\nstate_dir: here\n",
                "/etc/wavegate/agent.yaml:2:12: state_dir: `here` must be an absolute path",
            ),
            (
                "controller: a:1\nname: 'a b'\n",
                "/etc/wavegate/agent.yaml:2:7: name: `a b` must be letters, digits, `.`, `-` or `_`",
            ),
            (
                "controller: a:1\nbaseline: {every: 5m}\n",
                "/etc/wavegate/agent.yaml:2:19: baseline.every: `5m` must be from 1s to 1m",
            ),
            ("controller: a:1\nobserve: maybe\n", "/etc/wavegate/agent.yaml:2:10: "),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(told), "\n got {error}\nwant {told}");
        }
    }

    #[test]
    fn a_host_that_enrols_needs_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.yaml");
        assert_eq!(Settings::load_for(&path, "a:1").unwrap().controllers, ["a:1"]);
        fs::write(&path, "# controller: HOST:PORT\n").unwrap();
        assert_eq!(Settings::load_for(&path, "a:1").unwrap().controllers, ["a:1"]);
        assert!(Settings::load_for(&path, "a").is_err());
    }

    #[test]
    fn a_missing_file_says_what_to_write() {
        let told = Settings::load(Path::new("/no/agent.yaml")).unwrap_err().to_string();
        assert!(told.starts_with("cannot read /no/agent.yaml: "), "{told}");
        assert!(told.contains("controller: HOST:PORT"), "{told}");
    }
}

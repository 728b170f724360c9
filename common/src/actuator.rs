//! What the unprivileged agent may ask of the root actuator, and what it answers.
//!
//! One request per connection on a local socket: four bytes of big-endian length, then that many
//! bytes of JSON; the answer comes back in the same shape and the connection ends. The list of
//! verbs is closed: no path, no command line, no URL can be handed over. What is not here, the
//! agent cannot have done.

use serde::{Deserialize, Serialize};

use crate::host::BootMethod;
use crate::id::{BootId, Digest};
use crate::kernel::{KernelRelease, Release};
use crate::time::Millis;

/// Where the sockets of the actuator are.
pub const SOCKET_DIR: &str = "/run/wavegate";
/// Under `SOCKET_DIR`: everything except installing.
pub const BOOT_SOCKET: &str = "actuator.sock";
/// Under `SOCKET_DIR`: installing, which needs a wider sandbox and therefore its own service.
pub const INSTALL_SOCKET: &str = "installer.sock";
/// Where the agent puts a package file before it asks to stage it, named by [`artifact_name`].
pub const ARTIFACT_DIR: &str = "/var/lib/wavegate-agent/artifacts";
/// Where panic records are kept after they were taken out of the firmware's memory. It belongs
/// to root, so that the agent cannot point a root process elsewhere; the agent's group reads it.
pub const PANIC_DIR: &str = "/var/lib/wavegate-actuator/pstore";
/// The longest frame in either direction, in bytes, without the length in front.
pub const MAX_FRAME: usize = 64 * 1024;
/// The most of one panic record that is handed to the agent, in bytes.
pub const MAX_PANIC_TEXT: usize = 8 * 1024;

/// The name of an artifact's file in [`ARTIFACT_DIR`]: its digest and the ending of `file`.
/// `None` if the ending is neither `.deb` nor `.rpm`.
#[must_use]
pub fn artifact_name(digest: Digest, file: &str) -> Option<String> {
    let ending = [".deb", ".rpm"].into_iter().find(|ending| file.ends_with(ending))?;
    Some(format!("{digest}{ending}"))
}

/// A verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// What this host can do; changes nothing.
    Probe {
        /// Also load this kernel for kexec and unload it again, to learn whether the host would
        /// accept it. Not done while something is armed.
        dry_run: Option<KernelRelease>,
    },
    /// Get a kernel onto the host; the default boot entry stays the running kernel.
    Stage {
        /// Which, and from where.
        release: Release,
        /// How long the package manager may take.
        timeout: Millis,
    },
    /// Load the kernel for kexec, or arm a one-shot boot entry.
    Arm {
        /// The boot in which this is asked.
        boot_id: BootId,
        /// The kernel to boot next.
        kernel: KernelRelease,
        /// How; `Auto` is kexec where it is possible, else a full reboot.
        method: BootMethod,
        /// Parameters that it gets besides those of its boot entry.
        append: Vec<String>,
    },
    /// Undo `Arm`. Done already is done.
    Disarm,
    /// Leave this boot for the kernel that was armed, with an orderly shutdown.
    Switch {
        /// The boot to leave.
        boot_id: BootId,
        /// The kernel that was armed.
        kernel: KernelRelease,
        /// The method that `Arm` answered.
        method: BootMethod,
    },
    /// Make the running kernel the default boot entry.
    Confirm {
        /// Must be the running kernel.
        kernel: KernelRelease,
    },
    /// Reboot into the default boot entry, if that is another kernel than the running one.
    Revert {
        /// The boot to leave.
        boot_id: BootId,
    },
    /// Take the records of earlier panics out of the firmware's memory.
    Collect,
}

impl Request {
    /// The file name of the socket that serves this verb, under [`SOCKET_DIR`].
    #[must_use]
    pub const fn socket(&self) -> &'static str {
        match self {
            Self::Stage { .. } => INSTALL_SOCKET,
            Self::Probe { .. }
            | Self::Arm { .. }
            | Self::Disarm
            | Self::Switch { .. }
            | Self::Confirm { .. }
            | Self::Revert { .. }
            | Self::Collect => BOOT_SOCKET,
        }
    }

    /// The verb in one word, for logs.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Probe { .. } => "probe",
            Self::Stage { .. } => "stage",
            Self::Arm { .. } => "arm",
            Self::Disarm => "disarm",
            Self::Switch { .. } => "switch",
            Self::Confirm { .. } => "confirm",
            Self::Revert { .. } => "revert",
            Self::Collect => "collect",
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `Probe`.
    Probed(Box<Capabilities>),
    /// To `Stage`.
    Staged(Staged),
    /// To `Arm`.
    Armed(Armed),
    /// To `Disarm`.
    Disarmed,
    /// To `Switch` and `Revert`: the shutdown has been asked for and the machine is on its way.
    Leaving,
    /// To `Confirm`.
    Confirmed {
        /// The id of the boot entry that is the default now.
        entry: String,
    },
    /// To `Collect`, newest first.
    Collected(Vec<PanicRecord>),
    /// It was not done, and nothing was left half done.
    Refused(Refusal),
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of reason.
    pub reason: Reason,
    /// What was attempted and what stood against it.
    pub message: String,
    /// What a person could do about it; may be empty.
    #[serde(default)]
    pub hint: String,
}

/// Kinds of reasons not to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The peer is neither root nor the agent.
    NotAllowed,
    /// The request cannot be read, is too long, or does not belong to this socket.
    BadRequest,
    /// What the request takes for granted is not so: other boot, other kernel, nothing armed.
    Precondition,
    /// The host cannot do it safely: no fallback, no watchdog, no space.
    Unsafe,
    /// A package or file is not of the kind that may be installed, or not what was announced.
    Untrusted,
    /// The system or a program said no.
    Failed,
}

/// What a host can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The running kernel.
    pub running: KernelRelease,
    /// How the running kernel was started, where the kernel tells.
    pub started_by: Option<BootMethod>,
    /// Kernels with an image and modules, sorted.
    pub installed: Vec<KernelRelease>,
    /// The boot loader.
    pub loader: Loader,
    /// Whether and how kexec is possible.
    pub kexec: Kexec,
    /// The hardware watchdog.
    pub watchdog: Watchdog,
    /// `kernel.panic` of the running kernel in seconds: 0 hangs, below 0 reboots at once.
    pub panic_timeout: Option<i32>,
    /// `Some(true)` if firmware checks signatures of what it boots; `None` without EFI.
    pub secure_boot: Option<bool>,
    /// `none`, `integrity` or `confidentiality`; `None` if the kernel does not say.
    pub lockdown: Option<String>,
    /// Free space where kernels live, in bytes.
    pub boot_free_bytes: Option<u64>,
    /// Names of panic records that wait to be collected.
    pub panic_records: Vec<String>,
    /// What is armed now.
    pub armed: Option<Armed>,
    /// Settings of this host that would spoil a fallback or a switch; empty if none.
    pub hazards: Vec<String>,
}

impl Capabilities {
    /// Why kexec is not possible here; empty if it is.
    #[must_use]
    pub fn no_kexec(&self) -> Vec<String> {
        self.kexec.refusals.clone()
    }
}

/// The boot loader and its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loader {
    /// Which.
    pub kind: LoaderKind,
    /// The id of the entry that boots when nobody chooses.
    pub default_entry: Option<String>,
    /// The kernel of that entry.
    pub default_kernel: Option<KernelRelease>,
    /// Why the default cannot be set; empty if it can.
    pub no_default: Vec<String>,
    /// Why a one-shot entry would not be safe; empty if it would.
    pub no_one_shot: Vec<String>,
    /// Entries, in the order of the menu; at most 64.
    pub entries: Vec<BootEntry>,
}

/// Which boot loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoaderKind {
    /// GRUB 2 with a `grub.cfg`, with or without entry files.
    Grub,
    /// systemd-boot.
    SystemdBoot,
    /// None that is understood, for example a kernel that a hypervisor starts directly.
    None,
}

/// One entry of a boot menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootEntry {
    /// What the loader knows it by, with the submenus above it.
    pub id: String,
    /// The kernel it boots, where that can be told.
    pub kernel: Option<KernelRelease>,
}

/// Whether and how kexec is possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kexec {
    /// Why it is not possible; empty if it is.
    pub refusals: Vec<String>,
    /// `/sys/kernel/kexec_loaded`: an image is loaded now.
    pub loaded: bool,
    /// What came of the dry run that was asked for.
    pub dry_run: Option<Result<(), String>>,
}

/// A hardware watchdog, as far as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watchdog {
    /// The name of the device, for example `watchdog0`; `None` if there is none.
    pub device: Option<String>,
    /// What the driver calls it, for example `i6300ESB timer`.
    pub identity: String,
    /// In seconds.
    pub timeout_s: Option<u32>,
    /// Whether it is running now.
    pub active: bool,
    /// Whether it cannot be stopped once it runs.
    pub nowayout: Option<bool>,
    /// `watchdog.stop_on_reboot` of the running kernel: 0 keeps it running, 1 stops it, -1
    /// leaves it to the driver.
    pub stop_on_reboot: Option<i32>,
    /// What the service manager sets on kexec, in seconds; 0 switches the watchdog off.
    pub kexec_timeout_s: Option<u32>,
    /// Whether it would reset the machine if the next kernel hangs after kexec.
    pub survives_kexec: Survives,
    /// Why that is so.
    pub why: String,
}

/// Whether a watchdog goes on over kexec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survives {
    /// It does.
    Yes,
    /// It stops.
    No,
    /// It cannot be told, which is treated like "no".
    #[default]
    Unknown,
}

/// What staging found in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// The kernel that is on the host now.
    pub kernel: KernelRelease,
    /// Whether a package manager had to be run.
    pub installed: bool,
    /// Whether the installation had moved the default boot entry, and it was moved back.
    pub default_moved_back: bool,
    /// The default kernel after all that; `None` without a boot loader.
    pub default_kernel: Option<KernelRelease>,
}

/// What is armed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    /// In which boot.
    pub boot_id: BootId,
    /// The kernel that boots next.
    pub kernel: KernelRelease,
    /// `Kexec` or `Firmware`, never `Auto`.
    pub method: BootMethod,
    /// The id of the one-shot entry, for a full reboot.
    pub entry: Option<String>,
    /// The kernel's command line, for kexec.
    pub cmdline: Option<String>,
    /// Why kexec was not chosen, if `Auto` was asked for.
    pub why_not_kexec: Vec<String>,
}

/// The record of one panic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicRecord {
    /// The name it is kept under in [`PANIC_DIR`].
    pub name: String,
    /// Its text, at most [`MAX_PANIC_TEXT`] bytes: the lines from the panic on if they are
    /// found, else the end.
    pub text: String,
}

/// A frame that must not be sent or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`MAX_FRAME`].
    #[error("a frame of {0} bytes is longer than the limit of {MAX_FRAME}")]
    TooLong(usize),
    /// Not the JSON that was expected.
    #[error("the frame is not understood: {0}")]
    BadJson(String),
}

/// A message with its length in front, ready to be written.
///
/// # Errors
///
/// If it is longer than [`MAX_FRAME`].
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message).map_err(|e| FrameError::BadJson(e.to_string()))?;
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let prefix = u32::try_from(length).map_err(|_| FrameError::TooLong(length))?;
    frame[..4].copy_from_slice(&prefix.to_be_bytes());
    Ok(frame)
}

/// How many bytes follow this length; to be asked before any of them is read.
///
/// # Errors
///
/// If it is longer than [`MAX_FRAME`].
pub fn body_length(prefix: [u8; 4]) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(prefix) as usize;
    if length > MAX_FRAME { Err(FrameError::TooLong(length)) } else { Ok(length) }
}

/// Reads the bytes after the length.
///
/// # Errors
///
/// If they are not the JSON of such a message.
pub fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, FrameError> {
    serde_json::from_slice(body).map_err(|e| FrameError::BadJson(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_the_way() {
        let request = Request::Arm {
            boot_id: BootId(7),
            kernel: "6.1.0-56-amd64".into(),
            method: BootMethod::Auto,
            append: vec!["quiet".into()],
        };
        let frame = encode(&request).unwrap();
        let length = body_length(frame[..4].try_into().unwrap()).unwrap();
        assert_eq!(length, frame.len() - 4);
        assert_eq!(decode::<Request>(&frame[4..]).unwrap(), request);
    }

    #[test]
    fn a_long_frame_is_refused_before_it_is_read() {
        assert_eq!(body_length(65_537_u32.to_be_bytes()), Err(FrameError::TooLong(65_537)));
        assert_eq!(body_length(65_536_u32.to_be_bytes()), Ok(65_536));
        assert_eq!(encode(&"x".repeat(70_000)), Err(FrameError::TooLong(70_002)));
    }

    #[test]
    fn unknown_verbs_and_fields_are_refused() {
        assert!(decode::<Request>(br#"{"run_shell":{"command":"id"}}"#).is_err());
        assert!(decode::<Request>(br#"{"confirm":{"kernel":"6.1","force":true}}"#).is_err());
        assert_eq!(decode::<Request>(br#""disarm""#), Ok(Request::Disarm));
    }

    #[test]
    fn an_artifact_is_named_by_its_digest() {
        let digest = Digest::of(b"x");
        assert_eq!(artifact_name(digest, "linux.deb"), Some(format!("{digest}.deb")));
        assert_eq!(artifact_name(digest, "linux.tar"), None);
    }
}

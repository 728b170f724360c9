//! `wavegate-agent enroll`

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::unistd::geteuid;
use wavegate_common::Digest;
use wavegate_proto::tls::{HostKey, read_secret};

use super::Exit;
use super::output::misused;
use crate::config::Settings;
use crate::daemon::identity_dir;
use crate::link::{Enrolment, Identity, Trust, enroll_with};

/// Longer than any token.
const LONGEST_TOKEN: u64 = 1_024;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("trust").required(true))]
pub(super) struct Args {
    /// Where the controller is
    #[arg(long, value_name = "HOST:PORT")]
    controller: String,
    /// File with the token, or - for standard input; never an argument, which others could see
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// The certificate of the controller's authority
    #[arg(long, value_name = "FILE", group = "trust")]
    ca_file: Option<PathBuf>,
    /// The SHA-256 of that certificate, as `wavegate token create` prints it
    #[arg(long, value_name = "SHA256", group = "trust")]
    ca_fingerprint: Option<Digest>,
    /// Enrol a host anew that is enrolled already
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: Args, config: &Path) -> anyhow::Result<Exit> {
    let settings = match Settings::load_for(config, &args.controller) {
        Ok(settings) => settings,
        Err(error) => return Ok(misused(&error)),
    };
    let dir = identity_dir(&settings);
    if !args.force && Identity::load(&dir).is_ok() {
        bail!("this host is enrolled already; --force enrols it again under the same key");
    }
    let trust = match (&args.ca_file, args.ca_fingerprint) {
        (Some(path), _) => Trust::CaPem(
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        ),
        (None, Some(digest)) => Trust::CaFingerprint(digest),
        (None, None) => bail!("give --ca-file or --ca-fingerprint"),
    };
    let request = Enrolment {
        controller: args.controller.clone(),
        token: token(&args.token_file)?,
        name: settings.name.clone(),
        labels: settings.labels.clone(),
        trust,
    };
    let key = kept_key(&dir)?;
    let identity = enroll_with(&key, request).await?;
    identity.save(&dir)?;
    hand_to_owner(&settings.state_dir, &dir)?;
    let added = name_controller(config, &args.controller)?;
    println!("enrolled as {} ({})", settings.name, identity.host);
    if added {
        println!("wrote `controller: {}` to {}", args.controller, config.display());
    }
    if settings.observe {
        println!("the agent only watches until `observe: false` is in {}", config.display());
    }
    println!(
        "next: systemctl enable --now wavegate-actuator.socket wavegate-installer.socket wavegate-agent"
    );
    Ok(Exit::Well)
}

/// The key stays the same over enrolments, and with it the host's identity.
fn kept_key(dir: &Path) -> anyhow::Result<HostKey> {
    match read_secret(&dir.join("host.key"))? {
        Some(pem) => Ok(HostKey::from_pem(&pem)?),
        None => Ok(HostKey::generate()?),
    }
}

fn token(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().lock().take(LONGEST_TOKEN).read_to_string(&mut text)?;
    } else {
        let file = fs::File::open(path);
        let file =
            file.with_context(|| format!("cannot read the token from {}", path.display()))?;
        file.take(LONGEST_TOKEN).read_to_string(&mut text)?;
    }
    let token = text.trim();
    if token.is_empty() {
        bail!("{} holds no token; make one with `wavegate token create`", path.display());
    }
    Ok(token.to_owned())
}

/// Enrolment is run by root, the agent by its own user: what was written becomes that user's.
fn hand_to_owner(state_dir: &Path, dir: &Path) -> anyhow::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(state_dir)?;
    let (uid, gid) = (Some(owner.uid()), Some(owner.gid()));
    for path in fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())) {
        chown(path?, uid, gid)?;
    }
    chown(dir, uid, gid)?;
    Ok(())
}

/// Adds the controller to a configuration that names none. Whether it did.
fn name_controller(config: &Path, controller: &str) -> anyhow::Result<bool> {
    if Settings::load(config).is_ok() {
        return Ok(false);
    }
    if let Some(dir) = config.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut options = fs::OpenOptions::new();
    let file = options.create(true).append(true).open(config);
    let mut file = file.with_context(|| format!("cannot write {}", config.display()))?;
    writeln!(file, "\ncontroller: {controller}")?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_a_file_and_an_empty_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "wg1-abc\n").unwrap();
        assert_eq!(token(&path).unwrap(), "wg1-abc");
        fs::write(&path, "\n").unwrap();
        assert!(token(&path).unwrap_err().to_string().contains("wavegate token create"));
    }

    #[test]
    fn the_controller_is_added_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.yaml");
        fs::write(&path, "# comments only").unwrap();
        assert!(name_controller(&path, "ctl:7443").unwrap());
        assert_eq!(Settings::load(&path).unwrap().controllers, ["ctl:7443"]);
        assert!(!name_controller(&path, "other:1").unwrap());
    }
}

//! The host's package manager: apt and dpkg, or dnf and rpm.

use std::time::Duration;

use super::allow;
use super::artifact::Artifact;
use crate::error::Error;
use crate::program::Program;
use crate::tree::Tree;

const APT_GET: &str = "/usr/bin/apt-get";
const DPKG: &str = "/usr/bin/dpkg";
const DPKG_DEB: &str = "/usr/bin/dpkg-deb";
const DNF: &str = "/usr/bin/dnf";
const RPM: &str = "/usr/bin/rpm";
/// How long looking into a package may take.
const LOOK: Duration = Duration::from_secs(60);
/// How long the package manager waits for another one to end, in seconds.
const LOCK_WAIT: &str = "120";

/// A package manager of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// apt and dpkg.
    Deb,
    /// dnf and rpm.
    Rpm,
}

impl Packages {
    /// Which one this host has.
    ///
    /// # Errors
    ///
    /// If it has none that is understood.
    pub fn of(tree: &Tree) -> Result<Self, Error> {
        if tree.exists(DPKG) && tree.exists("/var/lib/dpkg") {
            return Ok(Self::Deb);
        }
        if tree.exists(RPM) {
            return Ok(Self::Rpm);
        }
        Err(Error::precondition(
            "this host has neither dpkg nor rpm",
            "install the kernel by other means and register it as installed",
        ))
    }

    /// Installs a package by name from the host's own sources.
    ///
    /// # Errors
    ///
    /// If the name is not a kernel's, or the package manager fails.
    pub fn install(
        self,
        tree: &Tree,
        package: &str,
        version: Option<&str>,
        timeout: Duration,
    ) -> Result<(), Error> {
        allow::check_package(package)?;
        version.map_or(Ok(()), allow::check_version)?;
        match self {
            Self::Deb => {
                let wanted = version.map_or(package.to_owned(), |v| format!("{package}={v}"));
                let first = apt_install(tree, &["--", &wanted], timeout);
                let Err(error) = first else { return Ok(()) };
                if !repair(tree, &error, timeout)? {
                    return Err(error);
                }
                apt_install(tree, &["--", &wanted], timeout)
            }
            Self::Rpm => {
                let wanted = version.map_or(package.to_owned(), |v| format!("{package}-{v}"));
                // `install` adds a kernel beside the others; `upgrade` would replace them.
                prepared(Program::new(tree, DNF, timeout))
                    .args(&["--assumeyes", "--setopt=install_weak_deps=False", "install", &wanted])
                    .run()
                    .map(drop)
            }
        }
    }

    /// Installs a package file.
    ///
    /// # Errors
    ///
    /// If it is of the other kind, not a kernel's, or the package manager fails.
    pub fn install_file(
        self,
        tree: &Tree,
        artifact: &Artifact,
        timeout: Duration,
    ) -> Result<(), Error> {
        let of_this_kind = artifact.name.ends_with(match self {
            Self::Deb => ".deb",
            Self::Rpm => ".rpm",
        });
        if !of_this_kind {
            return Err(Error::untrusted(
                format!("{} is not of this host's package manager", artifact.name),
                "register a release of the kind that the host's distribution uses",
            ));
        }
        match self {
            Self::Deb => {
                let name = Program::new(tree, DPKG_DEB, LOOK)
                    .arg("--field")
                    .arg(&artifact.path)
                    .arg("Package")
                    .run()?;
                allow::check_package(name.trim())?;
                check_deb_files(tree, artifact)?;
                if tree.exists(APT_GET) {
                    // Unlike dpkg alone it gets what the package depends on.
                    let file = artifact.path.to_string_lossy();
                    return apt_install(tree, &["--reinstall", "--", &file], timeout);
                }
                prepared(Program::new(tree, DPKG, timeout))
                    .args(&["--force-confold", "--force-confdef", "--install"])
                    .arg(&artifact.path)
                    .run()
                    .map(drop)
            }
            Self::Rpm => {
                let query = |format: &[&str]| {
                    Program::new(tree, RPM, LOOK)
                        .args(&["--query", "--package"])
                        .args(format)
                        .arg(&artifact.path)
                        .run()
                };
                allow::check_package(query(&["--queryformat", "%{NAME}"])?.trim())?;
                let mut paths = Vec::new();
                Program::new(tree, RPM, LOOK)
                    .args(&["--query", "--package", "--list"])
                    .arg(&artifact.path)
                    .for_each_line(|line| paths.push(line.to_owned()))?;
                allow::check_files(paths.iter().map(String::as_str))?;
                prepared(Program::new(tree, RPM, timeout))
                    .args(&["--install", "--replacepkgs"])
                    .arg(&artifact.path)
                    .run()
                    .map(drop)
            }
        }
    }
}

/// Lists the files of a package through dpkg-deb and holds each to where a kernel's files lie.
fn check_deb_files(tree: &Tree, artifact: &Artifact) -> Result<(), Error> {
    let mut paths = Vec::new();
    Program::new(tree, DPKG_DEB, LOOK).arg("--contents").arg(&artifact.path).for_each_line(
        |line| {
            // Mode, owner, size, date, time, then the path and perhaps where a link goes.
            let mut rest = line;
            for _ in 0..5 {
                rest = rest.trim_start().split_once(' ').map_or("", |(_, rest)| rest);
            }
            let path = rest.trim_start().split(" -> ").next().unwrap_or_default();
            paths.push(path.to_owned());
        },
    )?;
    allow::check_files(paths.iter().map(String::as_str))
}

fn prepared(program: Program<'_>) -> Program<'_> {
    program
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("DEBCONF_NONINTERACTIVE_SEEN", "true")
        .env("APT_LISTCHANGES_FRONTEND", "none")
        .env("NEEDRESTART_MODE", "l")
        .env("NEEDRESTART_SUSPEND", "1")
}

fn apt_install(tree: &Tree, wanted: &[&str], timeout: Duration) -> Result<(), Error> {
    prepared(Program::new(tree, APT_GET, timeout))
        .args(&["--yes", "--quiet=2", "--no-install-recommends", "--no-remove"])
        .args(&["--allow-downgrades", "--no-auto-remove"])
        .args(&["-o", &format!("DPkg::Lock::Timeout={LOCK_WAIT}")])
        .args(&["-o", "Dpkg::Options::=--force-confold"])
        .args(&["-o", "Dpkg::Options::=--force-confdef"])
        .arg("install")
        .args(wanted)
        .run()
        .map(drop)
}

/// Mends what a second attempt can be helped by; whether there was something to mend.
fn repair(tree: &Tree, error: &Error, timeout: Duration) -> Result<bool, Error> {
    let Error::Program { output, .. } = error else { return Ok(false) };
    if output.contains("dpkg was interrupted") {
        prepared(Program::new(tree, DPKG, timeout))
            .args(&["--force-confold", "--force-confdef", "--configure", "--pending"])
            .run()?;
        return Ok(true);
    }
    let unknown = ["Unable to locate package", "was not found", "has no installation candidate"];
    let outdated = ["404 ", "Failed to fetch"];
    if unknown.iter().chain(&outdated).any(|text| output.contains(text)) {
        let updated = prepared(Program::new(tree, APT_GET, timeout))
            .args(&["--quiet=2", "-o", &format!("DPkg::Lock::Timeout={LOCK_WAIT}"), "update"])
            .run();
        if let Err(error) = updated {
            // One broken source among many must not stand in the way of the others.
            eprintln!("stage: {error}");
        }
        return Ok(true);
    }
    Ok(false)
}

//! What may be installed: kernels, and nothing else.

use crate::error::Error;

const HINT: &str = "only packages of kernels can be staged: linux-image-* or kernel*";

/// Where files of a kernel's package may lie.
const PLACES: [&str; 10] = [
    "/boot/",
    "/lib/modules/",
    "/usr/lib/modules/",
    "/usr/lib/linux-image-",
    "/usr/lib/linux/",
    "/usr/share/doc/",
    "/usr/share/bug/",
    "/usr/share/lintian/",
    "/usr/share/licenses/",
    "/usr/lib/.build-id/",
];

/// That a package is named like a kernel's.
///
/// # Errors
///
/// If it is not.
pub fn check_package(name: &str) -> Result<(), Error> {
    let rest = name.strip_prefix("linux-image").or_else(|| name.strip_prefix("kernel"));
    let fine = name.len() <= 128
        && rest.is_some_and(|rest| {
            rest.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.+~_".contains(&b))
        });
    if fine {
        return Ok(());
    }
    Err(Error::untrusted(format!("`{}` is not a package of a kernel", name.escape_debug()), HINT))
}

/// That a version is one.
///
/// # Errors
///
/// If it is not.
pub fn check_version(version: &str) -> Result<(), Error> {
    let fine = (1..=128).contains(&version.len())
        && version.starts_with(|c: char| c.is_ascii_alphanumeric())
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+~:_^".contains(&b));
    if fine {
        return Ok(());
    }
    Err(Error::untrusted(
        format!("`{}` is not a version of a package", version.escape_debug()),
        "give the version as the package manager prints it",
    ))
}

/// That every file of a package lies where a kernel's files lie.
///
/// # Errors
///
/// With the first that does not.
pub fn check_files<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    for path in paths {
        let path = format!("/{}", path.trim_start_matches("./").trim_start_matches('/'));
        let above = PLACES
            .iter()
            .any(|place| place.starts_with(&format!("{}/", path.trim_end_matches('/'))));
        let climbs = path.split('/').any(|part| part == "..");
        if climbs || !(above || PLACES.iter().any(|place| path.starts_with(place))) {
            let what = format!("the package would put a file at {}", path.escape_debug());
            return Err(Error::untrusted(what, "a kernel's package has no business there"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_kernels_pass() {
        for good in
            ["linux-image-6.1.0-56-cloud-amd64", "linux-image-amd64", "kernel", "kernel-core"]
        {
            assert!(check_package(good).is_ok(), "{good}");
        }
        let bad = [
            "bash",
            "linux-headers-6.1",
            "linux-image-6.1;reboot",
            "linux-image-6.1 bash",
            "-o=APT::Foo",
            "linux-image-6.1/../x",
            "linux-image-6.1=1",
            "xlinux-image-6.1",
            "Kernel",
            "",
        ];
        for bad in bad {
            assert!(check_package(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn versions_are_not_options() {
        assert!(check_version("6.1.170-3+deb12u1").is_ok());
        assert!(check_version("0:5.14.0-503.el9").is_ok());
        for bad in ["", "-y", "1 2", "1;2", "1/2"] {
            assert!(check_version(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn files_elsewhere_are_refused() {
        let kernel = [
            "./",
            "./boot/",
            "./boot/vmlinuz-6.1",
            "./lib/modules/6.1/kernel/a.ko",
            "./usr/",
            "./usr/share/doc/x/copyright",
        ];
        assert!(check_files(kernel).is_ok());
        for bad in
            ["./etc/cron.d/x", "./usr/bin/x", "/boot/../etc/shadow", "./usr/lib/systemd/system/x"]
        {
            assert!(check_files([bad]).is_err(), "{bad}");
        }
    }
}

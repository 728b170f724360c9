//! The command line of a kernel that is booted by kexec.

use std::ffi::CString;

use crate::error::Error;

/// Seconds after which a panicking trial kernel reboots into the default entry.
pub const PANIC_SECONDS: i32 = 10;
/// What the kernel reads on common architectures, in bytes with the final NUL.
const MAX_CMDLINE: usize = 2048;

/// Splits at blanks outside double quotes.
#[must_use]
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in line.trim().chars() {
        if c == '"' {
            quoted = !quoted;
        }
        if c.is_whitespace() && !quoted {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The seconds of the `panic=` that counts, the last one.
#[must_use]
pub fn panic_seconds(words: &[String]) -> Option<i32> {
    words.iter().rev().find_map(|word| word.strip_prefix("panic=")?.parse().ok())
}

/// The command line of the next kernel: the parameters of its boot entry, without what only a
/// boot loader's view explains, then the appended ones, then `panic=` if it would hang without.
///
/// # Errors
///
/// If a parameter is not printable text or all together are too long.
pub fn build(options: &str, append: &[String]) -> Result<CString, Error> {
    let mut all: Vec<String> = words(options)
        .into_iter()
        .filter(|word| !word.starts_with("BOOT_IMAGE=") && !word.starts_with("initrd="))
        .collect();
    for parameter in append {
        check(parameter)?;
        // Its boot entry may have it already.
        if !all.contains(parameter) {
            all.push(parameter.clone());
        }
    }
    if panic_seconds(&all).unwrap_or(0) == 0 {
        all.push(format!("panic={PANIC_SECONDS}"));
    }
    let line = all.join(" ");
    if line.len() >= MAX_CMDLINE {
        return Err(Error::BadRequest(format!(
            "the command line would have {} bytes, the kernel reads {}",
            line.len(),
            MAX_CMDLINE - 1
        )));
    }
    CString::new(line).map_err(|_| Error::BadRequest("the command line has a NUL byte".into()))
}

/// A parameter is one word of printable ASCII.
///
/// # Errors
///
/// If it is not.
pub fn check(parameter: &str) -> Result<(), Error> {
    let fine = !parameter.is_empty()
        && parameter.len() <= 512
        && parameter.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        && words(parameter).len() == 1;
    if fine {
        return Ok(());
    }
    Err(Error::BadRequest(format!("`{}` is not one kernel parameter", parameter.escape_debug())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(options: &str, append: &[&str]) -> String {
        let append: Vec<String> = append.iter().map(|&s| s.to_owned()).collect();
        build(options, &append).unwrap().into_string().unwrap()
    }

    #[test]
    fn what_belongs_to_the_boot_loader_is_dropped_and_the_rest_kept() {
        let line = r#"BOOT_IMAGE=/vmlinuz-6.1 root=UUID=1 ro initrd=\a crashkernel=256M dyndbg="a b" panic=5"#;
        assert_eq!(built(line, &[]), r#"root=UUID=1 ro crashkernel=256M dyndbg="a b" panic=5"#);
    }

    #[test]
    fn a_kernel_that_would_hang_in_a_panic_gets_a_timeout() {
        assert_eq!(built("ro", &["quiet"]), "ro quiet panic=10");
        assert_eq!(built("ro panic=0", &[]), "ro panic=0 panic=10");
        assert_eq!(built("ro panic=10", &["panic=0"]), "ro panic=10 panic=0 panic=10");
        assert_eq!(built("ro panic=-1", &[]), "ro panic=-1");
    }

    #[test]
    fn parameters_are_single_printable_words() {
        for bad in ["", "a b", "a\nb", "a\0b", "ü"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(r#"dyndbg="file a.c +p""#).is_ok());
        assert!(build(&"x ".repeat(2000), &[]).is_err());
    }
}

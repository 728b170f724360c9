//! Numbers as bytes: 7 bits each, the lowest first, the high bit says that more follow. Every
//! number has one form; a longer one is refused, so that equal values are equal bytes.

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BadBytes {
    /// What is wrong, in words.
    pub what: &'static str,
}

impl BadBytes {
    pub(super) const CUT: Self = Self { what: "the bytes end too early" };
}

pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn take(bytes: &mut &[u8]) -> Result<u64, BadBytes> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(BadBytes::CUT)?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && byte > 1 {
            return Err(BadBytes { what: "a number does not fit into 64 bits" });
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            let longer = byte == 0 && shift > 0;
            let bad = BadBytes { what: "a number is longer than it must be" };
            return if longer { Err(bad) } else { Ok(number) };
        }
    }
    Err(BadBytes { what: "a number does not fit into 64 bits" })
}

/// The next `length` bytes.
pub(super) fn take_bytes<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], BadBytes> {
    let length = usize::try_from(length).map_err(|_| BadBytes::CUT)?;
    let (head, rest) = bytes.split_at_checked(length).ok_or(BadBytes::CUT)?;
    *bytes = rest;
    Ok(head)
}

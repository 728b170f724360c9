//! Identities. Distinct types, so that one cannot be handed over in place of another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// Text that is not an identity of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {expected}")]
pub struct BadId {
    /// What was to be read, for example "host id".
    pub kind: &'static str,
    /// The text as given.
    pub text: String,
    /// What a valid text looks like.
    pub expected: &'static str,
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:032x})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            /// Reads 32 hexadecimal digits; hyphens are allowed anywhere, as in a boot id.
            fn from_str(text: &str) -> Result<Self, BadId> {
                let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
                let ok = digits.len() == 32 && digits.chars().all(|c| c.is_ascii_hexdigit());
                u128::from_str_radix(&digits, 16).ok().filter(|_| ok).map(Self).ok_or_else(|| BadId {
                    kind: $kind,
                    text: text.to_owned(),
                    expected: "32 hexadecimal digits",
                })
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

hex_id!(
    /// One machine. Derived from its public key, so a name is only a label.
    HostId,
    "host id"
);
hex_id!(
    /// One boot of one machine: `/proc/sys/kernel/random/boot_id`.
    BootId,
    "boot id"
);
hex_id!(
    /// One order to one host. Derived from what is ordered, so replanning gives the same id.
    CommandId,
    "command id"
);
hex_id!(
    /// What an agent puts into a permit request so that no other answer fits.
    Nonce,
    "nonce"
);

impl HostId {
    /// The identity of the holder of a public key: the first 128 bits of the SHA-256 of its
    /// SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn of_public_key(spki_der: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(spki_der).into();
        let mut first = [0u8; 16];
        first.copy_from_slice(&digest[..16]);
        Self(u128::from_be_bytes(first))
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// The next number.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let digits = text.strip_prefix($prefix).unwrap_or(text);
                digits.parse().map(Self).map_err(|_| BadId {
                    kind: $kind,
                    text: text.to_owned(),
                    expected: concat!("`", $prefix, "` and a number"),
                })
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

number_id!(
    /// One rollout, numbered by the controller: `r1`, `r2`, …
    RolloutId,
    "r",
    "rollout id"
);
number_id!(
    /// A count that only grows: of committed plans on the controller, and of the newest order a
    /// host has accepted. A host refuses orders of a lower generation than it has seen.
    Generation,
    "g",
    "generation"
);

/// A SHA-256 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
impl FromStr for Digest {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId {
            kind: "SHA-256 digest",
            text: text.to_owned(),
            expected: "64 hexadecimal digits",
        };
        let digits = text.strip_prefix("sha256:").unwrap_or(text).as_bytes();
        if digits.len() != 64 {
            return Err(bad());
        }
        let mut out = [0u8; 32];
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Self(out))
    }
}
impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_text() {
        let boot: BootId = "0f0e0d0c-0b0a-0908-0706-050403020100".parse().unwrap();
        assert_eq!(boot.to_string().parse::<BootId>().unwrap(), boot);
        assert_eq!("r17".parse::<RolloutId>().unwrap(), RolloutId(17));
        assert_eq!("17".parse::<RolloutId>().unwrap(), RolloutId(17));
        assert!("r".parse::<RolloutId>().is_err());
        assert!("+f0e0d0c0b0a09080706050403020100".parse::<BootId>().is_err());
        let digest = Digest::of(b"kernel");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(format!("sha256:{digest}").parse::<Digest>().unwrap(), digest);
    }
}

//! How single fields cross: texts, numbers, ids, lists, optional and required ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use wavegate_common::id::{BootId, CommandId, Digest, Generation, HostId, Nonce, RolloutId};
use wavegate_common::judge::MetricName;
use wavegate_common::kernel::{KernelRelease, ReleaseName};
use wavegate_common::ratio::Ratio;
use wavegate_common::selector::Selector;
use wavegate_common::spec::{Share, Wave};
use wavegate_common::time::{Millis, Timestamp};
use wavegate_common::{HostClass, Labels};

use super::invalid::{At, Invalid, NAME};

/// A domain value that has the form `W` on the wire. A required message has the form
/// `Option<message>`, because the wire can leave it out.
pub(crate) trait OnWire<W>: Sized {
    /// Reads it; an error names the field.
    fn read(wire: W, at: &At<'_>) -> Result<Self, Invalid>;
    /// Writes it.
    fn write(&self) -> W;
}

/// Numbers and flags, which are the same on both sides. Left out they are zero.
macro_rules! same {
    ($($type:ty),*) => { $(
        impl OnWire<$type> for $type {
            fn read(wire: $type, _: &At<'_>) -> Result<Self, Invalid> {
                Ok(wire)
            }
            fn write(&self) -> $type {
                *self
            }
        }
    )* };
}
same!(u64, i64, u32, bool);

/// Measured numbers. What is not finite is not a number that anybody can judge by.
impl OnWire<f64> for f64 {
    fn read(wire: f64, at: &At<'_>) -> Result<Self, Invalid> {
        if wire.is_finite() { Ok(wire) } else { Err(at.invalid(format!("{wire} is not finite"))) }
    }
    fn write(&self) -> f64 {
        *self
    }
}

macro_rules! narrow {
    ($($type:ty),*) => { $(
        impl OnWire<u32> for $type {
            fn read(wire: u32, at: &At<'_>) -> Result<Self, Invalid> {
                <$type>::try_from(wire)
                    .map_err(|_| at.invalid(format!("{wire} is more than {}", <$type>::MAX)))
            }
            fn write(&self) -> u32 {
                u32::from(*self)
            }
        }
    )* };
}
narrow!(u16, u8);

/// Newtypes over a number.
macro_rules! wrapped {
    ($($type:ident: $number:ty),* $(,)?) => { $(
        impl OnWire<$number> for $type {
            fn read(wire: $number, _: &At<'_>) -> Result<Self, Invalid> {
                Ok(Self(wire))
            }
            fn write(&self) -> $number {
                self.0
            }
        }
    )* };
}
wrapped!(Timestamp: i64, Millis: u64, Ratio: u64, RolloutId: u64, Generation: u64);

/// Ids of 16 bytes.
macro_rules! id {
    ($($type:ident),*) => { $(
        impl OnWire<Vec<u8>> for $type {
            fn read(wire: Vec<u8>, at: &At<'_>) -> Result<Self, Invalid> {
                bytes(&wire, at).map(|bytes| Self(u128::from_be_bytes(bytes)))
            }
            fn write(&self) -> Vec<u8> {
                self.0.to_be_bytes().to_vec()
            }
        }
    )* };
}
id!(HostId, BootId, CommandId, Nonce);

impl OnWire<Vec<u8>> for Digest {
    fn read(wire: Vec<u8>, at: &At<'_>) -> Result<Self, Invalid> {
        bytes(&wire, at).map(Self)
    }
    fn write(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}

fn bytes<const N: usize>(wire: &[u8], at: &At<'_>) -> Result<[u8; N], Invalid> {
    if wire.is_empty() {
        return Err(at.missing());
    }
    wire.try_into().map_err(|_| at.invalid(format!("{} bytes, but it must be {N}", wire.len())))
}

impl OnWire<u32> for Share {
    fn read(wire: u32, at: &At<'_>) -> Result<Self, Invalid> {
        if wire > Self::ALL.0 {
            return Err(at.invalid(format!("{wire} millionths are more than the whole")));
        }
        Ok(Self(wire))
    }
    fn write(&self) -> u32 {
        self.0
    }
}

impl OnWire<u32> for Wave {
    fn read(wire: u32, at: &At<'_>) -> Result<Self, Invalid> {
        Share::read(wire, at).map(Self)
    }
    fn write(&self) -> u32 {
        self.0.write()
    }
}

impl OnWire<String> for String {
    fn read(wire: String, at: &At<'_>) -> Result<Self, Invalid> {
        let max = at.limit.text;
        if wire.len() > max {
            return Err(at.invalid(format!("{} bytes, but at most {max} are let in", wire.len())));
        }
        Ok(wire)
    }
    fn write(&self) -> String {
        self.clone()
    }
}

/// Names that are never empty.
macro_rules! text_name {
    ($($type:ident: $limit:expr),* $(,)?) => { $(
        impl OnWire<String> for $type {
            fn read(wire: String, at: &At<'_>) -> Result<Self, Invalid> {
                if wire.is_empty() {
                    return Err(at.missing());
                }
                String::read(wire, &at.limited($limit)).map(Self::from)
            }
            fn write(&self) -> String {
                self.as_str().to_owned()
            }
        }
    )* };
}
text_name!(
    KernelRelease: NAME,
    ReleaseName: NAME,
    HostClass: super::invalid::USUAL,
);

/// What is text with a grammar of its own, and never empty.
macro_rules! parsed {
    ($($type:ident),*) => { $(
        impl OnWire<String> for $type {
            fn read(wire: String, at: &At<'_>) -> Result<Self, Invalid> {
                if wire.is_empty() {
                    return Err(at.missing());
                }
                let text = String::read(wire, at)?;
                text.parse().map_err(|error| at.invalid(format!("{error}")))
            }
            fn write(&self) -> String {
                self.to_string()
            }
        }
    )* };
}
parsed!(Selector, MetricName);

/// Opaque bytes: signing requests, pieces of files. Bounded like texts.
impl OnWire<Vec<u8>> for Vec<u8> {
    fn read(wire: Vec<u8>, at: &At<'_>) -> Result<Self, Invalid> {
        let max = at.limit.text;
        if wire.is_empty() {
            return Err(at.missing());
        }
        if wire.len() > max {
            return Err(at.invalid(format!("{} bytes, but at most {max} are let in", wire.len())));
        }
        Ok(wire)
    }
    fn write(&self) -> Vec<u8> {
        self.clone()
    }
}

impl OnWire<BTreeMap<String, String>> for Labels {
    fn read(wire: BTreeMap<String, String>, at: &At<'_>) -> Result<Self, Invalid> {
        let max = super::invalid::LABELS.list;
        if wire.len() > max {
            return Err(at.invalid(format!("{} labels, but at most {max} are let in", wire.len())));
        }
        let long = |text: &String| text.len() > NAME.text;
        if let Some((key, _)) = wire.iter().find(|(key, value)| long(key) || long(value)) {
            let start: String = key.chars().take(40).collect();
            return Err(at.invalid(format!(
                "key and value of `{start}` may each have at most {} bytes",
                NAME.text
            )));
        }
        Ok(wire)
    }
    fn write(&self) -> BTreeMap<String, String> {
        self.clone()
    }
}

impl<W, T: OnWire<W>> OnWire<Option<W>> for Option<T> {
    fn read(wire: Option<W>, at: &At<'_>) -> Result<Self, Invalid> {
        wire.map(|wire| T::read(wire, at)).transpose()
    }
    fn write(&self) -> Option<W> {
        self.as_ref().map(T::write)
    }
}

impl<W, T: OnWire<W>> OnWire<Vec<W>> for Vec<T> {
    fn read(wire: Vec<W>, at: &At<'_>) -> Result<Self, Invalid> {
        let max = at.limit.list;
        if wire.len() > max {
            return Err(at.invalid(format!("{} entries, but at most {max} are let in", wire.len())));
        }
        wire.into_iter().enumerate().map(|(i, item)| T::read(item, &at.index(i))).collect()
    }
    fn write(&self) -> Vec<W> {
        self.iter().map(T::write).collect()
    }
}

impl<W, T: OnWire<W>> OnWire<W> for Arc<T> {
    fn read(wire: W, at: &At<'_>) -> Result<Self, Invalid> {
        T::read(wire, at).map(Arc::new)
    }
    fn write(&self) -> W {
        T::write(self)
    }
}

impl<W, T: OnWire<W>> OnWire<W> for Box<T> {
    fn read(wire: W, at: &At<'_>) -> Result<Self, Invalid> {
        T::read(wire, at).map(Box::new)
    }
    fn write(&self) -> W {
        T::write(self)
    }
}

//! Where in a message something is wrong, and the bounds of what is let in.

use std::fmt;

/// A message that cannot be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// Path of the field, for example `report.boot.boot_id`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl From<Invalid> for tonic::Status {
    fn from(invalid: Invalid) -> Self {
        Self::invalid_argument(invalid.to_string())
    }
}

/// How much a field may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// The longest text, in bytes.
    pub(crate) text: usize,
    /// The longest list.
    pub(crate) list: usize,
}

/// Texts and lists for which nothing else is said: 4 KiB, 1,024 entries.
pub(crate) const USUAL: Limit = Limit { text: 4 << 10, list: 1_024 };
/// Names of hosts, kernels, checks, labels, people: as long as a DNS name.
pub(crate) const NAME: Limit = Limit { text: 253, ..USUAL };
/// Panic records and what findings rest on: 16 KiB.
pub(crate) const EVIDENCE: Limit = Limit { text: 16 << 10, ..USUAL };
/// Sentences put together from others, and entries of logs: 64 KiB.
pub(crate) const LONG: Limit = Limit { text: 64 << 10, ..USUAL };
/// Labels of a host.
pub(crate) const LABELS: Limit = Limit { list: 64, ..NAME };
/// Checks of a host.
pub(crate) const CHECKS: Limit = Limit { list: 128, ..USUAL };
/// Hosts in one list: more than one controller is built for.
pub(crate) const HOSTS: Limit = Limit { list: 2_000_000, ..USUAL };
/// Entries of one page of an answer.
pub(crate) const PAGE: Limit = Limit { list: 10_000, ..USUAL };
/// Certificates, signing requests and bundles of authorities in PEM or DER: 64 KiB.
pub(crate) const CERTIFICATE: Limit = Limit { text: 64 << 10, ..USUAL };
/// Slots of baselines in one message.
pub(crate) const SLOTS: Limit = Limit { list: 64, ..USUAL };
/// Metrics of one slot: more than there are, for newer agents.
pub(crate) const METRICS: Limit = Limit { list: 128, ..USUAL };
/// A histogram: 64 KiB.
pub(crate) const HISTOGRAM: Limit = Limit { text: 64 << 10, ..USUAL };
/// One piece of an artifact: 1 MiB.
pub(crate) const CHUNK: Limit = Limit { text: 1 << 20, ..USUAL };

#[derive(Debug, Clone, Copy)]
enum Segment {
    Field(&'static str),
    Variant(&'static str),
    Index(usize),
}

/// A place in a message: a chain of borrowed segments, made into text only for an error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    parent: Option<&'a At<'a>>,
    segment: Segment,
    /// What may stand here.
    pub(crate) limit: Limit,
}

impl<'a> At<'a> {
    /// The message itself.
    pub(crate) fn root(name: &'static str) -> Self {
        Self { parent: None, segment: Segment::Field(name), limit: USUAL }
    }

    pub(crate) fn field(&'a self, name: &'static str) -> Self {
        Self { parent: Some(self), segment: Segment::Field(name), limit: USUAL }
    }

    /// A variant of a `oneof`, by the name of its type.
    pub(crate) fn variant(&'a self, name: &'static str) -> Self {
        Self { parent: Some(self), segment: Segment::Variant(name), limit: USUAL }
    }

    /// An entry of a list; what holds for the texts of the list holds for it.
    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), segment: Segment::Index(index), limit: self.limit }
    }

    pub(crate) fn limited(self, limit: Limit) -> Self {
        Self { limit, ..self }
    }

    pub(crate) fn invalid(&self, problem: impl Into<String>) -> Invalid {
        Invalid { field: self.to_string(), problem: problem.into() }
    }

    pub(crate) fn missing(&self) -> Invalid {
        self.invalid("missing")
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        let dot = if self.parent.is_some() { "." } else { "" };
        match self.segment {
            Segment::Field(name) => write!(f, "{dot}{name}"),
            Segment::Variant(name) => {
                f.write_str(dot)?;
                for (i, c) in name.char_indices() {
                    let gap = if c.is_ascii_uppercase() && i > 0 { "_" } else { "" };
                    write!(f, "{gap}{}", c.to_ascii_lowercase())?;
                }
                Ok(())
            }
            Segment::Index(index) => write!(f, "[{index}]"),
        }
    }
}

//! Kernels: what runs, and what is to run.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::Digest;

macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub std::sync::Arc<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    };
}
pub(crate) use text_value;

text_value!(
    /// What `uname -r` says, for example `6.1.0-56-cloud-amd64`.
    KernelRelease
);
text_value!(
    /// The name under which operators registered a release.
    ReleaseName
);

/// The kernel to reach.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Operators' name of it.
    pub name: ReleaseName,
    /// What `uname -r` will say.
    pub kernel: KernelRelease,
    /// Where a host gets it from.
    pub source: ReleaseSource,
    /// Kernel parameters that its boot entry gets besides the host's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub append: Vec<String>,
}

/// Where a host gets a kernel from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ReleaseSource {
    /// A package from the host's own package manager (apt or dnf).
    Package {
        /// For example `linux-image-6.1.0-56-cloud-amd64`.
        package: String,
        /// An exact version, or whatever the host's sources offer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// A package file that the controller serves.
    Artifact {
        /// SHA-256 of the file.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
        /// Its name; the ending (`.deb` or `.rpm`) says how to install it.
        file: String,
    },
    /// Already on the host: the way back.
    Installed,
}

impl Release {
    /// A kernel that the host already has.
    #[must_use]
    pub fn installed(kernel: KernelRelease) -> Self {
        Self {
            name: ReleaseName(Arc::clone(&kernel.0)),
            kernel,
            source: ReleaseSource::Installed,
            append: Vec::new(),
        }
    }

    /// The identity of what would boot: equal for equal kernel, source and parameters,
    /// whatever it is called. Known-bad memory is kept under this key, so that a new artifact
    /// under the old name is a new chance.
    #[must_use]
    pub fn key(&self) -> Digest {
        let what = (&self.kernel, &self.source, &self.append);
        Digest::of(&serde_json::to_vec(&what).unwrap_or_default())
    }
}

//! The folder.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use wavegate_common::Digest;

use super::intake::Intake;

/// Bytes of one piece on its way to a host.
pub const CHUNK: usize = 256 << 10;
/// The largest file that is taken.
pub const MAX_SIZE: u64 = 2 << 30;
/// Pieces that may wait for a host that reads slowly.
const AHEAD: usize = 4;

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// There is none of that digest.
    #[error("artifact {0} is not here, or not in full; upload it with `wavegate kernel add`")]
    Unknown(Digest),
    /// The offset is beyond the end.
    #[error("artifact {digest} has {size} bytes, {offset} is beyond its end")]
    Beyond {
        /// Which.
        digest: Digest,
        /// Its bytes.
        size: u64,
        /// What was asked for.
        offset: u64,
    },
    /// The upload does not begin where the last one ended.
    #[error("{here} bytes of the file are here, the upload begins at {offset}; go on from there")]
    Gap {
        /// Bytes here.
        here: u64,
        /// Where the upload begins.
        offset: u64,
    },
    /// More or fewer bytes than announced.
    #[error("{came} bytes came of {announced}; begin again")]
    Length {
        /// Bytes that came.
        came: u64,
        /// Bytes announced.
        announced: u64,
    },
    /// The bytes are not the ones that were announced.
    #[error(
        "the file has the digest {found}, not {wanted}: it was damaged on its way or is another file; nothing was kept, upload it again"
    )]
    Digest {
        /// Announced.
        wanted: Digest,
        /// Found.
        found: Digest,
    },
    /// Too large, or empty.
    #[error("a file of {0} bytes is not taken: between 1 and {MAX_SIZE} bytes")]
    Size(u64),
    /// Somebody else uploads it right now.
    #[error("artifact {0} is being uploaded by somebody else; wait for it")]
    Busy(Digest),
    /// The disk.
    #[error("cannot {what} {}: {source}", path.display())]
    Disk {
        /// What was attempted.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ArtifactError {
    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Disk { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }

    pub(super) fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { what, path, source }
    }
}

/// The files. Clones share the note of which uploads are under way.
#[derive(Debug, Clone)]
pub struct Shelf {
    dir: PathBuf,
    open: Arc<Mutex<BTreeSet<Digest>>>,
}

impl Shelf {
    /// The folder `artifacts` of a data directory; made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(data_dir: &Path) -> Result<Self, ArtifactError> {
        let dir = data_dir.join("artifacts");
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(ArtifactError::disk("make", &dir))?;
        Ok(Self { dir, open: Arc::default() })
    }

    /// Where a whole file is.
    #[must_use]
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join(digest.to_string())
    }

    pub(super) fn part(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{digest}.part"))
    }

    /// The length of a file that is here in full.
    #[must_use]
    pub fn size(&self, digest: Digest) -> Option<u64> {
        std::fs::metadata(self.path(digest)).ok().map(|meta| meta.len())
    }

    /// How many bytes of a file are here, in full or not.
    #[must_use]
    pub fn received(&self, digest: Digest) -> u64 {
        let part = || std::fs::metadata(self.part(digest)).map_or(0, |meta| meta.len());
        self.size(digest).unwrap_or_else(part)
    }

    /// Begins to take a file in, or goes on with one.
    ///
    /// # Errors
    /// If the size is out of bounds, the bytes do not follow on those that are here, or somebody
    /// else uploads it.
    pub async fn take(
        &self,
        digest: Digest,
        size: u64,
        offset: u64,
    ) -> Result<Intake, ArtifactError> {
        if size == 0 || size > MAX_SIZE {
            return Err(ArtifactError::Size(size));
        }
        if !self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(digest) {
            return Err(ArtifactError::Busy(digest));
        }
        let claim = Claim { digest, open: Arc::clone(&self.open) };
        Intake::begin(self, claim, size, offset).await
    }

    /// The bytes of a file from an offset on, in pieces.
    ///
    /// # Errors
    /// If it is not here, or the offset is beyond its end.
    pub async fn read(
        &self,
        digest: Digest,
        offset: u64,
    ) -> Result<impl Stream<Item = io::Result<Vec<u8>>> + Send + use<>, ArtifactError> {
        let path = self.path(digest);
        let size = self.size(digest).ok_or(ArtifactError::Unknown(digest))?;
        if offset > size {
            return Err(ArtifactError::Beyond { digest, size, offset });
        }
        let mut file = File::open(&path).await.map_err(ArtifactError::disk("open", &path))?;
        file.seek(io::SeekFrom::Start(offset)).await.map_err(ArtifactError::disk("read", &path))?;
        let (pieces, stream) = tokio::sync::mpsc::channel(AHEAD);
        tokio::spawn(async move {
            loop {
                let mut piece = Vec::with_capacity(CHUNK);
                let read = (&mut file).take(CHUNK as u64).read_to_end(&mut piece).await;
                let next = match read {
                    Ok(0) => return,
                    Ok(_) => Ok(piece),
                    Err(error) => Err(error),
                };
                let failed = next.is_err();
                if pieces.send(next).await.is_err() || failed {
                    return;
                }
            }
        });
        Ok(ReceiverStream::new(stream))
    }
}

/// Keeps others from uploading the same file; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) digest: Digest,
    open: Arc<Mutex<BTreeSet<Digest>>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.digest);
    }
}

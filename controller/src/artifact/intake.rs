//! A file on its way in.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use wavegate_common::Digest;

use super::shelf::{ArtifactError, Claim, Shelf};

/// A file on its way in. Dropping it keeps what came, so that the upload can go on later.
#[derive(Debug)]
pub struct Intake {
    claim: Claim,
    file: File,
    part: PathBuf,
    whole: PathBuf,
    size: u64,
    came: u64,
}

impl Intake {
    pub(super) async fn begin(
        shelf: &Shelf,
        claim: Claim,
        size: u64,
        offset: u64,
    ) -> Result<Self, ArtifactError> {
        let digest = claim.digest;
        let (part, whole) = (shelf.part(digest), shelf.path(digest));
        let here = std::fs::metadata(&part).map_or(0, |meta| meta.len());
        // From the start is always allowed: what is here may be of another try.
        if offset != 0 && offset != here {
            return Err(ArtifactError::Gap { here, offset });
        }
        let mut options = OpenOptions::new();
        options.create(true).write(true);
        if offset == 0 {
            options.truncate(true);
        } else {
            options.append(true);
        }
        let file = options.open(&part).await.map_err(ArtifactError::disk("write", &part))?;
        Ok(Self { claim, file, part, whole, size, came: offset })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// If more come than were announced, or the disk does not take them.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), ArtifactError> {
        let came = self.came + piece.len() as u64;
        if came > self.size {
            let announced = self.size;
            self.forget();
            return Err(ArtifactError::Length { came, announced });
        }
        let written = self.file.write_all(piece).await;
        written.map_err(ArtifactError::disk("write", &self.part))?;
        self.came = came;
        Ok(())
    }

    /// Checks what is on disk and gives it its name.
    ///
    /// # Errors
    /// If it is not what was announced; nothing is kept of it then.
    pub async fn finish(mut self) -> Result<(), ArtifactError> {
        let synced = match self.file.flush().await {
            Ok(()) => self.file.sync_all().await,
            Err(error) => Err(error),
        };
        synced.map_err(ArtifactError::disk("write", &self.part))?;
        if self.came != self.size {
            // The rest may come later.
            return Err(ArtifactError::Length { came: self.came, announced: self.size });
        }
        let part = self.part.clone();
        let found = tokio::task::spawn_blocking(move || digest_of(&part))
            .await
            .map_err(|error| std::io::Error::other(error.to_string()))
            .and_then(|found| found)
            .map_err(ArtifactError::disk("read", &self.part))?;
        let wanted = self.claim.digest;
        if found != wanted {
            self.forget();
            return Err(ArtifactError::Digest { wanted, found });
        }
        std::fs::rename(&self.part, &self.whole)
            .map_err(ArtifactError::disk("rename", &self.part))?;
        let folder = self.whole.parent().unwrap_or(Path::new("."));
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(ArtifactError::disk("write", folder))
    }

    fn forget(&self) {
        // If it cannot be removed now, the next upload from the start empties it.
        let _ = std::fs::remove_file(&self.part);
    }
}

fn digest_of(path: &Path) -> std::io::Result<Digest> {
    let mut file = std::fs::File::open(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0u8; 256 << 10]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(Digest(hasher.finalize().into()));
        }
        hasher.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;

    async fn upload(shelf: &Shelf, bytes: &[u8], digest: Digest) -> Result<(), ArtifactError> {
        let mut intake = shelf.take(digest, bytes.len() as u64, 0).await?;
        intake.write(bytes).await?;
        intake.finish().await
    }

    #[tokio::test]
    async fn only_the_announced_bytes_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path()).unwrap();
        let wanted = Digest::of(b"kernel");
        let error = upload(&shelf, b"kernle", wanted).await.unwrap_err();
        assert!(matches!(error, ArtifactError::Digest { .. }), "{error}");
        assert_eq!(shelf.received(wanted), 0, "nothing is left of it");
        assert!(shelf.read(wanted, 0).await.is_err());
        upload(&shelf, b"kernel", wanted).await.unwrap();
        let pieces: Vec<_> = shelf.read(wanted, 2).await.unwrap().collect().await;
        assert_eq!(pieces.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [b"rnel".to_vec()]);
        assert!(matches!(shelf.read(wanted, 7).await, Err(ArtifactError::Beyond { .. })));
    }

    #[tokio::test]
    async fn an_upload_goes_on_where_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path()).unwrap();
        let digest = Digest::of(b"kernel");
        let mut intake = shelf.take(digest, 6, 0).await.unwrap();
        intake.write(b"ker").await.unwrap();
        assert!(matches!(shelf.take(digest, 6, 0).await, Err(ArtifactError::Busy(_))));
        assert!(matches!(intake.finish().await, Err(ArtifactError::Length { came: 3, .. })));
        assert_eq!(shelf.received(digest), 3);
        assert!(matches!(shelf.take(digest, 6, 2).await, Err(ArtifactError::Gap { here: 3, .. })));
        let mut intake = shelf.take(digest, 6, 3).await.unwrap();
        intake.write(b"nel").await.unwrap();
        intake.finish().await.unwrap();
        assert_eq!(shelf.size(digest), Some(6));
    }

    #[tokio::test]
    async fn more_bytes_than_announced_are_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path()).unwrap();
        let mut intake = shelf.take(Digest::of(b"x"), 2, 0).await.unwrap();
        assert!(matches!(intake.write(b"xyz").await, Err(ArtifactError::Length { .. })));
        assert!(matches!(shelf.take(Digest::of(b"y"), 0, 0).await, Err(ArtifactError::Size(0))));
    }
}

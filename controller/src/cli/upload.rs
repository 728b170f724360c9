//! Brings a file to the controller, and goes on where an upload broke off.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest as _, Sha256};
use tonic::Code;
use wavegate_common::Digest;
use wavegate_proto::operator::ask::{GetArtifact, UploadHead};

use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

const PIECE: usize = 256 << 10;

/// A file to be served to hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Artifact {
    path: PathBuf,
    /// Its last path component.
    pub(super) file: String,
    /// SHA-256 of its bytes.
    pub(super) digest: Digest,
    /// Its length in bytes.
    pub(super) size: u64,
}

impl Artifact {
    /// Reads the file once for its digest.
    ///
    /// # Errors
    /// If it cannot be read, is empty, or is no package.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |error: &io::Error| {
            Failure::usage(format!("cannot read {}", path.display())).caused_by(error)
        };
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !file.ends_with(".deb") && !file.ends_with(".rpm") {
            return Err(Failure::usage(format!("{} is not a package", path.display()))
                .because("its name ends neither in .deb nor in .rpm"));
        }
        let mut source = File::open(path).map_err(|e| failed(&e))?;
        let (mut hash, mut size, mut piece) = (Sha256::new(), 0u64, vec![0; PIECE]);
        loop {
            let count = source.read(&mut piece).map_err(|e| failed(&e))?;
            if count == 0 {
                break;
            }
            hash.update(&piece[..count]);
            size += count as u64;
        }
        if size == 0 {
            return Err(Failure::usage(format!("{} is empty", path.display())));
        }
        Ok(Self { path: path.to_owned(), file, digest: Digest(hash.finalize().into()), size })
    }
}

/// Sends what is not there yet.
///
/// # Errors
/// If the controller refuses, or the file changed meanwhile.
pub(super) async fn upload(
    client: &mut Client,
    artifact: &Artifact,
    session: &Session,
) -> Result<(), Failure> {
    let Artifact { digest, size, .. } = *artifact;
    let offset = match client.calls.get_artifact(&GetArtifact { digest }).await {
        Ok(there) => there.received,
        Err(status) if status.code() == Code::NotFound => 0,
        Err(status) => return Err(client.failed("cannot ask for the artifact", &status)),
    };
    if offset == size {
        session.output.say(format!("{} is there already", artifact.file));
        return Ok(());
    }
    if offset > 0 {
        session.output.say(format!("going on at byte {offset} of {size}"));
    }
    let bar = bar(size, session);
    bar.set_position(offset);
    let failed = |error: &io::Error| {
        Failure::new(Exit::Failed, format!("cannot read {}", artifact.path.display()))
            .caused_by(error)
    };
    let mut source = File::open(&artifact.path).map_err(|e| failed(&e))?;
    source.seek(SeekFrom::Start(offset)).map_err(|e| failed(&e))?;
    let watched = bar.clone();
    let pieces = std::iter::from_fn(move || {
        let piece = next_piece(&mut source)?;
        watched.inc(piece.len() as u64);
        Some(piece)
    });
    let head = UploadHead { digest, size, offset };
    let answer = client.calls.upload_artifact(head, tokio_stream::iter(pieces)).await;
    bar.finish_and_clear();
    let there = answer.map_err(|status| {
        client
            .failed(format!("the upload of {} did not end well", artifact.file), &status)
            .next("run the same command again: it goes on where it broke off")
    })?;
    if there.received != size {
        return Err(Failure::new(Exit::Failed, format!("{} is not there whole", artifact.file))
            .because(format!("{} of {size} bytes arrived; did the file change?", there.received))
            .next("run the same command again"));
    }
    Ok(())
}

/// The next bytes; none at the end. An error ends the file early, and the controller's digest
/// finds that out.
fn next_piece(source: &mut File) -> Option<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    let count = source.read(&mut piece).ok().filter(|count| *count > 0)?;
    piece.truncate(count);
    Some(piece)
}

fn bar(size: u64, session: &Session) -> ProgressBar {
    let target = if session.output.quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(size), target);
    let shape = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    match ProgressStyle::with_template(shape) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linux.deb");
        std::fs::write(&path, b"kernel").unwrap();
        let artifact = Artifact::read(&path).unwrap();
        assert_eq!((artifact.size, artifact.digest), (6, Digest::of(b"kernel")));
        assert_eq!(artifact.file, "linux.deb");
    }

    #[test]
    fn what_is_no_package_is_refused_before_anything_is_sent() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in [("linux.tar", &b"x"[..]), ("linux.deb", b"")] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Artifact::read(&path).unwrap_err().exit(), Exit::Usage, "{name}");
        }
        assert_eq!(Artifact::read(Path::new("/nowhere.deb")).unwrap_err().exit(), Exit::Usage);
    }
}

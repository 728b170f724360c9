//! Package files from the controller.
//!
//! A file is fetched piece by piece beside its final name, resumed from where it broke off, and
//! moved to that name only when length and digest are those of the order. What lies there under
//! its final name is therefore whole; the actuator checks the digest again all the same.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use sha2::{Digest as _, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;
use wavegate_common::Digest;
use wavegate_common::actuator::artifact_name;
use wavegate_proto::agent::AgentClient;

/// How long one piece may take. A controller that is busy with a whole wave is slow, not dead.
const PIECE_LIMIT: Duration = Duration::from_secs(60);
/// How long to wait for a connection before the fetch is given up.
const CONNECTION_LIMIT: Duration = Duration::from_secs(300);
/// A fetch that broke off this often without a byte in between will not come to an end.
const MOST_FRUITLESS: u32 = 5;
/// Room that must stay free beside the file.
const SPARE_BYTES: u64 = 64 << 20;

/// The file to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// SHA-256 of the whole file.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Its name, for its ending.
    pub file: String,
}

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Not a package.
    #[error("`{0}` ends in neither .deb nor .rpm, so it cannot be installed")]
    NotAPackage(String),
    /// The directory cannot be written.
    #[error("cannot write {path}: {source}")]
    Unwritable {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Too little room.
    #[error("{path} has {free} bytes free, {wanted} are wanted for the package: make room there")]
    Full {
        /// The directory.
        path: PathBuf,
        /// What is free.
        free: u64,
        /// What is wanted.
        wanted: u64,
    },
    /// The controller holds something else than was ordered.
    #[error("the controller sent {got} where {wanted} was ordered; add the kernel again")]
    OtherBytes {
        /// What came.
        got: String,
        /// What was ordered.
        wanted: String,
    },
    /// The connection broke again and again.
    #[error("cannot fetch it from the controller: {0}")]
    Cut(String),
}

/// Fetches a file into `dir`, or finds it there already. Other files in `dir` are removed first:
/// one host stages one kernel at a time.
///
/// # Errors
/// See [`ArtifactError`]. What was fetched so far is kept, except if it turned out to be wrong.
pub async fn fetch(
    dir: &Path,
    wanted: &Artifact,
    client: &mut watch::Receiver<Option<AgentClient>>,
) -> Result<PathBuf, ArtifactError> {
    let name = artifact_name(wanted.digest, &wanted.file)
        .ok_or_else(|| ArtifactError::NotAPackage(wanted.file.clone()))?;
    let whole = dir.join(&name);
    let part = dir.join(format!("{name}.part"));
    prepare(dir, &whole, &part).map_err(|source| unwritable(dir, source))?;
    if let Ok((size, digest)) = hash(&whole).await
        && (size, digest.finish()) == (wanted.size, wanted.digest)
    {
        return Ok(whole);
    }
    let mut fruitless = 0;
    loop {
        let so_far = hash(&part).await.unwrap_or_default();
        let before = so_far.0;
        check_room(dir, wanted.size.saturating_sub(before))?;
        match append(&part, wanted, so_far, client).await? {
            Progress::Whole => break,
            Progress::Cut { length, why } => {
                fruitless = if length > before { 0 } else { fruitless + 1 };
                if fruitless >= MOST_FRUITLESS {
                    return Err(ArtifactError::Cut(why));
                }
                tracing::info!(length, size = wanted.size, why, "fetch broke off, going on");
            }
        }
    }
    fs::rename(&part, &whole).map_err(|source| unwritable(&whole, source))?;
    let sync = || fs::File::open(dir)?.sync_all();
    sync().map_err(|source| unwritable(dir, source))?;
    Ok(whole)
}

fn unwritable(path: &Path, source: io::Error) -> ArtifactError {
    ArtifactError::Unwritable { path: path.to_owned(), source }
}

fn prepare(dir: &Path, whole: &Path, part: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path != whole && path != part && path.is_file() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn check_room(dir: &Path, missing: u64) -> Result<(), ArtifactError> {
    let wanted = missing.saturating_add(SPARE_BYTES);
    let Ok(stat) = statvfs(dir) else { return Ok(()) };
    let free = stat.blocks_available().saturating_mul(stat.fragment_size());
    if free >= wanted {
        return Ok(());
    }
    Err(ArtifactError::Full { path: dir.to_owned(), free, wanted })
}

/// A digest in the making.
#[derive(Default)]
struct Hash(Sha256);

impl Hash {
    fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// Length and hash of what a file holds; read beside the runtime, because it may be long.
async fn hash(path: &Path) -> io::Result<(u64, Hash)> {
    let path = path.to_owned();
    let read = move || {
        let mut file = fs::File::open(path)?;
        let (mut hash, mut length, mut chunk) = (Hash::default(), 0, vec![0u8; 64 * 1024]);
        loop {
            let count = file.read(&mut chunk)?;
            if count == 0 {
                return Ok((length, hash));
            }
            hash.0.update(&chunk[..count]);
            length += count as u64;
        }
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

enum Progress {
    Whole,
    Cut { length: u64, why: String },
}

/// Fetches from where the file ends on. Only what cannot be mended by trying again is an error.
async fn append(
    part: &Path,
    wanted: &Artifact,
    (mut length, mut hash): (u64, Hash),
    client: &mut watch::Receiver<Option<AgentClient>>,
) -> Result<Progress, ArtifactError> {
    let mut options = OpenOptions::new();
    let opened = options.create(true).append(true).mode(0o640).open(part).await;
    let mut file = opened.map_err(|source| unwritable(part, source))?;
    if length < wanted.size {
        let cut = |length, why: String| Ok(Progress::Cut { length, why });
        let mut client = match connected(client).await {
            Ok(client) => client,
            Err(why) => return Err(ArtifactError::Cut(why)),
        };
        let mut pieces = match client.fetch_artifact(wanted.digest, length).await {
            Ok(pieces) => pieces,
            Err(status) => return cut(length, status.message().to_owned()),
        };
        while length < wanted.size {
            let piece = match timeout(PIECE_LIMIT, pieces.piece()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => return stop(file, part, length, "it ended too early").await,
                Ok(Err(status)) => return stop(file, part, length, status.message()).await,
                Err(_) => return stop(file, part, length, "nothing came for a minute").await,
            };
            length += piece.len() as u64;
            hash.0.update(&piece);
            file.write_all(&piece).await.map_err(|source| unwritable(part, source))?;
        }
    }
    file.sync_all().await.map_err(|source| unwritable(part, source))?;
    let digest = hash.finish();
    if (length, digest) != (wanted.size, wanted.digest) {
        // Nothing of it can be trusted; keeping it would make the next try fail as well.
        fs::remove_file(part).map_err(|source| unwritable(part, source))?;
        return Err(ArtifactError::OtherBytes {
            got: format!("{length} bytes with digest {digest}"),
            wanted: format!("{} bytes with digest {}", wanted.size, wanted.digest),
        });
    }
    Ok(Progress::Whole)
}

/// Flushes what there is, so that the next try goes on from there.
async fn stop(
    mut file: File,
    part: &Path,
    length: u64,
    why: &str,
) -> Result<Progress, ArtifactError> {
    file.flush().await.map_err(|source| unwritable(part, source))?;
    Ok(Progress::Cut { length, why: why.to_owned() })
}

async fn connected(
    client: &mut watch::Receiver<Option<AgentClient>>,
) -> Result<AgentClient, String> {
    let wait = client.wait_for(Option::is_some);
    match timeout(CONNECTION_LIMIT, wait).await {
        Ok(Ok(client)) => client.clone().ok_or_else(|| "not connected".to_owned()),
        Ok(Err(_)) | Err(_) => Err("no connection to the controller for five minutes".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::testing::{Authority, Behaviour, FakeController};
    use wavegate_proto::tls::{HostKey, Identity, client_config, connect};

    async fn client(controller: &FakeController, authority: &Authority) -> AgentClient {
        let kept = authority.identity(Duration::ZERO, Duration::from_secs(60));
        let key = HostKey::from_pem(&kept.key_pem).unwrap();
        let shown = Identity::new(&kept.cert_pem, key).unwrap();
        let tls = client_config(&kept.ca_pem, Some(&shown)).unwrap();
        AgentClient::new(connect(&controller.address, tls).await.unwrap())
    }

    async fn fetched(
        dir: &Path,
        wanted: &Artifact,
        behaviour: Behaviour,
    ) -> Result<PathBuf, ArtifactError> {
        let authority = Authority::new();
        let controller = FakeController::start(&authority, behaviour);
        let (_keep, mut clients) = watch::channel(Some(client(&controller, &authority).await));
        fetch(dir, wanted, &mut clients).await
    }

    fn package(length: usize) -> (Artifact, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        let digest = Digest::of(&bytes);
        (Artifact { digest, size: length as u64, file: "linux.deb".into() }, bytes)
    }

    #[tokio::test]
    async fn a_fetch_that_breaks_off_goes_on_from_there() {
        let dir = tempfile::tempdir().unwrap();
        let (wanted, artifact) = package(10_500);
        fs::write(dir.path().join("older.deb"), "x").unwrap();
        let behaviour =
            Behaviour { artifact: artifact.clone(), break_after: 3_000, ..Default::default() };
        let path = fetched(dir.path(), &wanted, behaviour).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), artifact);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

        let (_keep, mut nobody) = watch::channel(None);
        let again = fetch(dir.path(), &wanted, &mut nobody).await;
        assert_eq!(again.unwrap(), path, "what is there already needs no controller");
    }

    #[tokio::test]
    async fn other_bytes_are_refused_and_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (wanted, mut artifact) = package(4_000);
        artifact[7] ^= 1;
        let behaviour = Behaviour { artifact, ..Default::default() };
        let told = fetched(dir.path(), &wanted, behaviour).await.unwrap_err();
        assert!(matches!(told, ArtifactError::OtherBytes { .. }), "{told}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_fetch_without_an_end_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let (wanted, artifact) = package(4_000);
        let behaviour = Behaviour { artifact, break_after: 0, ..Default::default() };
        let told = fetched(dir.path(), &wanted, behaviour).await.unwrap_err().to_string();
        assert_eq!(told, "cannot fetch it from the controller: the controller goes away");
        let odd = Artifact { file: "linux.tar".into(), ..wanted };
        let told = fetch(dir.path(), &odd, &mut watch::channel(None).1).await.unwrap_err();
        assert!(matches!(told, ArtifactError::NotAPackage(_)));
    }
}

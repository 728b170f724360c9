//! Kernels and their files.

use tonic::Status;
use wavegate_common::view::{ArtifactView, KernelList, KernelView, KnownBadView};
use wavegate_common::{Digest, ReleaseSource};
use wavegate_proto::operator::ask::{AddKernel, UploadHead};
use wavegate_proto::operator::{Upload, Who};

use super::api::{Api, actor};
use super::status::{of_artifact, of_stopped};
use crate::clock;
use crate::driver::{Ask, Refusal, World};
use crate::store::{StoredArtifact, StoredRelease};

impl Api {
    pub(super) async fn kernels(&self) -> Result<KernelList, Status> {
        let shelf = self.shelf.clone();
        self.driver
            .look(move |world| {
                let mut kernels: Vec<KernelView> = world
                    .releases
                    .values()
                    .map(|stored| kernel_view(world, stored, |digest| shelf.size(digest)))
                    .collect();
                kernels.sort_by_key(|kernel| std::cmp::Reverse(kernel.added_at));
                KernelList { kernels }
            })
            .await
            .map_err(of_stopped)
    }

    pub(super) async fn register(&self, by: Who, ask: AddKernel) -> Result<KernelView, Status> {
        let AddKernel { release, reason } = ask;
        let name = release.name.clone();
        let outcome = match self.fit(&release.source) {
            Ok(artifact) => {
                let artifact = artifact.map(|(digest, size, file)| StoredArtifact {
                    digest,
                    size,
                    file,
                    added_at: clock::now(),
                    added_by: by.name.clone(),
                });
                let release = Box::new(StoredRelease {
                    release,
                    added_at: clock::now(),
                    added_by: by.name.clone(),
                    reason: reason.as_str().to_owned(),
                });
                self.ask(&by, &reason, Ask::Register { release, artifact }).await
            }
            Err(refusal) => Err(refusal),
        };
        self.judged(&by, "kernel.add", name.as_str(), reason.as_str(), outcome).await?;
        let shelf = self.shelf.clone();
        let shown = self.driver.look(move |world| {
            let stored = world.releases.get(&name)?;
            Some(kernel_view(world, stored, |digest| shelf.size(digest)))
        });
        let gone = || Status::unavailable("the kernel was registered; ask again to see it");
        shown.await.map_err(of_stopped)?.ok_or_else(gone)
    }

    /// A kernel that comes as a file is registered only when the file is here, in full.
    fn fit(&self, source: &ReleaseSource) -> Result<Option<(Digest, u64, String)>, Refusal> {
        match source {
            ReleaseSource::Package { .. } | ReleaseSource::Installed => Ok(None),
            ReleaseSource::Artifact { digest, size, file } => match self.shelf.size(*digest) {
                Some(here) if here == *size => Ok(Some((*digest, *size, file.clone()))),
                Some(here) => Err(Refusal::Invalid(format!(
                    "the file of digest {digest} has {here} bytes, not {size}"
                ))),
                None => Err(Refusal::NotNow(format!(
                    "the file of digest {digest} is not here in full; upload it first"
                ))),
            },
        }
    }

    pub(super) fn artifact(&self, digest: Digest) -> ArtifactView {
        let received = self.shelf.received(digest);
        let size = self.shelf.size(digest).unwrap_or(0);
        ArtifactView { digest, size, received }
    }

    pub(super) async fn upload(
        &self,
        by: Who,
        head: UploadHead,
        mut bytes: Upload,
    ) -> Result<ArtifactView, Status> {
        let UploadHead { digest, size, offset } = head;
        if self.shelf.size(digest) == Some(size) {
            return Ok(self.artifact(digest));
        }
        let taken = async {
            let mut intake =
                self.shelf.take(digest, size, offset).await.map_err(|e| of_artifact(&e))?;
            while let Some(piece) = bytes.piece().await? {
                intake.write(&piece).await.map_err(|e| of_artifact(&e))?;
            }
            intake.finish().await.map_err(|e| of_artifact(&e))
        };
        let entry = actor(&by).entry("artifact.upload", digest.to_string(), "");
        match taken.await {
            Ok(()) => {
                self.refusals.keep(entry).await;
                Ok(self.artifact(digest))
            }
            Err(why) => {
                self.refusals.keep(entry.refused(why.message())).await;
                Err(why)
            }
        }
    }
}

fn kernel_view(
    world: &World,
    stored: &StoredRelease,
    size: impl Fn(Digest) -> Option<u64>,
) -> KernelView {
    let StoredRelease { release, added_at, added_by, reason } = stored;
    let key = release.key();
    let runs = |host: &&wavegate_common::HostRecord| {
        host.report.as_ref().is_some_and(|report| report.boot.kernel == release.kernel)
    };
    let known_bad = world.known_bad.entries.iter().filter(|entry| entry.release == key);
    KernelView {
        release: release.clone(),
        key,
        added_by: added_by.clone(),
        added_at: *added_at,
        reason: reason.clone(),
        running: world.inventory.hosts().iter().filter(runs).count() as u64,
        available: match &release.source {
            ReleaseSource::Artifact { digest, .. } => size(*digest).is_some(),
            ReleaseSource::Package { .. } | ReleaseSource::Installed => true,
        },
        known_bad: known_bad
            .map(|entry| KnownBadView {
                class: entry.class.clone(),
                what: entry.what.clone(),
                since: entry.at,
            })
            .collect(),
    }
}

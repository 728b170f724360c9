//! Following a rollout.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use wavegate_common::RolloutId;
use wavegate_common::view::RolloutView;

use super::api::Api;

/// The state is sent again after this even if nothing has changed: whoever hears nothing for
/// longer knows that the controller is gone.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// Changes that come faster are shown together.
const GATHER: Duration = Duration::from_millis(50);

impl Api {
    pub(super) async fn follow(
        self: Arc<Self>,
        id: RolloutId,
    ) -> Result<ReceiverStream<Result<RolloutView, Status>>, Status> {
        let mut published = self.driver.published();
        let first = self.one_rollout(id, false).await?;
        let (out, stream) = mpsc::channel(2);
        tokio::spawn(async move {
            let mut shown = first.clone();
            if out.send(Ok(first)).await.is_err() {
                return;
            }
            while !shown.standing.phase_detail.is_over() {
                let mut due = true;
                tokio::select! {
                    changed = published.changed() => {
                        if changed.is_err() {
                            let gone = Status::unavailable("the controller is shutting down");
                            let _ = out.send(Err(gone)).await;
                            return;
                        }
                        tokio::time::sleep(GATHER).await;
                        published.mark_unchanged();
                        due = false;
                    }
                    () = tokio::time::sleep(SIGN_OF_LIFE) => {}
                    () = out.closed() => return,
                }
                let next = self.one_rollout(id, false).await;
                if !due && next.as_ref().is_ok_and(|next| *next == shown) {
                    continue;
                }
                if let Ok(next) = &next {
                    shown.clone_from(next);
                }
                let failed = next.is_err();
                if out.send(next).await.is_err() || failed {
                    return;
                }
            }
        });
        Ok(ReceiverStream::new(stream))
    }
}

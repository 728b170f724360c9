//! Follows the rollout of a demo over every death of its controller.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use wavegate_common::view::RolloutView;
use wavegate_proto::operator::ask::WatchRollout;

use crate::cli::client::Client;
use crate::cli::context::Context;

/// Sends every state of the rollout on, whatever happens to the controller meanwhile.
pub(super) async fn follow(context: PathBuf, name: String, views: mpsc::Sender<RolloutView>) {
    loop {
        let _ = follow_once(&context, &name, &views).await;
        if views.is_closed() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn follow_once(context: &Path, name: &str, views: &mpsc::Sender<RolloutView>) -> Option<()> {
    const SILENCE: Duration = Duration::from_secs(15);
    let context = Context::load(context).ok()?;
    let mut client = Client::connect(&context, Duration::from_secs(2)).await.ok()?;
    let ask = WatchRollout { rollout: name.to_owned() };
    let mut stream = timeout(SILENCE, client.calls.watch_rollout(&ask)).await.ok()?.ok()?;
    loop {
        let view = timeout(SILENCE, stream.view()).await.ok()?.ok()??;
        views.send(view).await.ok()?;
    }
}

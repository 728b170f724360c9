//! Brings incidents to receivers, from the outbox. One task per receiver: one that is down holds
//! up nobody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use wavegate_common::{Millis, Timestamp};

use super::message::Happening;
use super::model::{Addressee, Delivery, Incident};
use super::receiver::Post;
use super::retry::pause_after;
use super::silencer;
use crate::clock;
use crate::config::{Alerts, Receiver};
use crate::driver::DriverHandle;
use crate::outbound::{BadAuthorities, OutboundError};
use crate::store::{DueQuery, Lock, LockState, Sent, Store};

/// Nobody sleeps longer than this.
const LONGEST: Millis = Millis::mins(10);
/// How often a second controller looks whether the first has gone.
const SECOND: Duration = Duration::from_secs(5);
/// A pause after a store that cannot be used: nothing may be sent that cannot be recorded.
const UNRECORDED: Duration = Duration::from_secs(10);
/// What nobody has taken so long after its end is given up.
const KEPT: Millis = Millis::hours(72);

/// Every receiver of the configuration.
#[derive(Debug, Default)]
pub struct Desk {
    posts: BTreeMap<String, Arc<Post>>,
}

impl Desk {
    /// Opens it.
    ///
    /// # Errors
    /// If a receiver's authorities cannot be read.
    pub fn open(alerts: &Alerts) -> Result<Self, BadAuthorities> {
        let mut posts = BTreeMap::new();
        for (name, receiver) in &alerts.receivers {
            let name = name.to_string();
            let post = Post::new(name.clone(), receiver.clone(), alerts.labels.clone())?;
            posts.insert(name, Arc::new(post));
        }
        Ok(Self { posts })
    }

    /// For the driver.
    #[must_use]
    pub fn addressees(&self) -> Vec<Addressee> {
        let one = |post: &Arc<Post>| Addressee {
            name: post.name.clone(),
            notices: post.receiver.takes_notices(),
        };
        self.posts.values().map(one).collect()
    }

    /// Kinds of receivers by their names.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<String, &'static str> {
        self.posts.iter().map(|(name, post)| (name.clone(), post.receiver.kind())).collect()
    }

    /// Sends a test to a receiver; none if there is no such receiver.
    pub async fn test(&self, name: &str, by: &str) -> Option<Result<String, OutboundError>> {
        let post = self.posts.get(name)?;
        Some(post.test(by, clock::now()).await)
    }
}

/// Starts delivering. Of two controllers on one directory only the one with the lock does;
/// `held` says that this one has it.
pub fn start(desk: &Arc<Desk>, driver: DriverHandle, dir: PathBuf, held: bool) -> JoinHandle<()> {
    let desk = Arc::clone(desk);
    tokio::spawn(async move {
        let _lock = if held { None } else { Some(wait_for_lock(&dir).await) };
        while let Err(error) = driver.store().adopt_receivers(desk.addressees()).await {
            tracing::error!(%error, "the outbox of alerts cannot be written");
            tokio::time::sleep(UNRECORDED).await;
        }
        let mut tasks = JoinSet::new();
        for post in desk.posts.values() {
            tasks.spawn(deliver(Arc::clone(post), driver.clone()));
            if let Receiver::Alertmanager(to) = &post.receiver
                && let Some(silences) = &to.silences
            {
                let (post, driver) = (Arc::clone(post), driver.clone());
                tasks.spawn(silencer::run(post, to.url.clone(), silences.clone(), driver));
            }
        }
        drop(driver);
        tasks.join_all().await;
    })
}

async fn wait_for_lock(dir: &Path) -> Lock {
    loop {
        match Lock::take(dir) {
            Ok(LockState::Ours(lock)) => return lock,
            Ok(LockState::Taken) => {}
            Err(error) => tracing::error!(%error, "cannot look for another controller"),
        }
        tokio::time::sleep(SECOND).await;
    }
}

async fn deliver(post: Arc<Post>, driver: DriverHandle) {
    let mut published = driver.published();
    let resend = match &post.receiver {
        Receiver::Alertmanager(to) => Some(to.resend_every),
        Receiver::Webhook(_) | Receiver::Slack(_) | Receiver::Pagerduty(_) => None,
    };
    loop {
        published.borrow_and_update();
        let query = DueQuery { receiver: post.name.clone(), now: clock::now(), resend };
        let next = match driver.store().due(query).await {
            Ok((due, next)) if due.is_empty() => next,
            Ok((due, _)) => {
                for (incident, delivery) in &due {
                    if !one(&post, driver.store(), incident, delivery).await {
                        tokio::time::sleep(UNRECORDED).await;
                    }
                }
                continue;
            }
            Err(error) => {
                tracing::error!(receiver = post.name, %error, "the outbox cannot be read");
                Some(clock::now().after(Millis::secs(10)))
            }
        };
        tokio::select! {
            changed = published.changed() => if changed.is_err() { return },
            () = until(next) => {}
        }
    }
}

async fn until(next: Option<Timestamp>) {
    let pause = next.map_or(LONGEST, |at| at.since(clock::now())).min(LONGEST);
    // A moment more, so that the store finds it due.
    tokio::time::sleep(Duration::from_millis(pause.0 + 5)).await;
}

/// One try. False if it cannot be recorded.
async fn one(post: &Post, store: &Store, incident: &Incident, delivery: &Delivery) -> bool {
    let revision = incident.revision;
    let happening = match (incident.resolved_at, delivery.sent) {
        (Some(at), _) if at == incident.opened_at && revision == 1 => Happening::Notice,
        (Some(_), _) => Happening::Resolved,
        (None, 0) => Happening::Opened,
        (None, _) => Happening::Updated,
    };
    let said = post.say(incident, happening, clock::now()).await;
    let now = clock::now();
    let (receiver, id) = (&post.name, incident.id);
    let outcome = match said {
        Ok(_) => {
            tracing::debug!(receiver, incident = id, revision, ?happening, "told");
            Sent::Taken { revision, next_at: now.after(post.receiver.update_every()) }
        }
        Err(error) => failed(post, incident, delivery, &error, now),
    };
    let recorded = store.record_delivery(id, receiver.clone(), outcome, now).await;
    if let Err(error) = &recorded {
        tracing::error!(receiver, incident = id, %error, "what was told cannot be written down");
    }
    recorded.is_ok()
}

fn failed(
    post: &Post,
    incident: &Incident,
    delivery: &Delivery,
    error: &OutboundError,
    now: Timestamp,
) -> Sent {
    let attempts = delivery.attempts.saturating_add(1);
    let (receiver, id, text) = (&post.name, incident.id, error.to_string());
    if incident.resolved_at.is_some_and(|at| now > at.after(KEPT)) {
        tracing::error!(receiver, incident = id, attempts, error = text, "given up");
        return Sent::GivenUp { revision: incident.revision, error: text };
    }
    let next_at = now.after(pause_after(attempts, error));
    tracing::warn!(
        receiver,
        incident = id,
        attempts,
        failures = delivery.failures + 1,
        error = text,
        "not told; it is tried again"
    );
    Sent::Failed { error: text, next_at }
}

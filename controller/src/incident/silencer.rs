//! Short silences for hosts that we take down: made when a host begins to drain, renewed while it
//! is under way, ended when it is done. Whatever goes wrong here, a silence ends by itself: a
//! host that is lost is never silent for longer than the lease.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::json;
use wavegate_common::{HostId, HostPhase, Millis, Timestamp};

use super::message::{encode, moment, text_of};
use super::receiver::Post;
use super::retry::pause;
use crate::clock;
use crate::config::{HOST, Silences, Url};
use crate::driver::{DriverHandle, World};
use crate::outbound::{OutboundError, Request};
use crate::store::StoredSilence;

/// Plans that follow each other faster than this are looked at together.
const REST: Duration = Duration::from_millis(200);

/// A host that is away by our doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Away {
    name: String,
    rollout: String,
}

/// Hosts that are away by our doing and on their way back. Not those that are lost.
pub(super) fn away(world: &World) -> BTreeMap<HostId, Away> {
    let mut out = BTreeMap::new();
    for rollout in &world.rollouts {
        for host in rollout.hosts.iter().filter(|host| on_its_way(&host.phase)) {
            let Some(record) = world.inventory.get(host.host) else { continue };
            let rollout = format!("{} ({})", rollout.id, rollout.spec.name);
            out.insert(host.host, Away { name: record.name.to_string(), rollout });
        }
    }
    out
}

fn on_its_way(phase: &HostPhase) -> bool {
    phase.holds_slot() && *phase != HostPhase::Lost
}

/// What is to be done at the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Make a silence, or renew this one.
    Keep(HostId, Away, Option<StoredSilence>),
    /// End this one.
    End(StoredSilence),
}

/// Compares what should be with what is there.
pub(super) fn steps(
    away: BTreeMap<HostId, Away>,
    known: Vec<StoredSilence>,
    lease: Millis,
    now: Timestamp,
) -> Vec<Step> {
    let mut known: BTreeMap<HostId, StoredSilence> =
        known.into_iter().map(|silence| (silence.host, silence)).collect();
    let mut steps = Vec::new();
    for (host, away) in away {
        match known.remove(&host) {
            Some(silence) if silence.ends_at > now.after(Millis(lease.0 / 2)) => {}
            silence => steps.push(Step::Keep(host, away, silence)),
        }
    }
    steps.extend(known.into_values().map(Step::End));
    steps
}

pub(super) async fn run(post: Arc<Post>, url: Url, silences: Silences, driver: DriverHandle) {
    let silencer = Silencer { post, url, silences };
    let mut published = driver.published();
    let mut failures: u32 = 0;
    loop {
        published.borrow_and_update();
        let Ok(away) = driver.look(away).await else { return };
        let sleep = match silencer.turn(&driver, away).await {
            Ok(()) => {
                failures = 0;
                // Leases are renewed at half of them; look twice as often.
                Millis(silencer.silences.lease.0 / 4)
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                let receiver = &silencer.post.name;
                tracing::warn!(receiver, failures, %error, "silences cannot be kept");
                pause(failures).min(Millis(silencer.silences.lease.0 / 4))
            }
        };
        let sleep = Duration::from_millis(sleep.0.max(500));
        if failures > 0 {
            tokio::time::sleep(sleep).await;
            continue;
        }
        tokio::select! {
            changed = published.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(sleep) => {}
        }
        tokio::time::sleep(REST).await;
    }
}

struct Silencer {
    post: Arc<Post>,
    url: Url,
    silences: Silences,
}

impl Silencer {
    async fn turn(
        &self,
        driver: &DriverHandle,
        away: BTreeMap<HostId, Away>,
    ) -> Result<(), OutboundError> {
        let store = driver.store();
        let unwritten = |error: crate::store::StoreError| OutboundError::Request(error.to_string());
        let mut known = store.silences().await.map_err(unwritten)?;
        known.retain(|silence| silence.receiver == self.post.name);
        for step in steps(away, known, self.silences.lease, clock::now()) {
            match step {
                Step::Keep(host, away, old) => {
                    let silence = self.keep(host, &away, old).await?;
                    store.put_silence(silence).await.map_err(unwritten)?;
                }
                Step::End(silence) => {
                    self.end(&silence).await?;
                    let gone = store.drop_silence(silence.receiver, silence.host).await;
                    gone.map_err(unwritten)?;
                }
            }
        }
        Ok(())
    }

    /// Makes or renews a silence. One that the receiver no longer knows is made anew.
    async fn keep(
        &self,
        host: HostId,
        away: &Away,
        old: Option<StoredSilence>,
    ) -> Result<StoredSilence, OutboundError> {
        let now = clock::now();
        let old = old.filter(|old| old.ends_at > now);
        let renewed = match &old {
            Some(old) => self.put(host, away, Some(old.id.as_str()), old.starts_at, now).await,
            None => self.put(host, away, None, now, now).await,
        };
        match renewed {
            Err(OutboundError::Status { .. }) if old.is_some() => {
                self.put(host, away, None, now, now).await
            }
            other => other,
        }
    }

    async fn put(
        &self,
        host: HostId,
        away: &Away,
        id: Option<&str>,
        starts_at: Timestamp,
        now: Timestamp,
    ) -> Result<StoredSilence, OutboundError> {
        let ends_at = now.after(self.silences.lease);
        let mut body = json!({
            "matchers": self.matchers(&away.name),
            "startsAt": moment(starts_at),
            "endsAt": moment(ends_at),
            "createdBy": "wavegate",
            "comment": format!("rollout {} takes host {} down", away.rollout, away.name),
        });
        if let Some(id) = id {
            body["id"] = json!(id);
        }
        let request = Request::json(self.url.join("/api/v2/silences"), encode(&body)?);
        let answer = self.post.ask(request).await?;
        let id = text_of(&answer.body, "silenceID")?;
        let receiver = self.post.name.clone();
        Ok(StoredSilence { receiver, host, id, starts_at, ends_at })
    }

    fn matchers(&self, host: &str) -> serde_json::Value {
        let Silences { label, value, regex, matchers, .. } = &self.silences;
        let host = if *regex { escaped(host) } else { host.to_owned() };
        let mut all = vec![json!({
            "name": label,
            "value": value.replace(HOST, &host),
            "isRegex": regex,
            "isEqual": true,
        })];
        all.extend(matchers.iter().map(|matcher| {
            json!({
                "name": matcher.name,
                "value": matcher.value,
                "isRegex": matcher.regex,
                "isEqual": true,
            })
        }));
        json!(all)
    }

    async fn end(&self, silence: &StoredSilence) -> Result<(), OutboundError> {
        if silence.ends_at <= clock::now() {
            return Ok(());
        }
        let request = Request {
            method: Method::DELETE,
            url: self.url.join(&format!("/api/v2/silence/{}", silence.id)),
            headers: Vec::new(),
            body: None,
        };
        match self.post.ask(request).await {
            Ok(_) | Err(OutboundError::Status { status: 404, .. }) => Ok(()),
            // What some versions say of a silence that is gone, which is what was wanted.
            Err(OutboundError::Status { status: 500, said, .. })
                if said.contains("not found") || said.contains("expired") =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// A text as a regular expression (RE2) that matches it alone.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_alphanumeric() && !matches!(c, '-' | '_') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Away {
        Away { name: name.to_owned(), rollout: "r1 (june)".to_owned() }
    }

    fn silence(host: u128, ends_at: i64) -> StoredSilence {
        StoredSilence {
            receiver: "am".to_owned(),
            host: HostId(host),
            id: format!("s{host}"),
            starts_at: Timestamp(0),
            ends_at: Timestamp(ends_at),
        }
    }

    #[test]
    fn renews_at_half_the_lease_and_ends_what_is_done() {
        let away = BTreeMap::from([
            (HostId(1), host("new")),
            (HostId(2), host("fresh")),
            (HostId(3), host("half")),
        ]);
        let known = vec![silence(2, 60_001), silence(3, 60_000), silence(4, 90_000)];
        let steps = steps(away, known, Millis::secs(100), Timestamp(10_000));
        assert_eq!(
            steps,
            [
                Step::Keep(HostId(1), host("new"), None),
                Step::Keep(HostId(3), host("half"), Some(silence(3, 60_000))),
                Step::End(silence(4, 90_000)),
            ]
        );
    }

    #[test]
    fn a_lost_host_is_not_silent() {
        assert!(!on_its_way(&HostPhase::Lost));
        assert!(on_its_way(&HostPhase::Draining { since: Timestamp(1) }));
        assert!(!on_its_way(&HostPhase::Staged));
    }

    #[test]
    fn a_name_matches_itself_alone() {
        assert_eq!(escaped("web-1.ams"), r"web-1\.ams");
        assert_eq!(escaped("a|.*"), r"a\|\.\*");
    }
}

//! Hosts that open their streams, and what their first words give away.

use wavegate_common::{BootId, Generation, HostId};

use super::message::{Attach, Attached};
use super::run::Driver;
use crate::audit::Entry;
use crate::clock;
use crate::dispatch::{LaneId, lane};

/// An agent cannot be this many plans ahead of any backup; it is mistaken, or lies.
const PLAUSIBLE_LEAD: u64 = 1 << 32;

impl Driver {
    pub(super) async fn attach(&mut self, attach: Attach) -> Result<Attached, String> {
        let Attach { host, hello, from } = attach;
        if self.world.inventory.get(host).is_none() {
            return Err("this host is not enrolled here; enrol it with a new token".to_owned());
        }
        if !self.note_generation_of(host, hello.generation).await {
            return Err(format!(
                "generation {} is far above anything this controller can have given",
                hello.generation
            ));
        }
        self.lanes_made += 1;
        let id = LaneId(self.lanes_made);
        let known = self.world.digests.get(&host).copied();
        // A host whose report is another by now is heard of when that has come.
        let last = self.world.inventory.get(host).and_then(|record| record.last_seen);
        let seen = if known == Some(hello.report_digest) { None } else { last };
        let (end, stream) = lane(id, hello.boot_id, seen.unwrap_or_else(clock::now));
        let order = self.world.orders.get(&host).cloned();
        let replaced = self.lanes.open(host, end, order);
        self.world.connected.insert(host);
        let from = from.map(|from| from.to_string()).unwrap_or_default();
        if self.was_left_before(host, hello.boot_id) {
            let others = if replaced.is_some() { ", while its other stream was open" } else { "" };
            let what = format!(
                "it came in boot {}, which it had left before{others}: two machines hold this key",
                hello.boot_id
            );
            self.suspect(host, &from, what).await;
        }
        Ok(Attached { id, lane: stream, known, hosts: self.world.inventory.hosts().len() })
    }

    /// One machine never comes back into a boot that it has left; two with the same key do, in
    /// turn.
    fn was_left_before(&mut self, host: HostId, boot: BootId) -> bool {
        match self.boots.get(&host).copied() {
            Some((_, last)) if last == boot => false,
            Some((before, last)) => {
                self.boots.insert(host, (Some(last), boot));
                before == Some(boot)
            }
            None => {
                self.boots.insert(host, (None, boot));
                false
            }
        }
    }

    async fn suspect(&mut self, host: HostId, from: &str, what: String) {
        tracing::warn!(%host, from, what, "a host's key may have been copied");
        if !self.told.insert(format!("clone/{host}")) {
            return;
        }
        let mut entry =
            Entry::by_controller(clock::now(), "host.clone_suspected", host.to_string(), what);
        from.clone_into(&mut entry.from);
        if let Err(error) = self.store.append_audit(entry).await {
            self.wrote(Err(&error));
        }
    }

    /// Notes the generation that a host has seen. False if it cannot be true.
    pub(super) async fn note_generation_of(&mut self, host: HostId, seen: Generation) -> bool {
        if seen.0 > self.world.generation.0.saturating_add(PLAUSIBLE_LEAD) {
            if self.told.insert(format!("generation/{host}")) {
                let what =
                    format!("it says that it has seen {seen}, we are at {}", self.world.generation);
                let entry =
                    Entry::by_controller(clock::now(), "host.report", host.to_string(), what)
                        .refused("no backup can be that old");
                if let Err(error) = self.store.append_audit(entry).await {
                    self.wrote(Err(&error));
                }
            }
            return false;
        }
        self.note_generation(seen);
        true
    }
}

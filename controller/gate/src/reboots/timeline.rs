//! Who failed while who was at risk. Grouping looks at times and places of failures only, never
//! at labels, so it cannot be steered by them.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::FailureDomain;

use super::input::{Arm, HostLog};
use super::step::{Kind, Step};
use crate::ambient::{BURST_WITHIN, Blame, blame, is_burst};
use crate::hypergeometric::Draw;

/// The steps of one class, in order, as far as they are settled at `now`.
///
/// `members` are the indexes of the hosts of the class in `hosts`.
#[must_use]
pub fn steps(hosts: &[HostLog], members: &[usize], now: i64) -> Vec<Step> {
    Timeline::new(hosts, members, now).run()
}

/// One unexpected reboot of a host that was watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reboot {
    at: i64,
    host: usize,
}

/// What a burst is a burst of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Class,
    Domain(&'a FailureDomain),
}

struct Timeline<'a> {
    hosts: &'a [HostLog],
    members: &'a [usize],
    now: i64,
    /// Hosts whose label counted: they are at risk no more.
    done: BTreeSet<usize>,
    reboots: Vec<Reboot>,
    steps: Vec<Step>,
}

impl<'a> Timeline<'a> {
    fn new(hosts: &'a [HostLog], members: &'a [usize], now: i64) -> Self {
        let mut reboots = Vec::new();
        for &host in members {
            let Some(log) = hosts.get(host) else { continue };
            let seen = log.reboots.iter().filter(|&&at| at <= now && log.arm_at(at).is_some());
            reboots.extend(seen.map(|&at| Reboot { at, host }));
        }
        reboots.sort_unstable();
        Self { hosts, members, now, done: BTreeSet::new(), reboots, steps: Vec::new() }
    }

    fn run(mut self) -> Vec<Step> {
        // Soonest last, so that the next one is popped.
        let mut rest: Vec<Reboot> = std::mem::take(&mut self.reboots);
        rest.reverse();
        while let Some(first) = rest.last().copied() {
            if self.done.contains(&first.host) {
                rest.pop();
                continue;
            }
            let until = first.at.saturating_add(BURST_WITHIN);
            if until > self.now {
                break;
            }
            let from = rest.len() - rest.iter().rev().take_while(|r| r.at <= until).count();
            let mut window = rest.split_off(from);
            window.reverse();
            window.retain(|r| !self.done.contains(&r.host));
            let left = self.take(&window, first);
            rest.extend(left.into_iter().rev());
        }
        self.steps
    }

    /// Counts the burst that begins with the window's first failure, or what failed at that
    /// instant. Gives back what has not been dealt with.
    fn take(&mut self, window: &[Reboot], first: Reboot) -> Vec<Reboot> {
        let (taken, left): (Vec<Reboot>, Vec<Reboot>) = match self.place(window, first) {
            Some(place) => {
                let inside = |r: &Reboot| self.stands_in(r.host, place);
                let (taken, left): (Vec<_>, Vec<_>) = window.iter().copied().partition(inside);
                self.count_burst(&taken, place);
                return left;
            }
            None => window.iter().copied().partition(|r| r.at == first.at),
        };
        self.count(first.at, &taken.iter().map(|r| r.host).collect());
        left
    }

    /// Where enough hosts failed for a burst; of several places the one with most of them.
    fn place(&self, window: &[Reboot], Reboot { at, host }: Reboot) -> Option<Place<'a>> {
        let within = |r: &&Reboot| r.at <= at.saturating_add(BURST_WITHIN);
        let failed: BTreeSet<usize> = window.iter().take_while(within).map(|r| r.host).collect();
        let mut found: BTreeMap<Place<'a>, usize> = BTreeMap::new();
        let own = self.hosts.get(host).map_or(&[][..], |log| &log.domains[..]);
        for place in own.iter().map(Place::Domain).chain([Place::Class]) {
            let hit = failed.iter().filter(|&&host| self.stands_in(host, place)).count();
            let (canaries, controls) = self.at_risk(at, place);
            if is_burst(hit as u64, canaries + controls) {
                found.insert(place, hit);
            }
        }
        found.into_iter().max_by_key(|(_, hit)| *hit).map(|(place, _)| place)
    }

    fn stands_in(&self, host: usize, place: Place<'_>) -> bool {
        match place {
            Place::Class => true,
            Place::Domain(domain) => {
                self.hosts.get(host).is_some_and(|log| log.domains.contains(domain))
            }
        }
    }

    /// Canaries and controls at risk.
    fn at_risk(&self, at: i64, place: Place<'_>) -> (u64, u64) {
        let mut counts = (0, 0);
        for &host in self.members {
            if self.done.contains(&host) || !self.stands_in(host, place) {
                continue;
            }
            match self.arm(host, at) {
                Some(Arm::Canary) => counts.0 += 1,
                Some(Arm::Control) => counts.1 += 1,
                None => {}
            }
        }
        counts
    }

    fn arm(&self, host: usize, at: i64) -> Option<Arm> {
        self.hosts.get(host).and_then(|log| log.arm_at(at))
    }

    fn draw(&self, at: i64, place: Place<'_>, failed: &BTreeSet<usize>) -> (Draw, u64) {
        let (canaries, controls) = self.at_risk(at, place);
        let hit = failed.iter().filter(|&&host| self.arm(host, at) == Some(Arm::Canary)).count();
        (Draw { canaries, controls, failed: failed.len() as u64 }, hit as u64)
    }

    /// Counts hosts that failed at one instant, each with its label.
    fn count(&mut self, at: i64, failed: &BTreeSet<usize>) {
        let (draw, canaries) = self.draw(at, Place::Class, failed);
        self.done.extend(failed);
        self.push(at, Kind::Failures, draw, canaries, failed);
    }

    fn count_burst(&mut self, taken: &[Reboot], place: Place<'a>) {
        let Some(first) = taken.first() else { return };
        // Hosts that came or went during the burst are left out of its test: they were not at
        // risk in all of it.
        let failed: BTreeSet<usize> =
            taken.iter().map(|r| r.host).filter(|&h| self.arm(h, first.at).is_some()).collect();
        let (draw, canaries) = self.draw(first.at, self.judged_in(first.at, place), &failed);
        match blame(&draw, canaries) {
            Blame::Canaries { from } => {
                self.done.extend(&failed);
                self.push(first.at, Kind::Guilty { from }, draw, canaries, &failed);
            }
            Blame::Surroundings => {
                let stands_for_all = failed
                    .iter()
                    .filter(|&&host| taken.contains(&Reboot { at: first.at, host }))
                    .min_by_key(|&&host| lot(host, first.at));
                let one: BTreeSet<usize> = stands_for_all.into_iter().copied().collect();
                let (draw, canaries) = self.draw(first.at, Place::Class, &one);
                self.done.extend(&one);
                self.push(first.at, Kind::Ambient, draw, canaries, &failed);
            }
        }
    }

    /// A domain's burst is judged among the hosts of the domain, so that a rack that was updated
    /// as a whole and loses its power is one event. Unless no canary stands elsewhere: then
    /// nothing tells the kernel from the rack, and the burst is held against the kernel.
    fn judged_in(&self, at: i64, place: Place<'a>) -> Place<'a> {
        let all = self.at_risk(at, Place::Class).0;
        if self.at_risk(at, place).0 == all { Place::Class } else { place }
    }

    fn push(&mut self, at: i64, kind: Kind, draw: Draw, canaries: u64, hosts: &BTreeSet<usize>) {
        let settled = at.saturating_add(BURST_WITHIN).min(self.now);
        let hosts = hosts.iter().copied().collect();
        self.steps.push(Step { settled, kind, draw, canaries, hosts });
    }
}

/// A lot that a host draws among those that failed at one instant. Their order in the input will
/// not do: it may go by arm. The mixing is that of G. Steele, D. Lea and C. Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA 2014.
fn lot(host: usize, at: i64) -> u64 {
    let mut x = (host as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at.cast_unsigned();
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;

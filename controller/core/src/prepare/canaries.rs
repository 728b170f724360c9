//! Who goes first: random by the recorded seed, spread over failure domains, and fit for it.

use std::collections::BTreeMap;

use wavegate_common::inventory::DomainIndex;
use wavegate_common::{HealthState, HostClass, HostId, HostRecord};

use super::members::Member;
use super::proposal::{PrepareError, Proposal};

/// The canaries of one class, and the others.
#[derive(Debug)]
pub(super) struct Cover<'a> {
    pub(super) canaries: Vec<HostId>,
    pub(super) others: Vec<Member<'a>>,
    pub(super) waived: Option<(String, String)>,
}

/// Chooses the canaries of one class.
pub(super) fn cover<'a>(
    proposal: &Proposal<'a>,
    class: &HostClass,
    mut members: Vec<Member<'a>>,
) -> Result<Cover<'a>, PrepareError> {
    let rule = &proposal.spec.canary;
    members.sort_by_key(|member| (member.rank, member.record.id));
    if let Some(waiver) = rule.waive.iter().find(|waiver| waiver.class == *class) {
        let waived = Some((waiver.by.clone(), waiver.reason.clone()));
        return Ok(Cover { canaries: Vec::new(), others: members, waived });
    }
    let hosts = members.len() as u64;
    let fit: Vec<usize> = members
        .iter()
        .enumerate()
        .filter(|(_, member)| is_fit(proposal, member.record))
        .map(|(at, _)| at)
        .collect();
    let needed = u64::from(rule.at_least.max(1)).min(hosts);
    if (fit.len() as u64) < needed {
        let (class, fit) = (class.clone(), fit.len() as u64);
        return Err(PrepareError::Uncovered { class, hosts, fit, needed });
    }
    let chosen = spread(&members, fit, rule.per_class as usize);
    let canaries =
        chosen.iter().filter_map(|at| members.get(*at)).map(|member| member.record.id).collect();
    let others = members
        .into_iter()
        .enumerate()
        .filter(|(at, _)| !chosen.contains(at))
        .map(|(_, member)| member)
        .collect();
    Ok(Cover { canaries, others, waived: None })
}

/// A canary must be able to show something: heard of lately, healthy, without risky drift, held
/// by nobody, and not the controller's own host.
fn is_fit(proposal: &Proposal<'_>, record: &HostRecord) -> bool {
    let fresh = record
        .last_seen
        .is_some_and(|seen| proposal.now.since(seen) <= proposal.policy.stale_after);
    let well = record.report.as_ref().is_some_and(|report| {
        report.health.state != HealthState::Unhealthy
            && report.drift.is_empty()
            && report.guard.is_empty()
    });
    fresh && well && record.hold.is_none() && proposal.policy.controller_host != Some(record.id)
}

/// Takes, one by one, the host whose failure domains have given the fewest canaries so far; among
/// equals the one that comes first by rank.
fn spread(members: &[Member<'_>], mut fit: Vec<usize>, wanted: usize) -> Vec<usize> {
    let mut used: BTreeMap<DomainIndex, u64> = BTreeMap::new();
    let mut chosen = Vec::new();
    while chosen.len() < wanted {
        let crowd = |at: &usize| -> u64 {
            let domains = members.get(*at).map_or(&[][..], |member| &member.record.domains);
            domains.iter().filter_map(|domain| used.get(domain)).sum()
        };
        let Some(place) = (0..fit.len()).min_by_key(|place| fit.get(*place).map(crowd)) else {
            break;
        };
        let at = fit.remove(place);
        let domains = members.get(at).map_or(&[][..], |member| &member.record.domains);
        for domain in domains {
            *used.entry(*domain).or_default() += 1;
        }
        chosen.push(at);
    }
    chosen
}

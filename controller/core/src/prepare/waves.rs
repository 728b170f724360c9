//! Who is in which wave. The shares of the specification are of the hosts left after the
//! canaries, so that no wave is empty because the canaries have used it up.

use wavegate_common::spec::{Share, Wave};
use wavegate_common::{HostId, RolloutHost};

use super::members::Member;
use super::proposal::Proposal;
use crate::state::WaveShape;

/// Cuts waves through `rest` (hosts by class, each class in rank order), so that each wave meets
/// as many classes as it can. The holdback comes last; the controller's own host is in the last
/// wave whatever the cut says.
pub(super) fn cut(
    proposal: &Proposal<'_>,
    canaries: u64,
    rest: Vec<Vec<Member<'_>>>,
) -> (Vec<WaveShape>, Vec<RolloutHost>) {
    let line = stratified(rest);
    let count = line.len() as u64;
    let held = proposal.spec.holdback.of(count + canaries).min(count);
    let moving = count - held;
    let total = (count + canaries).max(1);
    let share = |hosts: u64| {
        let ppm = (u128::from(hosts + canaries) * 1_000_000 / u128::from(total)).min(1_000_000);
        Share(u32::try_from(ppm).unwrap_or(1_000_000))
    };
    let mut shapes = vec![WaveShape { share: share(0), holdback: false }];
    let mut ends = Vec::new();
    for Wave(cumulative) in &proposal.spec.waves {
        let end = cumulative.of_rounded_up(moving);
        shapes.push(WaveShape { share: share(end), holdback: false });
        ends.push(end);
    }
    if held > 0 {
        shapes.push(WaveShape { share: Share::ALL, holdback: true });
    }
    let last = u16::try_from(shapes.len() - 1).unwrap_or(u16::MAX);
    let own = proposal.policy.controller_host;
    let wave_of = |place: u64, id: HostId| -> u16 {
        if own == Some(id) {
            return last;
        }
        let wave = ends.iter().position(|end| place < *end).map_or(shapes.len() - 1, |at| at + 1);
        u16::try_from(wave).unwrap_or(last)
    };
    let hosts = line
        .iter()
        .zip(0u64..)
        .map(|(member, place)| {
            let id = member.record.id;
            RolloutHost::new(id, member.class, wave_of(place, id))
        })
        .collect();
    (shapes, hosts)
}

/// All hosts in one line, such that every prefix holds each class in proportion, and the first
/// hosts are one of each class.
fn stratified(rest: Vec<Vec<Member<'_>>>) -> Vec<Member<'_>> {
    let mut line: Vec<(u64, u64, HostId, Member<'_>)> = Vec::new();
    for class in rest {
        let size = (class.len() as u64).max(1);
        for (member, place) in class.into_iter().zip(0u64..) {
            // The place within the class as a fraction of the class, in 2^-32.
            let position = (place << 32) / size;
            line.push((position, member.rank, member.record.id, member));
        }
    }
    line.sort_by_key(|(position, rank, id, _)| (*position, *rank, *id));
    line.into_iter().map(|(_, _, _, member)| member).collect()
}

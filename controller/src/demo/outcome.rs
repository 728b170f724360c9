//! What a demo says at its end, as JSON. The fields are stable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The whole outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DemoOutcome {
    /// Which story.
    pub scenario: String,
    /// From which everything random followed.
    pub seed: u64,
    /// What the controller says of the rollout.
    pub rollout: DemoRollout,
    /// What the controller says of the hosts.
    pub hosts: DemoHosts,
    /// Hosts that booted the new kernel, or tried to. Ground truth, as all that follows.
    pub exposed_hosts: u64,
    /// Hosts that failed, were lost or fell back.
    pub harmed_hosts: u64,
    /// Per failure domain (`rack=ams-r01`), the most hosts that were ever away at once.
    pub max_down_by_domain: BTreeMap<String, u64>,
    /// Reboots by order.
    pub commanded_reboots: u64,
    /// Of them, by an order that had been carried out before.
    pub duplicate_reboots: u64,
    /// Invariants that were broken.
    pub violations: u64,
    /// How long it took, in seconds.
    pub wall_s: f64,
}

/// Where the rollout ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DemoRollout {
    /// Its phase.
    pub phase: String,
    /// Why it stopped, if it did.
    pub reason: Option<String>,
    /// What the bad hosts share: `class:NAME`, `domain:KEY=VALUE` or `rollout`; none if all is
    /// well.
    pub scope: Option<String>,
    /// Wave by wave; 0 is the canary stage.
    pub waves: Vec<DemoWave>,
}

/// One wave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DemoWave {
    /// Its index.
    pub index: u16,
    /// The share of the fleet that is done after it, in millionths.
    pub share: u64,
    /// Its hosts.
    pub hosts: u64,
    /// What its gate said last; none if it was not asked.
    pub verdict: Option<String>,
}

/// Hosts by where they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DemoHosts {
    /// All of them.
    pub total: u64,
    /// Confirmed on the new kernel.
    pub updated: u64,
    /// Something went wrong on them.
    pub failed: u64,
    /// They did not come back.
    pub lost: u64,
    /// They went back by order.
    pub rolled_back: u64,
    /// The rest.
    pub pending: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_frozen() {
        let outcome = DemoOutcome {
            scenario: "boot-hang".into(),
            seed: 1,
            rollout: DemoRollout {
                phase: "paused".into(),
                reason: Some("why".into()),
                scope: Some("class:a".into()),
                waves: vec![DemoWave {
                    index: 0,
                    share: 150_000,
                    hosts: 36,
                    verdict: Some("fail".into()),
                }],
            },
            hosts: DemoHosts { total: 1, ..DemoHosts::default() },
            exposed_hosts: 1,
            harmed_hosts: 1,
            max_down_by_domain: BTreeMap::from([("rack=r1".into(), 1)]),
            commanded_reboots: 1,
            duplicate_reboots: 0,
            violations: 0,
            wall_s: 1.5,
        };
        assert_eq!(
            serde_json::to_string(&outcome).unwrap(),
            concat!(
                r#"{"scenario":"boot-hang","seed":1,"rollout":{"phase":"paused","reason":"why","#,
                r#""scope":"class:a","waves":[{"index":0,"share":150000,"hosts":36,"#,
                r#""verdict":"fail"}]},"hosts":{"total":1,"updated":0,"failed":0,"lost":0,"#,
                r#""rolled_back":0,"pending":0},"exposed_hosts":1,"harmed_hosts":1,"#,
                r#""max_down_by_domain":{"rack=r1":1},"commanded_reboots":1,"#,
                r#""duplicate_reboots":0,"violations":0,"wall_s":1.5}"#
            )
        );
    }
}

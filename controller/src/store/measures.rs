//! Baselines, for the rest of the controller.

use std::collections::BTreeMap;

use wavegate_common::baseline::{HostSeries, MetricId, Metrics, NumberedSlot, SlotValue};
use wavegate_common::{HostId, KernelRelease};

use super::baselines::{self, StoredBoot};
use super::error::StoreError;
use super::handle::Store;

/// Hosts that are read at a time: the planner reads in between.
const HOSTS: usize = 64;

impl Store {
    /// Keeps slots of a host. Durable when this returns; a slot that is here already is not
    /// counted again.
    ///
    /// # Errors
    /// If they cannot be written.
    pub async fn put_baselines(
        &self,
        host: HostId,
        slots: Vec<NumberedSlot>,
    ) -> Result<(), StoreError> {
        self.writer.run(move |conn| baselines::put(conn, host, &slots)).await
    }

    /// What is kept of a host, the newest boot first; of these metrics, or of all if none is
    /// named.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn baselines_of(
        &self,
        host: HostId,
        metrics: Vec<MetricId>,
    ) -> Result<Vec<StoredBoot>, StoreError> {
        self.reader.run(move |conn| baselines::of_host(conn, host, &metrics)).await
    }

    /// One series for each host, kept boot and metric, in the order of the hosts, the newest boot
    /// first: what the same host was like before and after.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn baseline_series(
        &self,
        hosts: &[HostId],
        metrics: &[MetricId],
    ) -> Result<Vec<HostSeries>, StoreError> {
        let mut all = Vec::new();
        for some in hosts.chunks(HOSTS) {
            let (some, metrics) = (some.to_vec(), metrics.to_vec());
            let part = self.reader.run(move |conn| {
                let mut part = Vec::new();
                for host in some {
                    for boot in baselines::of_host(conn, host, &metrics)? {
                        part.extend(series(host, &boot));
                    }
                }
                Ok(part)
            });
            all.extend(part.await?);
        }
        Ok(all)
    }

    /// What some hosts are like together, for each kernel that they ran: for example all of a
    /// class.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn baseline_roll_up(
        &self,
        hosts: &[HostId],
        metrics: &[MetricId],
    ) -> Result<BTreeMap<KernelRelease, Metrics>, StoreError> {
        let mut all: BTreeMap<KernelRelease, Metrics> = BTreeMap::new();
        for some in hosts.chunks(HOSTS) {
            let (some, metrics) = (some.to_vec(), metrics.to_vec());
            let part = self.reader.run(move |conn| baselines::roll_up(conn, &some, &metrics));
            for (kernel, metrics) in part.await? {
                all.entry(kernel).or_default().merge(&metrics);
            }
        }
        Ok(all)
    }
}

fn series(host: HostId, boot: &StoredBoot) -> impl Iterator<Item = HostSeries> + '_ {
    boot.whole.iter().filter_map(move |(metric, whole)| {
        let slots = boot.newest.iter().filter_map(|(start, covered, metrics)| {
            Some((*start, *covered, SlotValue::of(metrics.get(metric)?)?))
        });
        Some(HostSeries {
            host,
            boot: boot.boot,
            kernel: boot.kernel.clone(),
            metric,
            slots: slots.collect(),
            whole: SlotValue::of(whole)?,
        })
    })
}

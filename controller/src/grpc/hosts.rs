//! Hosts: look, hold, let go, exclude.

use tonic::Status;
use wavegate_common::view::{BaselineView, HostPage, HostView, HostWhyView, HostsChanged};
use wavegate_common::{HostId, RolloutId, Selector};
use wavegate_core::Request;
use wavegate_proto::operator::Who;
use wavegate_proto::operator::ask::{GetBaseline, GetHost, ListHosts, Reason, WhyHost};

use super::api::{Api, actor};
use super::lookup;
use super::status::{of_refusal, of_stopped, of_store};
use crate::driver::{Ask, Done, Refusal};
use crate::view;

/// Hosts of a page unless asked otherwise, and at most.
const PAGE: u32 = 1_000;
const PAGE_MOST: u32 = 10_000;

impl Api {
    pub(super) async fn host_page(&self, ask: ListHosts) -> Result<HostPage, Status> {
        let ListHosts { selector, after, limit } = ask;
        let limit = if limit == 0 { PAGE } else { limit.min(PAGE_MOST) } as usize;
        self.driver
            .look(move |world| {
                let fits = |record: &&wavegate_common::HostRecord| {
                    selector.as_ref().is_none_or(|selector| selector.matches(&record.labels))
                };
                let all = world.inventory.hosts();
                let total = all.iter().filter(fits).count() as u64;
                let mut hosts: Vec<HostView> = all
                    .iter()
                    .filter(|record| after.is_none_or(|after| record.id > after))
                    .filter(fits)
                    .take(limit + 1)
                    .map(|record| view::host(world, record))
                    .collect();
                let more = hosts.len() > limit;
                hosts.truncate(limit);
                let next = if more { hosts.last().map(|host| host.id) } else { None };
                HostPage { hosts, next, total }
            })
            .await
            .map_err(of_stopped)
    }

    pub(super) async fn one_host(&self, ask: GetHost) -> Result<HostView, Status> {
        self.about_host(ask.host, |world, record| {
            let mut host = view::host(world, record);
            host.report = record.report.as_deref().cloned();
            host
        })
        .await
    }

    pub(super) async fn host_reason(&self, ask: WhyHost) -> Result<HostWhyView, Status> {
        self.about_host(ask.host, view::host_why).await
    }

    pub(super) async fn baseline(&self, ask: GetBaseline) -> Result<BaselineView, Status> {
        let named = |world: &crate::driver::World, record: &wavegate_common::HostRecord| {
            view::host_ref(world, record.id)
        };
        let host = self.about_host(ask.host, named).await?;
        let kept = self.driver.store().baselines_of(host.id, ask.metrics).await;
        Ok(view::baseline(host, &kept.map_err(|error| of_store(&error))?))
    }

    async fn about_host<T: Send + 'static>(
        &self,
        text: String,
        show: impl FnOnce(&crate::driver::World, &wavegate_common::HostRecord) -> T + Send + 'static,
    ) -> Result<T, Status> {
        let found = self.driver.look(move |world| {
            let id = lookup::host(world, &text)?;
            let missing = || Refusal::NotFound(format!("there is no host `{text}`"));
            Ok(show(world, world.inventory.get(id).ok_or_else(missing)?))
        });
        found.await.map_err(of_stopped)?.map_err(|refusal: Refusal| of_refusal(&refusal))
    }

    pub(super) async fn hold(
        &self,
        by: Who,
        named: Vec<String>,
        selector: Option<Selector>,
        reason: Reason,
        held: bool,
    ) -> Result<HostsChanged, Status> {
        let act = if held { "host.hold" } else { "host.release" };
        let target = named.join(",");
        let hosts = self.chosen(named, selector).await;
        let outcome = match hosts {
            Ok(hosts) => self.ask(&by, &reason, Ask::Hold { hosts, held }).await,
            Err(refusal) => Err(refusal),
        };
        let done = self.judged(&by, act, &target, reason.as_str(), outcome).await?;
        self.changed(done).await
    }

    pub(super) async fn exclude(
        &self,
        by: Who,
        rollout: RolloutId,
        named: Vec<String>,
        selector: Option<Selector>,
        reason: Reason,
    ) -> Result<HostsChanged, Status> {
        let target = format!("{rollout}: {}", named.join(","));
        let outcome = match self.chosen(named, selector).await {
            Ok(hosts) => {
                let request = Request::Exclude { hosts: hosts.clone() };
                let asked = self.ask(&by, &reason, Ask::Rollout { id: rollout, request }).await;
                asked.map(|_| Done::Hosts(hosts))
            }
            Err(refusal) => Err(refusal),
        };
        let done = self.judged(&by, "host.exclude", &target, reason.as_str(), outcome).await?;
        self.changed(done).await
    }

    pub(super) async fn ask(&self, by: &Who, reason: &Reason, ask: Ask) -> Result<Done, Refusal> {
        self.driver.ask(actor(by), reason.as_str().to_owned(), ask).await
    }

    async fn chosen(
        &self,
        named: Vec<String>,
        selector: Option<Selector>,
    ) -> Result<Vec<HostId>, Refusal> {
        self.driver.look(move |world| lookup::hosts(world, &named, selector.as_ref())).await?
    }

    async fn changed(&self, done: Done) -> Result<HostsChanged, Status> {
        let Done::Hosts(hosts) = done else { return Ok(HostsChanged::default()) };
        self.driver
            .look(move |world| {
                let hosts = hosts.iter().map(|host| view::host_ref(world, *host)).collect();
                HostsChanged { hosts }
            })
            .await
            .map_err(of_stopped)
    }
}

//! Rollouts from plan to end, with hosts that obey.

use std::time::Duration;

use wavegate_common::view::RolloutView;
use wavegate_common::{HostPhase, RolloutPhase};
use wavegate_core::apply;
use wavegate_proto::operator::{OperatorClient, ask};

use super::kit::{Fleet, NEW, admin, config, controller, kernel, spec, why};
use crate::server::{Running, start};

const PATIENCE: Duration = Duration::from_secs(60);

async fn begun(admin: &mut OperatorClient) -> RolloutView {
    kernel(admin).await;
    let plan = admin.plan_rollout(&ask::PlanRollout { spec: spec() }).await.unwrap();
    let ask =
        ask::ApplyRollout { spec: spec(), plan: Some(plan.hash), reason: why(), draft: false };
    admin.apply_rollout(&ask).await.unwrap()
}

async fn until(
    admin: &mut OperatorClient,
    rollout: &str,
    enough: impl Fn(&RolloutView) -> bool,
) -> RolloutView {
    let watching = async {
        let mut watch =
            admin.watch_rollout(&ask::WatchRollout { rollout: rollout.to_owned() }).await.unwrap();
        let mut last = None;
        while let Some(view) = watch.view().await.unwrap() {
            if enough(&view) {
                return view;
            }
            last = Some(view);
        }
        panic!("it ended before: {last:#?}");
    };
    tokio::time::timeout(PATIENCE, watching).await.expect("in time")
}

/// Events applied to what the rollout was at first give what is stored of it now.
async fn replays(running: &Running, id: wavegate_common::RolloutId) {
    let store = running.driver().store();
    let mut replayed = store.rollout_origin(id).await.unwrap().unwrap();
    for stored in store.events(id, 0, 100_000).await.unwrap() {
        replayed = apply(replayed, &stored.event).unwrap();
    }
    assert_eq!(replayed, store.rollout(id).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_fleet_moves_to_the_new_kernel() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let fleet = Fleet::join(&running, &mut admin, 8).await;
    let begun = begun(&mut admin).await;
    let id = begun.id;
    let ended = until(&mut admin, "june", |view| view.standing.phase_detail.is_over()).await;
    assert_eq!(ended.standing.phase_detail, RolloutPhase::Succeeded, "{:#?}", ended.standing);
    assert_eq!((ended.hosts.updated, ended.hosts.total), (8, 8));
    let reports = fleet.end().await;
    assert!(reports.iter().all(|report| report.boot.kernel.as_str() == NEW));
    replays(&running, id).await;
    let log = admin.verify_audit(&ask::VerifyAudit {}).await.unwrap();
    assert_eq!(log.broken, None);
    let page = admin.list_audit(&ask::ListAudit { after: None, limit: 5_000 }).await.unwrap();
    let grants = page.entries.iter().filter(|entry| entry.act == "permit.grant").count();
    assert_eq!(grants, 8, "one permit for each host, each written down");
    let applied = page.entries.iter().find(|entry| entry.act == "rollout.apply").unwrap();
    assert!(applied.reason.starts_with("a test"), "{applied:?}");
    let ask = ask::RolloutHistory { rollout: "june".into(), after: None, limit: 0 };
    let history = admin.rollout_history(&ask).await.unwrap();
    assert!(history.events.iter().any(|event| event.kind == "confirmed"), "{history:#?}");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn it_goes_on_after_the_controller_was_stopped_and_started() {
    let dir = tempfile::tempdir().unwrap();
    let first = controller(dir.path()).await;
    let address = first.address;
    let mut client = admin(&first).await;
    let fleet = Fleet::join(&first, &mut client, 8).await;
    let id = begun(&mut client).await.id;
    until(&mut client, "june", |view| view.hosts.under_way + view.hosts.updated > 0).await;
    first.stop().await.unwrap();
    let mut again = config(dir.path());
    again.listen = address;
    let second = start(again).await.unwrap();
    let mut client = admin(&second).await;
    let ended = until(&mut client, "june", |view| view.standing.phase_detail.is_over()).await;
    assert_eq!(ended.standing.phase_detail, RolloutPhase::Succeeded);
    let rollout = second.driver().store().rollout(id).await.unwrap().unwrap();
    assert!(rollout.hosts.iter().all(|host| host.boots == 1), "no host booted twice");
    fleet.end().await;
    replays(&second, id).await;
    second.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_begins_after_a_pause_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let fleet = Fleet::join(&running, &mut admin, 8).await;
    let id = begun(&mut admin).await.id;
    let pause = ask::PauseRollout { rollout: "june".into(), reason: why() };
    let paused = admin.pause_rollout(&pause).await.unwrap();
    assert_eq!(paused.standing.phase, "paused");
    let permits = |rollout: &wavegate_core::Rollout| {
        rollout.hosts.iter().map(|host| u32::from(host.boots)).sum::<u32>()
    };
    let store = running.driver().store().clone();
    let before = permits(&store.rollout(id).await.unwrap().unwrap());
    let why_paused = admin.why_rollout(&ask::WhyRollout { rollout: "june".into() }).await.unwrap();
    assert!(why_paused.text.contains("admin paused it: a test"), "{}", why_paused.text);
    assert!(why_paused.choices.iter().any(|choice| choice.command.contains("resume")));
    // Hosts under way finish or give up; nobody new may leave.
    let mut published = running.driver().published();
    for _ in 0..20 {
        let _ = tokio::time::timeout(Duration::from_millis(50), published.changed()).await;
    }
    let after = store.rollout(id).await.unwrap().unwrap();
    assert_eq!(permits(&after), before, "no permit after the pause");
    assert!(!after.hosts.iter().any(|host| matches!(host.phase, HostPhase::Draining { .. })));
    let again = admin.pause_rollout(&pause).await;
    assert!(again.is_err() || again.unwrap().standing.phase == "paused");
    let resume = ask::ResumeRollout { rollout: "june".into(), reason: why(), retry: Vec::new() };
    admin.resume_rollout(&resume).await.unwrap();
    let ended = until(&mut admin, "june", |view| view.standing.phase_detail.is_over()).await;
    assert_eq!(ended.standing.phase_detail, RolloutPhase::Succeeded);
    fleet.end().await;
    replays(&running, id).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_plan_is_refused_when_the_fleet_has_moved() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let fleet = Fleet::join(&running, &mut admin, 4).await;
    kernel(&mut admin).await;
    let plan = admin.plan_rollout(&ask::PlanRollout { spec: spec() }).await.unwrap();
    let same = admin.plan_rollout(&ask::PlanRollout { spec: spec() }).await.unwrap();
    assert_eq!(plan.hash, same.hash, "the same fleet gives the same plan");
    let name = "web-new";
    let identity = super::kit::joined(&running, &mut admin, name).await;
    let report = super::kit::report(identity.key().host_id(), name, "r9");
    let mut line = super::kit::Line::open(&running, &identity, super::kit::hello(&report)).await;
    assert!(line.hear().await.is_some());
    line.out.send(wavegate_common::AgentMessage::Report(Box::new(report))).await.unwrap();
    let ask = ask::GetHost { host: name.into() };
    while admin.get_host(&ask).await.unwrap().report.is_none() {}
    let apply =
        ask::ApplyRollout { spec: spec(), plan: Some(plan.hash), reason: why(), draft: false };
    let refused = admin.apply_rollout(&apply).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Aborted);
    assert!(refused.message().contains("web-new chosen now"), "{refused}");
    let bad = serde_saphyr::from_str("{name: a b, release: june, selector: '*', waves: [5%]}");
    let bad = admin.plan_rollout(&ask::PlanRollout { spec: bad.unwrap() }).await.unwrap_err();
    assert_eq!(bad.code(), tonic::Code::InvalidArgument);
    assert!(bad.message().contains("waves: the last wave must be 100%"), "{bad}");
    fleet.end().await;
    running.stop().await.unwrap();
}

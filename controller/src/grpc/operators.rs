//! The calls of operators, each handed to where it is answered. Roles are checked before.

use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use wavegate_common::SignalReading;
use wavegate_common::view::{
    ArtifactView, AuditCheck, AuditPage, BaselineView, EventPage, GateView, HostPage, HostView,
    HostWhyView, HostsChanged, IncidentList, IncidentView, KernelList, KernelView,
    OperatorEnrolled, PlanView, ReceiverTest, ReplayView, RolloutList, RolloutView, RolloutWhyView,
    SignalList, TokenList, TokenMade, TokenView, VersionView, WhoView,
};
use wavegate_core::Request;
use wavegate_proto::Caller;
use wavegate_proto::operator::ask;
use wavegate_proto::operator::{OperatorApi, Upload, Who};

use super::api::Api;

impl OperatorApi for Service {
    type Watch = ReceiverStream<Result<RolloutView, Status>>;

    async fn get_version(&self, _: Who, _: ask::GetVersion) -> Result<VersionView, Status> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(VersionView { version, protocol: "wavegate.v1".to_owned() })
    }
    async fn who_am_i(&self, by: Who, _: ask::WhoAmI) -> Result<WhoView, Status> {
        Ok(WhoView { name: by.name, role: by.role })
    }
    async fn list_hosts(&self, _: Who, ask: ask::ListHosts) -> Result<HostPage, Status> {
        self.0.host_page(ask).await
    }
    async fn get_host(&self, _: Who, ask: ask::GetHost) -> Result<HostView, Status> {
        self.0.one_host(ask).await
    }
    async fn why_host(&self, _: Who, ask: ask::WhyHost) -> Result<HostWhyView, Status> {
        self.0.host_reason(ask).await
    }
    async fn get_baseline(&self, _: Who, ask: ask::GetBaseline) -> Result<BaselineView, Status> {
        self.0.baseline(ask).await
    }
    async fn hold_hosts(&self, by: Who, ask: ask::HoldHosts) -> Result<HostsChanged, Status> {
        self.0.hold(by, ask.hosts, ask.selector, ask.reason, true).await
    }
    async fn release_hosts(&self, by: Who, ask: ask::ReleaseHosts) -> Result<HostsChanged, Status> {
        self.0.hold(by, ask.hosts, ask.selector, ask.reason, false).await
    }
    async fn exclude_hosts(&self, by: Who, ask: ask::ExcludeHosts) -> Result<HostsChanged, Status> {
        let rollout = self.0.found(&ask.rollout).await?;
        self.0.exclude(by, rollout, ask.hosts, ask.selector, ask.reason).await
    }
    async fn list_kernels(&self, _: Who, _: ask::ListKernels) -> Result<KernelList, Status> {
        self.0.kernels().await
    }
    async fn add_kernel(&self, by: Who, ask: ask::AddKernel) -> Result<KernelView, Status> {
        self.0.register(by, ask).await
    }
    async fn get_artifact(&self, _: Who, ask: ask::GetArtifact) -> Result<ArtifactView, Status> {
        Ok(self.0.artifact(ask.digest))
    }
    async fn create_token(&self, by: Who, ask: ask::CreateToken) -> Result<TokenMade, Status> {
        self.0.make_token(by, ask).await
    }
    async fn list_tokens(&self, _: Who, _: ask::ListTokens) -> Result<TokenList, Status> {
        self.0.tokens().await
    }
    async fn revoke_token(&self, by: Who, ask: ask::RevokeToken) -> Result<TokenView, Status> {
        self.0.take_back(by, ask).await
    }
    async fn plan_rollout(&self, by: Who, ask: ask::PlanRollout) -> Result<PlanView, Status> {
        self.0.plan(by, ask.spec).await
    }
    async fn apply_rollout(&self, by: Who, ask: ask::ApplyRollout) -> Result<RolloutView, Status> {
        self.0.begin(by, ask).await
    }
    async fn list_rollouts(&self, _: Who, _: ask::ListRollouts) -> Result<RolloutList, Status> {
        self.0.rollouts().await
    }
    async fn get_rollout(&self, _: Who, ask: ask::GetRollout) -> Result<RolloutView, Status> {
        let id = self.0.found(&ask.rollout).await?;
        self.0.one_rollout(id, ask.report).await
    }
    async fn why_rollout(&self, _: Who, ask: ask::WhyRollout) -> Result<RolloutWhyView, Status> {
        let id = self.0.found(&ask.rollout).await?;
        self.0.rollout_reason(id).await
    }
    async fn pause_rollout(&self, by: Who, ask: ask::PauseRollout) -> Result<RolloutView, Status> {
        let ask::PauseRollout { rollout, reason } = ask;
        self.0.change(&by, "rollout.pause", &rollout, &reason, Request::Pause).await
    }
    async fn resume_rollout(
        &self,
        by: Who,
        ask: ask::ResumeRollout,
    ) -> Result<RolloutView, Status> {
        let ask::ResumeRollout { rollout, reason, retry } = ask;
        let request = Request::Resume { retry };
        self.0.change(&by, "rollout.resume", &rollout, &reason, request).await
    }
    async fn abort_rollout(&self, by: Who, ask: ask::AbortRollout) -> Result<RolloutView, Status> {
        let ask::AbortRollout { rollout, reason } = ask;
        self.0.change(&by, "rollout.abort", &rollout, &reason, Request::Abort).await
    }
    async fn rollback_rollout(
        &self,
        by: Who,
        ask: ask::RollbackRollout,
    ) -> Result<RolloutView, Status> {
        let ask::RollbackRollout { rollout, reason } = ask;
        self.0.change(&by, "rollout.rollback", &rollout, &reason, Request::Rollback).await
    }
    async fn approve_rollout(
        &self,
        by: Who,
        ask: ask::ApproveRollout,
    ) -> Result<RolloutView, Status> {
        let ask::ApproveRollout { rollout, reason } = ask;
        self.0.change(&by, "rollout.approve", &rollout, &reason, Request::Approve).await
    }
    async fn accept_classes(
        &self,
        by: Who,
        ask: ask::AcceptClasses,
    ) -> Result<RolloutView, Status> {
        let ask::AcceptClasses { rollout, reason, classes } = ask;
        let request = Request::Accept { classes };
        self.0.change(&by, "rollout.accept", &rollout, &reason, request).await
    }
    async fn rollout_history(&self, _: Who, ask: ask::RolloutHistory) -> Result<EventPage, Status> {
        let id = self.0.found(&ask.rollout).await?;
        self.0.history(id, ask.after, ask.limit).await
    }
    async fn show_gate(&self, _: Who, ask: ask::ShowGate) -> Result<GateView, Status> {
        self.0.gate(&ask.rollout).await
    }
    async fn replay_gate(&self, _: Who, ask: ask::ReplayGate) -> Result<ReplayView, Status> {
        self.0.replay(&ask.rollout, ask.rule).await
    }
    async fn list_alerts(&self, _: Who, ask: ask::ListAlerts) -> Result<IncidentList, Status> {
        self.0.alerts(ask.all).await
    }
    async fn get_alert(&self, _: Who, ask: ask::GetAlert) -> Result<IncidentView, Status> {
        self.0.one_alert(ask.id).await
    }
    async fn test_receiver(&self, by: Who, ask: ask::TestReceiver) -> Result<ReceiverTest, Status> {
        self.0.try_receiver(by, ask.receiver).await
    }
    async fn list_signals(&self, _: Who, _: ask::ListSignals) -> Result<SignalList, Status> {
        Ok(SignalList { readings: self.0.board.readings() })
    }
    async fn check_signal(&self, _: Who, ask: ask::CheckSignal) -> Result<SignalReading, Status> {
        self.0.ask_source(ask.source).await
    }
    async fn list_audit(&self, _: Who, ask: ask::ListAudit) -> Result<AuditPage, Status> {
        self.0.audit_page(ask).await
    }
    async fn verify_audit(&self, _: Who, _: ask::VerifyAudit) -> Result<AuditCheck, Status> {
        self.0.audit_check().await
    }
    async fn watch_rollout(&self, _: Who, ask: ask::WatchRollout) -> Result<Self::Watch, Status> {
        let id = self.0.found(&ask.rollout).await?;
        std::sync::Arc::clone(&self.0).follow(id).await
    }
    async fn upload_artifact(
        &self,
        by: Who,
        head: ask::UploadHead,
        bytes: Upload,
    ) -> Result<ArtifactView, Status> {
        self.0.upload(by, head, bytes).await
    }
    async fn enroll_operator(
        &self,
        from: Caller,
        ask: ask::EnrollOperator,
    ) -> Result<OperatorEnrolled, Status> {
        self.0.admit_operator(from, ask).await
    }
    fn refused(&self, from: &Caller, method: &'static str, why: &Status) {
        self.0.refusals.note(from, "operator.call", method.to_owned(), why.message());
    }
}

/// The operators' service. Apart from [`Api`], because both services have a hook of one name.
#[derive(Debug)]
pub struct Service(pub std::sync::Arc<Api>);

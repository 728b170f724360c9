//! The table of calls that take one message and answer with one: name, question, answer, and the
//! least role that may ask. Server and client are made from it.
//!
//! Whoever may start things may stop them, and needs nobody else for it; who may join and which
//! kernels there are is for admins.

/// Hands the table to another macro.
macro_rules! calls {
    ($with:ident) => {
        $with! {
            get_version: GetVersion => VersionView, Viewer;
            who_am_i: WhoAmI => WhoView, Viewer;
            list_hosts: ListHosts => HostPage, Viewer;
            get_host: GetHost => HostView, Viewer;
            why_host: WhyHost => HostWhyView, Viewer;
            get_baseline: GetBaseline => BaselineView, Viewer;
            hold_hosts: HoldHosts => HostsChanged, Operator;
            release_hosts: ReleaseHosts => HostsChanged, Operator;
            exclude_hosts: ExcludeHosts => HostsChanged, Operator;
            list_kernels: ListKernels => KernelList, Viewer;
            add_kernel: AddKernel => KernelView, Admin;
            get_artifact: GetArtifact => ArtifactView, Viewer;
            create_token: CreateToken => TokenMade, Admin;
            list_tokens: ListTokens => TokenList, Operator;
            revoke_token: RevokeToken => TokenView, Operator;
            plan_rollout: PlanRollout => PlanView, Viewer;
            apply_rollout: ApplyRollout => RolloutView, Operator;
            list_rollouts: ListRollouts => RolloutList, Viewer;
            get_rollout: GetRollout => RolloutView, Viewer;
            why_rollout: WhyRollout => RolloutWhyView, Viewer;
            pause_rollout: PauseRollout => RolloutView, Viewer;
            resume_rollout: ResumeRollout => RolloutView, Operator;
            abort_rollout: AbortRollout => RolloutView, Operator;
            rollback_rollout: RollbackRollout => RolloutView, Operator;
            approve_rollout: ApproveRollout => RolloutView, Operator;
            accept_classes: AcceptClasses => RolloutView, Operator;
            rollout_history: RolloutHistory => EventPage, Viewer;
            show_gate: ShowGate => GateView, Viewer;
            replay_gate: ReplayGate => ReplayView, Viewer;
            list_alerts: ListAlerts => IncidentList, Viewer;
            get_alert: GetAlert => IncidentView, Viewer;
            test_receiver: TestReceiver => ReceiverTest, Operator;
            list_signals: ListSignals => SignalList, Viewer;
            check_signal: CheckSignal => SignalReading, Viewer;
            list_audit: ListAudit => AuditPage, Viewer;
            verify_audit: VerifyAudit => AuditCheck, Viewer;
        }
    };
}
pub(super) use calls;

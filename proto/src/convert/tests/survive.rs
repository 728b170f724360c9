//! What is written is what is read.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::draw::{HOST, agent_message, command, controller_message};
use super::draw_alert::{incident, reading, receiver};
use super::draw_gate::{gate_view, replay_view};
use super::draw_rollout::{host_phase, phase, plan_report, spec, waiting};
use super::draw_view::{
    audit, baseline_view, event, host_view, host_why, kernel_view, plan_view, rollout_view,
    rollout_why, token_view,
};
use super::drop::every_loss_is_named;
use crate::convert::{At, OnWire};
use crate::{convert, wire};

/// Values of a kind survive the wire, and no part of them can be lost unnoticed.
fn survives<D, W>(name: &str, values: &BoxedStrategy<D>)
where
    D: OnWire<W> + PartialEq + Debug,
    W: Message + Default,
{
    let mut runner =
        TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    runner
        .run(values, |value| {
            let bytes = value.write().encode_to_vec();
            let read = |bytes: &[u8]| {
                let wire = W::decode(bytes).map_err(|error| error.to_string())?;
                D::read(wire, &At::root("it")).map_err(|invalid| invalid.field)
            };
            prop_assert_eq!(read(&bytes), Ok(value));
            every_loss_is_named(name, &bytes, |bytes| read(bytes).map(|_| ()));
            Ok(())
        })
        .unwrap();
}

/// The JSON that scripts read can be read back.
fn survives_json<D: Serialize + DeserializeOwned + PartialEq + Debug>(values: &BoxedStrategy<D>) {
    let mut runner =
        TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    runner
        .run(values, |value| {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<D>(&text).unwrap(), value);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_agents_say() {
    proptest!(Config { failure_persistence: None, ..Config::default() }, |(said in agent_message())| {
        let bytes = convert::write_agent_message(&said).encode_to_vec();
        let wire = wire::AgentMessage::decode(&bytes[..]).unwrap();
        prop_assert_eq!(convert::agent_message(HOST, wire).unwrap(), said);
        every_loss_is_named("AgentMessage", &bytes, |bytes| {
            let wire = wire::AgentMessage::decode(bytes).unwrap();
            convert::agent_message(HOST, wire).map(|_| ()).map_err(|invalid| invalid.field)
        });
    });
}

#[test]
fn what_the_controller_says() {
    proptest!(Config { failure_persistence: None, ..Config::default() }, |(said in controller_message())| {
        let bytes = convert::write_controller_message(&said).encode_to_vec();
        let wire = wire::ControllerMessage::decode(&bytes[..]).unwrap();
        prop_assert_eq!(convert::controller_message(wire).unwrap(), said);
        every_loss_is_named("ControllerMessage", &bytes, |bytes| {
            let wire = wire::ControllerMessage::decode(bytes).unwrap();
            convert::controller_message(wire).map(|_| ()).map_err(|invalid| invalid.field)
        });
    });
}

#[test]
fn commands_and_specifications() {
    survives::<_, wire::Command>("Command", &command());
    survives::<_, wire::RolloutSpec>("RolloutSpec", &spec());
}

#[test]
fn what_the_planner_says() {
    survives::<_, wire::PlanReport>("PlanReport", &plan_report());
    survives::<_, wire::RolloutPhase>("RolloutPhase", &phase());
    survives::<_, wire::HostPhase>("HostPhase", &host_phase());
    survives::<_, wire::WaitingOn>("WaitingOn", &waiting());
}

#[test]
fn views_of_hosts() {
    survives::<_, wire::HostView>("HostView", &host_view());
    survives::<_, wire::HostWhyView>("HostWhyView", &host_why());
    survives::<_, wire::BaselineView>("BaselineView", &baseline_view());
    survives::<_, wire::GateView>("GateView", &gate_view());
    survives::<_, wire::ReplayView>("ReplayView", &replay_view());
    survives_json(&baseline_view());
    survives_json(&host_view());
    survives_json(&host_why());
}

#[test]
fn views_of_rollouts() {
    survives::<_, wire::PlanView>("PlanView", &plan_view());
    survives::<_, wire::RolloutView>("RolloutView", &rollout_view());
    survives::<_, wire::RolloutWhyView>("RolloutWhyView", &rollout_why());
    survives_json(&plan_view());
    survives_json(&rollout_view());
    survives_json(&rollout_why());
}

#[test]
fn incidents_and_signals() {
    survives::<_, wire::IncidentView>("IncidentView", &incident());
    survives::<_, wire::ReceiverView>("ReceiverView", &receiver());
    survives::<_, wire::SignalReading>("SignalReading", &reading());
    survives_json(&incident());
    survives_json(&receiver());
    survives_json(&reading());
}

#[test]
fn views_of_the_rest() {
    survives::<_, wire::KernelView>("KernelView", &kernel_view());
    survives::<_, wire::TokenView>("TokenView", &token_view());
    survives::<_, wire::EventView>("EventView", &event());
    survives::<_, wire::AuditView>("AuditView", &audit());
    survives_json(&kernel_view());
    survives_json(&token_view());
    survives_json(&event());
    survives_json(&audit());
}

//! The agents' service in domain types: a trait for the controller, a client for the agent.

mod client;
mod message;
mod server;

pub(crate) use client::unreadable;
pub use client::{AgentClient, ArtifactStream, ControllerStream};
pub use message::{Enroll, Enrolled, Renewed};
pub use server::{AgentApi, AgentServer, AgentStream};

//! Simulated hosts: the physics of machines, boot loaders, disks and hooks around the shipping
//! agent machine.
//!
//! Sans I/O: time comes in with every event, randomness from a seed, and everything that leaves
//! a host is a value in a list. The deterministic simulator, the demo and the forecast all drive
//! the same [`SimHost`]; they differ only in who carries the messages and whose clock runs.
//!
//! It deliberately knows nothing of controllers: what a host does follows from its agent and
//! from [`Physics`] alone.

mod boot;
mod dice;
mod disk;
mod event;
mod fleet;
mod host;
mod light;
mod perform;
mod physics;
mod profile;
mod tally;
mod timing;

pub use dice::Dice;
pub use event::{Fault, HostEvent, HostOutput, Timer, Truth};
pub use fleet::Fleet;
pub use host::SimHost;
pub use light::{LightHost, Steps, usual_span};
pub use physics::{KernelBehaviour, Physics, Rule};
pub use profile::HostProfile;
pub use tally::Tally;
pub use timing::{EPOCH, Moment, Span, Timing};

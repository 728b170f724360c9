//! The controller as others meet it: over real TLS, on a port of its own.

mod baselines;
mod joining;
mod kit;
mod rollouts;
mod starting;

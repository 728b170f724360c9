//! Requests to the outside: receivers of alerts, Prometheus. Bounded in time and in bytes, no
//! redirects, no cookies, no proxies.

mod authorities;
mod client;

pub use authorities::{BadAuthorities, authorities};
pub use client::{Answer, Client, OutboundError, Request};

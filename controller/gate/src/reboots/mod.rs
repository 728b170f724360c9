//! Unexpected reboots: do canaries fail sooner than controls?
//!
//! A count of reboots asks how often hosts of this fleet fail, which nobody knows: a few chronic
//! hosts make most of the failures. So each host counts once, at its first unexpected reboot, and
//! the only question is *which* host it was. With labels dealt at random, the next host to fail
//! is a canary with probability `r1 / (r1 + r0)`, the shares of those still at risk, whatever the
//! frailty of single hosts and however failures are correlated. If a canary has `θ` times the
//! odds, it is `θ r1 / (θ r1 + r0)`: the partial likelihood of D. R. Cox, "Regression models and
//! life-tables", Journal of the Royal Statistical Society B 34, 1972. The product of the ratios,
//! averaged over odds of 2 to 64, is a test martingale, so the chance that it ever reaches `1/α`
//! is at most `α`, however often one looks (J. Ville, "Étude critique de la notion de collectif",
//! 1939; G. Shafer, "Testing by betting", Journal of the Royal Statistical Society A 184, 2021).
//!
//! - [`input`]: hosts with the time they were watched and their reboots.
//! - [`timeline`]: who failed while who was at risk; bursts are gathered.
//! - [`step`]: one failure, tie or burst, and what it is worth at given odds.
//! - [`evidence`]: the e-value, and the interval of the rate ratio.
//! - [`judge`]: the verdict per class and for all.

pub mod evidence;
pub mod input;
pub mod judge;
pub mod step;
pub mod timeline;

#[cfg(test)]
mod tests;

pub use input::{Arm, HostLog, Span};
pub use judge::{ClassReport, Outcome, Report, Settings, judge};

//! Tests of decisions on a fleet that obeys.

mod assess;
mod flow;

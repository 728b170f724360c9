//! Tests of how rollouts are made.

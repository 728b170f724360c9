//! Tests of transitions.

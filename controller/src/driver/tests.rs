//! Tests of the driver over a real store.

//! Where cryptography comes from.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The one provider of cryptography.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

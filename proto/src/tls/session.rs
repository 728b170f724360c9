//! TLS sessions kept for resumption.
//!
//! A resumed session shows the server the certificate of the session before it. So when the
//! certificate is exchanged, what was kept must go, or the old one would be shown until it ends.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls_pki_types::ServerName;

/// Sessions kept: one controller, or a few behind one name.
const KEPT: usize = 4;

/// Sessions that can be forgotten all at once.
#[derive(Debug)]
pub(super) struct Sessions(RwLock<Arc<ClientSessionMemoryCache>>);

impl Sessions {
    pub(super) fn new() -> Self {
        Self(RwLock::new(Arc::new(ClientSessionMemoryCache::new(KEPT))))
    }

    pub(super) fn forget(&self) {
        let empty = Arc::new(ClientSessionMemoryCache::new(KEPT));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = empty;
    }

    fn now(&self) -> Arc<ClientSessionMemoryCache> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.now().set_kx_hint(server, group);
    }
    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.now().kx_hint(server)
    }
    // TLS 1.2 is never spoken.
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.now().insert_tls13_ticket(server, ticket);
    }
    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.now().take_tls13_ticket(server)
    }
}

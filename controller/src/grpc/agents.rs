//! The calls of agents.

use std::pin::Pin;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use wavegate_common::{ControllerMessage, Digest, HostId};
use wavegate_proto::agent::{AgentApi, AgentStream, Enroll, Enrolled, Renewed};
use wavegate_proto::{Caller, Peer};

use super::api::Api;
use super::status::{of_artifact, of_stopped, of_store, of_trust};
use crate::audit::{Entry, Outcome};
use crate::clock;
use crate::ingest::{self, serve};
use crate::store::{Joins, StoreError};
use crate::trust::{Claim, Token, TokenRefused, check};

/// Messages that may wait for a host that reads slowly.
const OUTGOING: usize = 8;

impl AgentApi for Api {
    type Outgoing = ReceiverStream<Result<ControllerMessage, Status>>;
    type Bytes = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Status>> + Send>>;

    async fn attach(
        &self,
        host: HostId,
        from: Caller,
        incoming: AgentStream,
    ) -> Result<Self::Outgoing, Status> {
        let (outgoing, stream) = mpsc::channel(OUTGOING);
        let serving = serve(
            self.driver.clone(),
            self.pace,
            ingest::Stream { host, from: from.addr, incoming, outgoing },
        );
        let refusals = self.refusals.clone();
        tokio::spawn(async move {
            if let Some(why) = serving.await {
                refusals.note(&from, "host.attach", host.to_string(), why.message());
            }
        });
        Ok(ReceiverStream::new(stream))
    }

    async fn enroll(&self, from: Caller, ask: Enroll) -> Result<Enrolled, Status> {
        let name = ask.name.clone();
        let admitted = self.admit_host(&from, ask).await;
        if let Err(why) = &admitted {
            self.refusals.note(&from, "host.enroll", name, why.message());
        }
        admitted
    }

    async fn renew(&self, host: HostId, csr: Vec<u8>) -> Result<Renewed, Status> {
        let from = Caller { peer: Peer::Host(host), addr: None };
        let known = self
            .driver
            .look(move |world| world.inventory.get(host).is_some())
            .await
            .map_err(of_stopped)?;
        let signed = self.authority.sign_host(&csr, clock::now()).map_err(|e| of_trust(&e))?;
        let why = if !known {
            "this host is not enrolled here; enrol it with a new token"
        } else if signed.host != host {
            "the request is for another host's key; a host renews its own certificate alone"
        } else {
            let ca_pem = self.authority.pem().to_owned();
            return Ok(Renewed { certificate_pem: signed.certificate_pem, ca_pem });
        };
        self.refusals.note(&from, "host.renew", signed.host.to_string(), why);
        Err(Status::permission_denied(why))
    }

    async fn fetch_artifact(
        &self,
        _host: HostId,
        digest: Digest,
        offset: u64,
    ) -> Result<Self::Bytes, Status> {
        let bytes = self.shelf.read(digest, offset).await.map_err(|e| of_artifact(&e))?;
        Ok(Box::pin(bytes.map(|piece| {
            piece.map_err(|error| Status::internal(format!("cannot read the artifact: {error}")))
        })))
    }

    fn refused(&self, from: &Caller, method: &'static str, why: &Status) {
        self.refusals.note(from, "agent.call", method.to_owned(), why.message());
    }
}

impl Api {
    async fn admit_host(&self, from: &Caller, ask: Enroll) -> Result<Enrolled, Status> {
        let now = clock::now();
        let digest = Token::digest_of(&ask.token)
            .ok_or_else(|| Status::permission_denied(TokenRefused::Unknown.to_string()))?;
        // Signed first, because who the host is follows from the proof that it holds its key;
        // handed out only after the token's one use has been taken, durably.
        let signed = self.authority.sign_host(&ask.csr, now).map_err(|e| of_trust(&e))?;
        let host = signed.host;
        let entry = Entry {
            at: now,
            who: host.to_string(),
            role: "host".to_owned(),
            from: from.addr.map(|addr| addr.to_string()).unwrap_or_default(),
            act: "host.enroll".to_owned(),
            target: host.to_string(),
            reason: format!("as {}", ask.name),
            outcome: Outcome::Done,
        };
        let name = ask.name.clone();
        self.driver
            .store()
            .use_token(digest, entry, move |token| {
                let claim = Claim::Host { name: &ask.name, labels: &ask.labels };
                check(token, now, claim).map_err(|refused| refused.to_string())?;
                Ok(Joins::Host { id: host, name: ask.name.clone() })
            })
            .await
            .map_err(|error| match error {
                StoreError::Refused(why) => Status::permission_denied(why),
                error => of_store(&error),
            })?;
        self.driver.enrolled(host, name).await.map_err(of_stopped)?;
        let ca_pem = self.authority.pem().to_owned();
        Ok(Enrolled { certificate_pem: signed.certificate_pem, ca_pem, host })
    }
}

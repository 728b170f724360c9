//! The client.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Method, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use wavegate_common::Millis;
use wavegate_proto::tls::provider;

use super::authorities::{BadAuthorities, authorities};
use crate::config::{BadSecret, Basic, Http};

/// How long a connection without a request is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Characters of an answer that are shown.
const SHOWN: usize = 200;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where. Not shown in errors: with some receivers it is a secret.
    pub url: String,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// `Content-Type`, and the body.
    pub body: Option<(&'static str, Vec<u8>)>,
}

impl Request {
    /// A body of JSON.
    #[must_use]
    pub fn json(url: String, body: Vec<u8>) -> Self {
        let body = Some(("application/json", body));
        Self { method: Method::POST, url, headers: Vec::new(), body }
    }

    /// Another header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `Retry-After`, if it is there in seconds.
    pub retry_after: Option<Millis>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The answer if its status is one of success.
    ///
    /// # Errors
    /// Otherwise, with the beginning of what it says.
    pub fn success(self) -> Result<Self, OutboundError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let text = String::from_utf8_lossy(&self.body);
        let words: Vec<&str> = text.split_whitespace().collect();
        let said: String = words.join(" ").chars().take(SHOWN).collect();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let retry_after = self.retry_after;
        Err(OutboundError::Status { status: self.status.as_u16(), said, retry_after })
    }
}

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The request cannot be made.
    #[error("the request cannot be made: {0}")]
    Request(String),
    /// A secret cannot be had.
    #[error(transparent)]
    Secret(#[from] BadSecret),
    /// No connection, or it broke.
    #[error("it cannot be reached: {0}")]
    Connection(String),
    /// No answer in time.
    #[error("no answer within {0}")]
    Timeout(Millis),
    /// More bytes than anybody wants.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The answer is one of refusal.
    #[error("it answered with status {status}{said}")]
    Status {
        /// The status.
        status: u16,
        /// What it said, after a colon.
        said: String,
        /// When it may be asked again.
        retry_after: Option<Millis>,
    },
    /// The answer is not what it should be.
    #[error("its answer is not understood: {0}")]
    Answer(String),
}

/// Asks one server, or servers under the same authorities.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    http: Http,
    most: usize,
}

impl Client {
    /// A client; answers may have at most `most` bytes.
    ///
    /// # Errors
    /// If there is no authority to trust.
    pub fn new(http: &Http, most: usize) -> Result<Self, BadAuthorities> {
        let roots = match authorities(http.ca_file.as_ref()) {
            Ok(roots) => roots,
            // Plain http needs no authority. With https the handshake fails, and says why.
            Err(BadAuthorities::System(why)) => {
                tracing::warn!(why, "this system trusts no authority: https will not work");
                RootCertStore::empty()
            }
            Err(error) => return Err(error),
        };
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| BadAuthorities::System(error.to_string()))?
            .with_root_certificates(Arc::new(roots))
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(Duration::from_millis(http.timeout.0)));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(4)
            .build(https);
        Ok(Self { pool, http: http.clone(), most })
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// If there is none.
    pub async fn ask(&self, request: Request) -> Result<Answer, OutboundError> {
        let request = self.build(request)?;
        let limit = self.http.timeout;
        tokio::time::timeout(Duration::from_millis(limit.0), self.exchange(request))
            .await
            .unwrap_or(Err(OutboundError::Timeout(limit)))
    }

    fn build(&self, request: Request) -> Result<hyper::Request<Full<Bytes>>, OutboundError> {
        let Request { method, url, headers, body } = request;
        let mut builder = hyper::Request::builder()
            .method(method)
            .uri(url)
            .header(USER_AGENT, concat!("wavegate/", env!("CARGO_PKG_VERSION")));
        if let Some(secret) = &self.http.bearer {
            builder = builder.header(AUTHORIZATION, format!("Bearer {}", secret.read()?));
        }
        if let Some(Basic { user, password }) = &self.http.basic {
            let pair = format!("{user}:{}", password.read()?);
            builder = builder.header(AUTHORIZATION, format!("Basic {}", base64(pair.as_bytes())));
        }
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        let bytes = match body {
            Some((kind, bytes)) => {
                builder = builder.header(CONTENT_TYPE, kind);
                bytes
            }
            None => Vec::new(),
        };
        builder
            .body(Full::new(Bytes::from(bytes)))
            // The text of the error may hold the address.
            .map_err(|_| OutboundError::Request("the address or a header is none".to_owned()))
    }

    async fn exchange(
        &self,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<Answer, OutboundError> {
        let response = self
            .pool
            .request(request)
            .await
            .map_err(|error| OutboundError::Connection(causes(&error)))?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Millis::secs);
        let body = Limited::new(response.into_body(), self.most).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => OutboundError::TooLarge(self.most),
            None => OutboundError::Connection(error.to_string()),
        })?;
        Ok(Answer { status, retry_after, body: body.to_bytes().to_vec() })
    }
}

/// The innermost causes: the outer ones only say that a request failed.
fn causes(error: &hyper_util::client::legacy::Error) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        cause = error.source();
    }
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_in_the_rfc() {
        for (text, wanted) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), wanted);
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said_without_the_address() {
        let client = Client::new(&Http::default(), 100).unwrap();
        let request = Request::json("http://127.0.0.1:1/secret".to_owned(), Vec::new());
        let error = client.ask(request).await.unwrap_err().to_string();
        assert!(error.contains("cannot be reached"), "{error}");
        assert!(!error.contains("/secret"), "{error}");
        let request = Request::json("no address".to_owned(), Vec::new());
        assert!(client.ask(request).await.is_err());
    }
}

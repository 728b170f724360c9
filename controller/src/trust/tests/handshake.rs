//! Who gets in over a real connection.

use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wavegate_common::Millis;
use wavegate_common::view::Role;
use wavegate_proto::agent::{AgentClient, Enroll};
use wavegate_proto::tls::{client_config, connect};

use super::site::{Site, ago, now};
use crate::trust::Authority;

#[tokio::test]
async fn a_host_is_who_its_certificate_says() {
    let site = Site::new().await;
    let host = Site::host(&site.authority, now());
    assert_eq!(site.ask(Some(&host)).await, Ok(host.key().host_id()));
}

#[tokio::test]
async fn the_stream_opens() {
    let site = Site::new().await;
    let host = Site::host(&site.authority, now());
    let channel = site.connect(Some(&host)).await.unwrap();
    let mut stream = AgentClient::new(channel).attach(tokio_stream::empty()).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    assert!(stream.message().await.unwrap().is_none());
}

#[tokio::test]
async fn without_a_certificate_one_may_enrol_and_nothing_else() {
    let site = Site::new().await;
    assert!(site.ask(None).await.unwrap_err().starts_with("Unauthenticated"));
    let ask = Enroll {
        token: "wg1-".to_owned(),
        csr: vec![1],
        name: "a".to_owned(),
        labels: Default::default(),
    };
    let mut client = AgentClient::new(site.connect(None).await.unwrap());
    let why = client.enroll(&ask).await.unwrap_err();
    assert_eq!(why.message(), "nobody may not enrol here");
}

#[tokio::test]
async fn an_operator_is_no_host() {
    let site = Site::new().await;
    let operator = site.operator("ada", Role::Admin);
    assert!(site.ask(Some(&operator)).await.unwrap_err().starts_with("PermissionDenied"));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let mut site = Site::new().await;
    let dir = tempfile::tempdir().unwrap();
    let other = Authority::open_or_create(dir.path(), now()).unwrap();
    let foreign = Site::host(&other, now());
    assert!(site.ask(Some(&foreign)).await.is_err());
    let why = site.refused.recv().await.unwrap();
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_refused() {
    let mut site = Site::new().await;
    let host = Site::host(&site.authority, ago(Millis::hours(73)));
    assert!(site.ask(Some(&host)).await.is_err());
    let why = site.refused.recv().await.unwrap();
    assert!(why.to_lowercase().contains("expired"), "{why}");
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused_by_the_client() {
    let site = Site::new().await;
    let dir = tempfile::tempdir().unwrap();
    let other = Authority::open_or_create(dir.path(), now()).unwrap();
    let tls = client_config(other.pem(), None).unwrap();
    let why = connect(&site.address.to_string(), tls).await.unwrap_err().to_string();
    assert!(why.contains("UnknownIssuer") || why.contains("BadSignature"), "{why}");
}

#[tokio::test]
async fn a_server_of_another_name_is_refused_by_the_client() {
    let site = Site::new().await;
    let tls = client_config(site.authority.pem(), None).unwrap();
    let address = format!("127.0.0.2:{}", site.address.port());
    assert!(connect(&address, tls).await.is_err());
}

/// A greeting as a client of TLS 1.2 sends it: no `supported_versions`.
fn hello_of_tls12() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x2f]);
    body.extend([1, 0]);
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let schemes = [0, 13, 0, 6, 0, 4, 4, 3, 8, 4];
    let extensions = [&groups[..], &schemes[..]].concat();
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let mut handshake = vec![1, 0];
    handshake.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    handshake.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend(u16::try_from(handshake.len()).unwrap().to_be_bytes());
    record.extend(handshake);
    record
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let site = Site::new().await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    stream.write_all(&hello_of_tls12()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    // One fatal alert, protocol_version.
    assert_eq!((answer[0], &answer[5..7]), (21, &[2, 70][..]));
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let mut site = Site::start(now(), Duration::from_millis(50)).await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    assert_eq!(site.refused.recv().await.unwrap(), "the handshake took too long");
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stranger_may_not_stay() {
    let site = Site::start(now(), Duration::from_millis(300)).await;
    let tls = TlsConnector::from(client_config(site.authority.pem(), None).unwrap());
    let tcp = TcpStream::connect(site.address).await.unwrap();
    let mut stream = tls.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
    let mut said = Vec::new();
    // Settings, perhaps a farewell, and the end.
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut said)).await;
    assert!(end.is_ok(), "the stranger is still there");

    let host = Site::host(&site.authority, now());
    let mut client = AgentClient::new(site.connect(Some(&host)).await.unwrap());
    let id = host.key().host_id().to_string();
    assert_eq!(client.renew(vec![1]).await.unwrap().certificate_pem, id);
}

/// How a connection came about: in full, or on from an earlier one.
async fn kind(site: &Site, tls: &Arc<ClientConfig>) -> HandshakeKind {
    let tcp = TcpStream::connect(site.address).await.unwrap();
    let tls = TlsConnector::from(Arc::clone(tls));
    let name = "127.0.0.1".try_into().unwrap();
    tls.connect(name, tcp).await.unwrap().get_ref().1.handshake_kind().unwrap()
}

#[tokio::test]
async fn a_resumed_session_is_the_same_host_until_its_certificate_is_exchanged() {
    let site = Site::new().await;
    let host = Site::host(&site.authority, now());
    let tls = client_config(site.authority.pem(), Some(&host)).unwrap();
    let id = host.key().host_id().to_string();
    // The second of them goes on from the first, as the raw one does from the second.
    for _ in 0..2 {
        let channel = connect(&site.address.to_string(), Arc::clone(&tls)).await.unwrap();
        let said = AgentClient::new(channel).renew(vec![1]).await.unwrap();
        assert_eq!(said.certificate_pem, id);
    }
    assert_eq!(kind(&site, &tls).await, HandshakeKind::Resumed);

    let channel = connect(&site.address.to_string(), Arc::clone(&tls)).await.unwrap();
    AgentClient::new(channel).renew(vec![1]).await.unwrap();
    let fresh = site.authority.sign_host(&host.key().csr().unwrap(), now()).unwrap();
    host.replace(&fresh.certificate_pem).unwrap();
    assert_eq!(kind(&site, &tls).await, HandshakeKind::Full);
}

#[tokio::test]
async fn certificates_are_renewed_while_connections_live() {
    // The server's certificate has passed its half-life, the host's is about to end.
    let site = Site::start(ago(Millis::hours(16 * 24)), Duration::from_secs(10)).await;
    let host = Site::host(&site.authority, ago(Millis::hours(71)));
    let channel = site.connect(Some(&host)).await.unwrap();
    let mut client = AgentClient::new(channel);
    let id = host.key().host_id().to_string();
    assert_eq!(client.renew(vec![1]).await.unwrap().certificate_pem, id);

    let before = site.identity.validity();
    assert!(site.identity.renew_if_due(&site.authority, now()).unwrap());
    assert!(!site.identity.renew_if_due(&site.authority, now()).unwrap());
    assert!(site.identity.validity().not_after > before.not_after);
    let fresh = site.authority.sign_host(&host.key().csr().unwrap(), now()).unwrap();
    host.replace(&fresh.certificate_pem).unwrap();

    assert_eq!(client.renew(vec![1]).await.unwrap().certificate_pem, id);
    assert_eq!(site.ask(Some(&host)).await, Ok(host.key().host_id()));
}

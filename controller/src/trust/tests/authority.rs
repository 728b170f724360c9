//! What the authority signs and refuses, and what it says of damaged files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P384_SHA384};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use wavegate_common::view::Role;
use wavegate_common::{HostId, Millis, Timestamp};
use wavegate_proto::Peer;
use wavegate_proto::tls::{HostKey, Identity, TlsError};

use crate::trust::peer::host_uri;
use crate::trust::{Authority, Lives, TrustError, peer_of};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn authority() -> (tempfile::TempDir, Authority) {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_create(&dir.path().join("pki"), NOW).unwrap();
    (dir, authority)
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[test]
fn a_host_is_named_by_its_key() {
    let (_dir, authority) = authority();
    let key = HostKey::generate().unwrap();
    let signed = authority.sign_host(&key.csr().unwrap(), NOW).unwrap();
    assert_eq!(signed.host, key.host_id());
    assert_eq!(signed.not_after, NOW.after(Millis::hours(72)));
    assert_eq!(peer_of(&der(&signed.certificate_pem), NOW).unwrap(), Peer::Host(key.host_id()));
}

#[test]
fn an_operator_has_name_and_role() {
    let (_dir, authority) = authority();
    let key = HostKey::generate().unwrap();
    let csr = key.csr().unwrap();
    let signed = authority.sign_operator(&csr, "ada@ops", Role::Operator, NOW).unwrap();
    let peer = peer_of(&der(&signed.certificate_pem), NOW).unwrap();
    assert_eq!(peer, Peer::Operator { name: "ada@ops".to_owned(), role: Role::Operator });
    for name in ["", "a/admin/b", "a b", "ü", &"x".repeat(65)] {
        let refused = authority.sign_operator(&csr, name, Role::Viewer, NOW);
        assert!(matches!(refused, Err(TrustError::Name { .. })), "{name}");
    }
}

#[test]
fn time_is_checked_on_every_connection() {
    let (_dir, authority) = authority();
    let authority = authority.with_lives(Lives { host: Millis::hours(1), ..Lives::default() });
    let key = HostKey::generate().unwrap();
    let pem = authority.sign_host(&key.csr().unwrap(), NOW).unwrap().certificate_pem;
    assert!(peer_of(&der(&pem), NOW.after(Millis::mins(59))).is_ok());
    assert!(peer_of(&der(&pem), NOW.after(Millis::mins(61))).is_err());
    assert!(peer_of(&der(&pem), Timestamp(NOW.0 - 11 * 60_000)).is_err());
}

#[test]
fn another_hosts_name_is_refused() {
    let (_dir, authority) = authority();
    let key = KeyPair::generate().unwrap();
    let sign = |names| {
        let life = (NOW, Millis::hours(1));
        authority.sign(&key, "x", names, ExtendedKeyUsagePurpose::ClientAuth, life).unwrap()
    };
    let forged = sign(vec![host_uri(HostId(7)).unwrap()]);
    let why = peer_of(&der(&forged), NOW).unwrap_err().to_string();
    assert!(why.contains("another host"), "{why}");
    let two = sign(vec![host_uri(HostId(7)).unwrap(), host_uri(HostId(8)).unwrap()]);
    assert!(peer_of(&der(&two), NOW).is_err());
    assert!(peer_of(&der(&sign(vec![])), NOW).is_err());
}

#[test]
fn a_request_must_be_signed_by_its_key() {
    let (_dir, authority) = authority();
    let mut csr = HostKey::generate().unwrap().csr().unwrap();
    *csr.last_mut().unwrap() ^= 1;
    assert!(matches!(authority.sign_host(&csr, NOW), Err(TrustError::Request(_))));
    assert!(matches!(authority.sign_host(b"junk", NOW), Err(TrustError::Request(_))));
    let big = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let csr = CertificateParams::default().serialize_request(&big).unwrap();
    assert!(matches!(authority.sign_host(csr.der(), NOW), Err(TrustError::Request(_))));
}

#[test]
fn a_request_cannot_choose_its_name() {
    let (_dir, authority) = authority();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![host_uri(HostId(7)).unwrap()];
    let csr = params.serialize_request(&key).unwrap();
    let signed = authority.sign_host(csr.der(), NOW).unwrap();
    assert_eq!(peer_of(&der(&signed.certificate_pem), NOW).unwrap(), Peer::Host(signed.host));
    assert_ne!(signed.host, HostId(7));
}

#[test]
fn a_certificate_for_another_key_is_not_shown() {
    let (_dir, authority) = authority();
    let (one, two) = (HostKey::generate().unwrap(), HostKey::generate().unwrap());
    let pem = authority.sign_host(&one.csr().unwrap(), NOW).unwrap().certificate_pem;
    assert!(matches!(Identity::new(&pem, two), Err(TlsError::OtherKey)));
}

#[test]
fn the_authority_survives_a_restart() {
    let (dir, authority) = authority();
    let pki = dir.path().join("pki");
    let again = Authority::open_or_create(&pki, NOW.after(Millis::hours(1))).unwrap();
    assert_eq!(again.pem(), authority.pem());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&pki), mode(&pki.join("ca.key"))), (0o700, 0o600));
}

#[test]
fn a_lost_key_is_not_replaced() {
    let (dir, _) = authority();
    let pki = dir.path().join("pki");
    fs::remove_file(pki.join("ca.key")).unwrap();
    assert!(matches!(Authority::open_or_create(&pki, NOW), Err(TrustError::NoKey { .. })));
    assert!(!pki.join("ca.key").exists());
}

#[test]
fn a_crash_between_key_and_certificate_is_mended() {
    let (dir, authority) = authority();
    let key = HostKey::generate().unwrap();
    let pem = authority.sign_host(&key.csr().unwrap(), NOW).unwrap().certificate_pem;
    let pki = dir.path().join("pki");
    fs::remove_file(pki.join("ca.pem")).unwrap();
    let mended = Authority::open_or_create(&pki, NOW).unwrap();
    let subject = |pem: &str| {
        let der = der(pem);
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        (parsed.subject().to_string(), parsed.public_key().raw.to_vec())
    };
    assert_eq!(subject(mended.pem()), subject(authority.pem()));
    assert!(peer_of(&der(&pem), NOW).is_ok());
}

#[test]
fn files_that_do_not_fit_are_named() {
    let (dir, _) = authority();
    let (other_dir, _) = authority();
    let pki = dir.path().join("pki");
    fs::copy(other_dir.path().join("pki/ca.pem"), pki.join("ca.pem")).unwrap();
    let why = Authority::open_or_create(&pki, NOW).unwrap_err().to_string();
    assert!(why.contains("is not for"), "{why}");
    fs::write(pki.join("ca.pem"), "junk").unwrap();
    assert!(matches!(Authority::open_or_create(&pki, NOW), Err(TrustError::Damaged { .. })));
}

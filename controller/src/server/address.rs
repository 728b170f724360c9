//! Names and addresses under which the controller is reached.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::config::Config;

/// Every name that the server's certificate must hold.
#[must_use]
pub(super) fn names(config: &Config) -> Vec<String> {
    let mut names: BTreeSet<String> =
        ["localhost", "127.0.0.1", "::1"].iter().map(ToString::to_string).collect();
    if !config.listen.ip().is_unspecified() {
        names.insert(config.listen.ip().to_string());
    }
    if let Some(own) = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok())
        && is_dns_name(&own)
    {
        names.insert(own);
    }
    names.extend(config.server_names.iter().cloned());
    names.into_iter().collect()
}

/// A host's own name may be anything; only what can stand in a certificate goes into one.
fn is_dns_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}

/// Where a client on this machine reaches a server that listens there.
#[must_use]
pub(super) fn reachable(bound: SocketAddr) -> String {
    if bound.ip().is_unspecified() {
        format!("localhost:{}", bound.port())
    } else {
        bound.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_is_reached_by_name() {
        assert_eq!(reachable("0.0.0.0:7443".parse().unwrap()), "localhost:7443");
        assert_eq!(reachable("127.0.0.1:1".parse().unwrap()), "127.0.0.1:1");
    }

    #[test]
    fn configured_names_are_added() {
        let config =
            Config { server_names: vec!["wavegate.example.org".into()], ..Config::default() };
        let names = names(&config);
        assert!(names.contains(&"wavegate.example.org".to_owned()), "{names:?}");
        assert!(names.contains(&"127.0.0.1".to_owned()), "{names:?}");
    }
}

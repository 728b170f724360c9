//! From what Prometheus calls a host to the host.

use std::collections::BTreeMap;

use wavegate_common::HostId;

/// Hosts by name. A name that two hosts have stands for neither.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts(BTreeMap<String, Option<HostId>>);

impl Hosts {
    pub(super) fn new(named: impl IntoIterator<Item = (HostId, String)>) -> Self {
        let mut hosts: BTreeMap<String, Option<HostId>> = BTreeMap::new();
        for (id, name) in named {
            hosts.entry(name).and_modify(|other| *other = None).or_insert(Some(id));
        }
        Self(hosts)
    }

    /// The host that a label's value names: its name, or its name and a port.
    pub(super) fn find(&self, text: &str) -> Option<HostId> {
        let named = |text: &str| self.0.get(text).copied().flatten();
        named(text).or_else(|| {
            let (name, port) = text.rsplit_once(':')?;
            let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            if is_port { named(name) } else { None }
        })
    }

    /// Every host whose name is its own.
    pub(super) fn all(&self) -> impl Iterator<Item = (HostId, &str)> {
        self.0.iter().filter_map(|(name, id)| Some(((*id)?, name.as_str())))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_does_not_matter_and_a_shared_name_is_nobodys() {
        let named = [(1, "web-1"), (2, "web-2"), (3, "twin"), (4, "twin")];
        let hosts = Hosts::new(named.map(|(id, name)| (HostId(id), name.to_owned())));
        assert_eq!(hosts.find("web-1"), Some(HostId(1)));
        assert_eq!(hosts.find("web-2:9100"), Some(HostId(2)));
        for stranger in ["web-3", "web-1:", "web-1:x", "twin", "twin:9100", ""] {
            assert_eq!(hosts.find(stranger), None, "{stranger}");
        }
    }
}

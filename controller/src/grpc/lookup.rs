//! From what people type to what it stands for.

use std::collections::BTreeSet;

use wavegate_common::{HostId, RolloutId, Selector};

use super::api::Api;
use super::near::suggestion;
use crate::driver::{Refusal, World};
use crate::store::Header;

/// Digits of an id that stand for it, if no other id begins with them.
const PREFIX: usize = 4;

/// The one host that a text stands for: an id, the beginning of one, or a name.
pub(super) fn host(world: &World, text: &str) -> Result<HostId, Refusal> {
    let hosts = world.inventory.hosts();
    let named: Vec<HostId> =
        hosts.iter().filter(|record| &*record.name == text).map(|record| record.id).collect();
    match named.as_slice() {
        [one] => return Ok(*one),
        [] => {}
        [first, second, ..] => {
            return Err(Refusal::Invalid(format!(
                "{} hosts are called `{text}`; name one by its id, for example {first} or {second}",
                named.len()
            )));
        }
    }
    if let Ok(id) = text.parse::<HostId>()
        && world.inventory.get(id).is_some()
    {
        return Ok(id);
    }
    let digits = text.to_ascii_lowercase();
    if digits.len() >= PREFIX && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        let fits: Vec<HostId> = hosts
            .iter()
            .map(|record| record.id)
            .filter(|id| id.to_string().starts_with(&digits))
            .take(2)
            .collect();
        match fits.as_slice() {
            [one] => return Ok(*one),
            [] => {}
            _ => {
                return Err(Refusal::Invalid(format!(
                    "more than one host's id begins with `{text}`; give more digits"
                )));
            }
        }
    }
    let names = hosts.iter().map(|record| &*record.name);
    let look = "`wavegate host list` shows all";
    let more = suggestion(text, names, look);
    Err(Refusal::NotFound(format!("there is no host `{text}`; {more}")))
}

/// Every host that is named, and every one that is chosen.
pub(super) fn hosts(
    world: &World,
    named: &[String],
    selector: Option<&Selector>,
) -> Result<Vec<HostId>, Refusal> {
    let mut found = BTreeSet::new();
    for text in named {
        found.insert(host(world, text)?);
    }
    if let Some(selector) = selector {
        let before = found.len();
        let chosen = world.inventory.hosts().iter().filter(|h| selector.matches(&h.labels));
        found.extend(chosen.map(|record| record.id));
        if found.len() == before && named.is_empty() {
            return Err(Refusal::NotFound(format!(
                "the selector `{selector}` chooses no host; `wavegate host list -l '{selector}'` shows what it meets"
            )));
        }
    }
    if found.is_empty() {
        return Err(Refusal::Invalid(
            "name at least one host, or choose some with `-l`".to_owned(),
        ));
    }
    Ok(found.into_iter().collect())
}

impl Api {
    /// The one rollout that a text stands for: an id, or a name. Of those with the same name the
    /// one that is not over, else the last.
    pub(super) async fn rollout(&self, text: &str) -> Result<Header, Refusal> {
        let headers = self.driver.store().rollout_headers().await?;
        let found = match text.parse::<RolloutId>() {
            Ok(id) => headers.iter().find(|header| header.id == id),
            Err(_) => None,
        };
        let named = || headers.iter().filter(|header| header.spec.name == text);
        let found = found
            .or_else(|| named().rfind(|header| !header.phase.is_over()))
            .or_else(|| named().next_back());
        found.cloned().ok_or_else(|| {
            let names = headers.iter().map(|header| header.spec.name.as_str());
            let more = suggestion(text, names, "`wavegate rollout list` shows all");
            Refusal::NotFound(format!("there is no rollout `{text}`; {more}"))
        })
    }
}

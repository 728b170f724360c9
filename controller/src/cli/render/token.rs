//! Enrolment tokens. Their secrets are never here.

use wavegate_common::Timestamp;
use wavegate_common::view::{TokenList, TokenState, TokenView};

use super::table::Table;
use super::time::cell;

/// The list.
#[must_use]
pub fn list(list: &TokenList, now: Timestamp, wide: bool) -> String {
    let mut table = Table::new(&["ID", "FOR", "STATE", "EXPIRES", "MADE BY", "REASON"])
        .firm(&[0, 3])
        .unbounded(wide);
    for token in &list.tokens {
        table.row([
            token.id.clone(),
            token.binding.to_string(),
            state(token, now),
            cell(token.expires, now),
            token.made_by.clone(),
            token.reason.clone(),
        ]);
    }
    table.render()
}

fn state(token: &TokenView, now: Timestamp) -> String {
    match &token.state {
        TokenState::Open if token.expires <= now => "expired".to_owned(),
        TokenState::Open => "open".to_owned(),
        TokenState::Used { by, .. } => format!("used by {by}"),
        TokenState::Revoked { by, .. } => format!("revoked by {by}"),
    }
}

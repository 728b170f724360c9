//! The chain of hashes.

use serde::{Deserialize, Serialize};
use wavegate_common::Digest;

/// What stands before the first entry.
pub const GENESIS: Digest = Digest([0; 32]);

/// The hash of an entry: of the hash before it and its text.
#[must_use]
pub fn link(before: &Digest, body: &str) -> Digest {
    let mut bytes = Vec::with_capacity(32 + body.len());
    bytes.extend_from_slice(&before.0);
    bytes.extend_from_slice(body.as_bytes());
    Digest::of(&bytes)
}

/// Where the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// The first entry that is wrong, or that is missing.
    pub seq: u64,
    /// What is wrong.
    pub problem: String,
}

/// What a look at the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Entries that hold, up to the break if there is one.
    pub entries: u64,
    /// The hash of the last of them.
    pub head: Digest,
    /// The first that does not.
    pub broken: Option<Break>,
}

/// Recomputes the chain over `(seq, body, hash)` in order. `expected_last` is the number of the
/// newest entry according to the rest of the database: fewer mean that the end was cut off.
pub fn verify<E>(
    rows: impl Iterator<Item = Result<(u64, String, String), E>>,
    expected_last: u64,
) -> Result<Verified, E> {
    let mut found = Verified { entries: 0, head: GENESIS, broken: None };
    for row in rows {
        let (seq, body, hash) = row?;
        let wanted = found.entries + 1;
        let hash_now = link(&found.head, &body);
        let problem = if seq != wanted {
            Some((wanted, format!("entry {wanted} is missing, the next one is {seq}")))
        } else if hash_now.to_string() != hash {
            Some((
                seq,
                "its text does not fit its hash: it, or one before it, was changed".to_owned(),
            ))
        } else {
            None
        };
        if let Some((seq, problem)) = problem {
            found.broken = Some(Break { seq, problem });
            return Ok(found);
        }
        found.entries = seq;
        found.head = hash_now;
    }
    if found.entries < expected_last {
        let problem = format!("the log ends here, but {expected_last} entries were written");
        found.broken = Some(Break { seq: found.entries + 1, problem });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = Result<(u64, String, String), std::convert::Infallible>;

    fn log(bodies: &[&str]) -> Vec<(u64, String, String)> {
        let mut head = GENESIS;
        let mut rows = Vec::new();
        for (body, seq) in bodies.iter().zip(1..) {
            head = link(&head, body);
            rows.push((seq, (*body).to_owned(), head.to_string()));
        }
        rows
    }

    fn check(rows: Vec<(u64, String, String)>, last: u64) -> Verified {
        verify(rows.into_iter().map(Row::Ok), last).unwrap()
    }

    #[test]
    fn names_the_first_broken_entry() {
        let whole = log(&["a", "b", "c", "d"]);
        assert_eq!(check(whole.clone(), 4).broken, None);
        let mut changed = whole.clone();
        changed[1].1 = "B".into();
        assert_eq!(check(changed, 4).broken.unwrap().seq, 2);
        let mut missing = whole.clone();
        missing.remove(2);
        assert_eq!(check(missing, 4).broken.unwrap().seq, 3);
        let cut = whole[..3].to_vec();
        assert_eq!(check(cut, 4).broken.unwrap().seq, 4);
    }
}

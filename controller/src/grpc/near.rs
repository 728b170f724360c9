//! Names that are near one that does not exist.

/// Names of the sentence that suggests others.
const SUGGESTED: usize = 3;
/// Names that are looked at; beyond it a suggestion is not worth the time.
const LOOKED_AT: usize = 20_000;

/// The end of a sentence that says that something does not exist: what it could have been, or
/// where to look.
#[must_use]
pub(super) fn suggestion<'a>(
    wanted: &str,
    names: impl Iterator<Item = &'a str>,
    else_look: &str,
) -> String {
    let most = (wanted.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = names
        .take(LOOKED_AT)
        .filter_map(|name| {
            let starts = !wanted.is_empty() && name.starts_with(wanted);
            let far = if starts { 1 } else { distance(wanted, name) };
            (far <= most).then_some((far, name))
        })
        .collect();
    near.sort_unstable();
    near.truncate(SUGGESTED);
    if near.is_empty() {
        return else_look.to_owned();
    }
    let names: Vec<String> = near.iter().map(|(_, name)| format!("`{name}`")).collect();
    format!("did you mean {}? {else_look}", names.join(" or "))
}

/// Letters to be changed, put in or taken out to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    if a.chars().count().abs_diff(b.len()) > a.len() / 3 + 1 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near() {
        let names = ["web-01", "web-02", "db-01"];
        let say = |wanted| suggestion(wanted, names.into_iter(), "look");
        assert_eq!(say("web-1"), "did you mean `web-01`? look");
        assert_eq!(say("wbe-02"), "did you mean `web-02`? look");
        assert_eq!(say("web"), "did you mean `web-01` or `web-02`? look");
        assert_eq!(say("mail"), "look");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}

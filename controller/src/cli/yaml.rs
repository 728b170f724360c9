//! YAML that people wrote: read with file, line and column of whatever is wrong.

use serde::de::DeserializeOwned;

use super::failure::Failure;

/// Reads a value; `file` is for the message only.
///
/// # Errors
/// With the place in the file and what would be valid there.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Failure> {
    serde_saphyr::from_str(text).map_err(|error| {
        let failure = Failure::usage(format!("{file} cannot be read"));
        let problem = message(&error);
        match error.location() {
            Some(place) => {
                let start = offset(text, place.line(), place.column());
                let len = word_length(text, start);
                failure.at(file, text, [(start, len, problem)])
            }
            None => failure.because(problem),
        }
    })
}

/// What is wrong, without the place: that is shown beside it.
fn message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let cut = text.rfind(" at line ").unwrap_or(text.len());
    text[..cut].trim_end_matches([',', ':']).to_owned()
}

/// The byte offset of a line and column, both from 1, the column in characters.
fn offset(text: &str, line: u64, column: u64) -> usize {
    let mut start = 0;
    for (number, content) in (1u64..).zip(text.split_inclusive('\n')) {
        if number == line {
            let skip = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
            let within = content.char_indices().nth(skip).map_or(content.len(), |(at, _)| at);
            return (start + within).min(text.len());
        }
        start += content.len();
    }
    text.len()
}

fn word_length(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find([' ', '\n', ':', ',']).unwrap_or(rest.len());
    end.max(usize::from(!rest.is_empty()))
}

/// The span of a field in YAML text, for example of `waves[2]` or `canary.per_class`: of as much
/// of the path as can be found. Good enough to point at it; it does not know anchors or quotes.
#[must_use]
pub fn find_field(text: &str, path: &str) -> Option<(usize, usize)> {
    let mut area = (0, text.len());
    let mut found = None;
    for step in steps(path) {
        let next = match step {
            Step::Key(key) => find_key(text, area, key),
            Step::Index(index) => find_item(text, area, index),
        };
        let Some(place) = next else { break };
        found = Some((place.at, place.len));
        area = place.area;
    }
    found
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

struct Place {
    at: usize,
    len: usize,
    /// What belongs to it.
    area: (usize, usize),
}

fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    path.split(['.', '[']).filter(|part| !part.is_empty()).map(|part| {
        match part.strip_suffix(']').and_then(|index| index.parse().ok()) {
            Some(index) => Step::Index(index),
            None => Step::Key(part),
        }
    })
}

/// Lines of an area with their offsets and indentation, without blank lines and comments.
fn lines(text: &str, area: (usize, usize)) -> Vec<(usize, usize, &str)> {
    let mut at = area.0;
    let mut out = Vec::new();
    for line in text[area.0..area.1].split_inclusive('\n') {
        let body = line.trim();
        if !body.is_empty() && !body.starts_with('#') {
            out.push((at, line.len() - line.trim_start().len(), body));
        }
        at += line.len();
    }
    out
}

fn find_key(text: &str, area: (usize, usize), key: &str) -> Option<Place> {
    let lines = lines(text, area);
    let (index, (at, indent, _)) = lines.iter().enumerate().find(|(_, (_, _, body))| {
        let body = body.strip_prefix("- ").unwrap_or(body).trim_start();
        body.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
    })?;
    let end = lines[index + 1..]
        .iter()
        .find(|(_, other, body)| other < indent || (other == indent && !body.starts_with('-')))
        .map_or(area.1, |(at, _, _)| *at);
    let start = at + text[*at..].find(key)?;
    Some(Place { at: start, len: key.len(), area: (start + key.len() + 1, end) })
}

fn find_item(text: &str, area: (usize, usize), index: usize) -> Option<Place> {
    let body = &text[area.0..area.1];
    let lead = body.len() - body.trim_start().len();
    if body.trim_start().starts_with('[') {
        let mut at = area.0 + lead + 1;
        let close = at + text[at..area.1].find(']')?;
        for (number, item) in text[at..close].split(',').enumerate() {
            if number == index {
                let start = at + (item.len() - item.trim_start().len());
                let len = item.trim().len();
                return Some(Place { at: start, len, area: (start, start + len) });
            }
            at += item.len() + 1;
        }
        return None;
    }
    let lines = lines(text, area);
    let (_, indent, _) = lines.iter().find(|(_, _, body)| body.starts_with('-'))?;
    let items: Vec<&(usize, usize, &str)> =
        lines.iter().filter(|(_, other, body)| other == indent && body.starts_with('-')).collect();
    let (at, indent, body) = items.get(index)?;
    let end = items.get(index + 1).map_or(area.1, |(next, _, _)| *next);
    Some(Place { at: at + indent, len: body.len(), area: (at + indent, end) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name: june\n# waves: no\ncanary:\n  per_class: 0\n  waive:\n    - class: a\n      by: x\n    - class: b\nwaves: [1%, 5%,  3%]\nbudgets:\n- per_domain:\n    key: rack\n- selected: {}\n";

    fn at(path: &str) -> &'static str {
        let (start, len) = find_field(TEXT, path).unwrap();
        &TEXT[start..start + len]
    }

    #[test]
    fn finds_fields() {
        assert_eq!(at("waves"), "waves");
        assert_eq!(at("waves[2]"), "3%");
        assert_eq!(at("canary.per_class"), "per_class");
        assert_eq!(at("canary.waive[1]"), "- class: b");
        assert_eq!(at("canary.waive[1].class"), "class");
        assert_eq!(at("budgets[1]"), "- selected: {}");
        assert_eq!(at("canary.missing"), "canary");
        assert!(find_field(TEXT, "missing").is_none());
    }
}

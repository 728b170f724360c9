//! A rollout's specification as a file: read, and judged with line and column.

use std::io::Read as _;
use std::path::Path;

use wavegate_common::RolloutSpec;

use super::failure::Failure;
use super::yaml;

/// A specification is a page of text; anything longer is some other file.
const BYTES_MOST: u64 = 1 << 20;

/// Reads a specification; `-` is stdin.
///
/// # Errors
/// If it cannot be read, or with every place that is wrong.
pub fn read(path: &Path) -> Result<RolloutSpec, Failure> {
    let stdin = path == Path::new("-");
    let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
    let mut text = String::new();
    let result = if stdin {
        std::io::stdin().lock().take(BYTES_MOST + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(BYTES_MOST + 1).read_to_string(&mut text))
    };
    result.map_err(|error| {
        Failure::usage(format!("cannot read the specification {name}"))
            .caused_by(&error)
            .next("give a YAML file with `-f FILE`, or `-f -` for stdin")
    })?;
    if text.len() as u64 > BYTES_MOST {
        return Err(Failure::usage(format!("{name} is not a specification"))
            .because("it is larger than 1 MiB"));
    }
    parse(&name, &text)
}

/// Reads a specification from text.
///
/// # Errors
/// With every place that is wrong.
pub fn parse(file: &str, text: &str) -> Result<RolloutSpec, Failure> {
    let spec: RolloutSpec = yaml::parse(file, text).map_err(|failure| {
        failure.next("`wavegate help rollout-spec` shows every field with its default")
    })?;
    let problems = spec.problems();
    if problems.is_empty() {
        return Ok(spec);
    }
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let places = problems.iter().filter_map(|problem| {
        let (start, len) = yaml::find_field(text, &problem.field)?;
        Some((start, len, problem.problem.clone()))
    });
    Err(Failure::usage(format!("the specification {file} cannot be used"))
        .because(lines.join("; "))
        .at(file, text, places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    fn refusal(text: &str) -> String {
        let failure = parse("june.yaml", text).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        failure.render(false)
    }

    const GOOD: &str = "name: june\nrelease: 6.1.0-56\nselector: role=web\n";

    #[test]
    fn a_short_specification_is_enough() {
        assert_eq!(parse("june.yaml", GOOD).unwrap().waves.len(), 4);
    }

    #[test]
    fn says_file_line_and_column() {
        for (text, place, word) in [
            (format!("{GOOD}bakes: 1h\n"), "june.yaml:4:1", "bake"),
            (format!("{GOOD}bake: 1x\n"), "june.yaml:4:7", "is not a duration"),
            (format!("{GOOD}waves: [1%, 50]\n"), "june.yaml:4:", "is not a share"),
            (
                format!("{GOOD}waves: [5%, 1%, 100%]\n"),
                "june.yaml:4:13",
                "more than the wave before",
            ),
            (format!("{GOOD}waves:\n- 5%\n- 50%\n"), "june.yaml:4:1", "the last wave must be 100%"),
            (format!("{GOOD}method: magic\n"), "june.yaml:4:9", "kexec"),
            (format!("{GOOD}canary:\n  per_class: 0\n  at_least: 0\n"), "june.yaml:5:3", "waive"),
            (format!("{GOOD}limits:\n  soak: 1h\n"), "june.yaml:5:3", "shorter"),
            ("name: june\nrelease: a\nselector: ''\n".to_owned(), "june.yaml:3:11", "write `*`"),
            ("name: june\nselector: '*'\n".to_owned(), "june.yaml:", "missing field `release`"),
        ] {
            let shown = refusal(&text);
            assert!(shown.contains(place), "{text}\nwanted {place}:\n{shown}");
            assert!(shown.contains(word), "{text}\nwanted {word}:\n{shown}");
        }
    }

    #[test]
    fn a_missing_file_says_what_to_give() {
        let failure = read(Path::new("/nowhere/june.yaml")).unwrap_err();
        assert!(failure.render(false).contains("-f FILE"), "{}", failure.render(false));
    }
}

//! `wavegate help`: for commands what `--help` says, and pages that belong to no command.

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::output::print;
use super::root::tree;

/// A specification with every field at its default, but for those that must be there.
const SPEC_PAGE: &str = include_str!("rollout-spec.yaml");

/// Help for a command, or a page: `exit-codes`, `rollout-spec`.
#[derive(Debug, Args)]
pub struct Help {
    /// A command, as in `rollout why`, or `exit-codes`, or `rollout-spec`
    words: Vec<String>,
}

pub(super) fn run(args: &Help) -> Result<Exit, Failure> {
    print(&text(&args.words)?)?;
    Ok(Exit::Ok)
}

fn text(words: &[String]) -> Result<String, Failure> {
    match words {
        [word] if word == "exit-codes" => return Ok(Exit::page()),
        [word] if word == "rollout-spec" => return Ok(SPEC_PAGE.to_owned()),
        _ => {}
    }
    let mut command = tree();
    command.build();
    let mut name = String::from("wavegate");
    for word in words {
        command = command.find_subcommand(word).cloned().ok_or_else(|| {
            Failure::usage(format!("`{name}` has no command `{word}`")).next(format!(
                "`{name} --help` lists its commands; `exit-codes` and `rollout-spec` are pages too"
            ))
        })?;
        name = format!("{name} {word}");
    }
    Ok(command.render_long_help().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_page_of_the_specification_is_one_and_tells_the_truth() {
        let full = crate::cli::spec_file::parse("page", SPEC_PAGE).unwrap();
        let short = "name: june\nrelease: 6.1.0-56\nselector: role=web,site in (ams,fra),!spare\n";
        assert_eq!(full, crate::cli::spec_file::parse("short", short).unwrap());
    }

    #[test]
    fn shows_pages_and_commands() {
        assert_eq!(text(&words("exit-codes")).unwrap(), Exit::page());
        assert!(text(&words("rollout why")).unwrap().contains("wavegate rollout why"));
        assert!(text(&[]).unwrap().contains("demo"));
        assert_eq!(text(&words("rollout nothing")).unwrap_err().exit(), Exit::Usage);
    }
}

//! `wavegate help`: for commands what `--help` says, and pages that belong to no command.

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::output::print;
use super::root::tree;

/// Help for a command, or a page: `exit-codes`.
#[derive(Debug, Args)]
pub struct Help {
    /// A command, as in `rollout why`, or `exit-codes`
    words: Vec<String>,
}

pub(super) fn run(args: &Help) -> Result<Exit, Failure> {
    print(&text(&args.words)?)?;
    Ok(Exit::Ok)
}

fn text(words: &[String]) -> Result<String, Failure> {
    if let [word] = words
        && word == "exit-codes"
    {
        return Ok(Exit::page());
    }
    let mut command = tree();
    command.build();
    let mut name = String::from("wavegate");
    for word in words {
        command = command.find_subcommand(word).cloned().ok_or_else(|| {
            Failure::usage(format!("`{name}` has no command `{word}`"))
                .next(format!("`{name} --help` lists its commands; `exit-codes` is a page too"))
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
    fn shows_pages_and_commands() {
        assert_eq!(text(&words("exit-codes")).unwrap(), Exit::page());
        assert!(text(&words("rollout why")).unwrap().contains("wavegate rollout why"));
        assert!(text(&[]).unwrap().contains("demo"));
        assert_eq!(text(&words("rollout nothing")).unwrap_err().exit(), Exit::Usage);
    }
}

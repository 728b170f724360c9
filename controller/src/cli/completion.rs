//! `wavegate completion SHELL`.

use clap::Args;
use clap_complete::Shell;

use super::exit::Exit;
use super::failure::Failure;
use super::output::print;
use super::root::tree;

/// Print a completion script for a shell, for example
/// `wavegate completion bash > /etc/bash_completion.d/wavegate`.
#[derive(Debug, Args)]
pub struct Completion {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Completion) -> Result<Exit, Failure> {
    print(&script(args.shell))?;
    Ok(Exit::Ok)
}

fn script(shell: Shell) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut tree(), "wavegate", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completes_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            assert!(script.contains("rollback"), "{shell}");
            assert!(script.contains("check-config"), "{shell}");
        }
    }
}

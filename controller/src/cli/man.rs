//! `wavegate man`: manual pages made from the commands themselves.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::output::print;
use super::root::tree;
use super::session::Session;

/// Print the manual page of wavegate, or write one per command.
#[derive(Debug, Args)]
pub struct Man {
    /// Write wavegate.1, wavegate-rollout.1 … into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Man, session: &Session) -> Result<Exit, Failure> {
    let Some(dir) = &args.dir else {
        let page = page(&tree())?;
        print(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Ok);
    };
    let count = write_all(dir)?;
    session.output.say(format!("{count} pages are in {}", dir.display()));
    Ok(Exit::Ok)
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut out)
        .map_err(|e| Failure::new(Exit::Failed, "cannot make the manual page").caused_by(&e))?;
    Ok(out)
}

fn write_all(dir: &Path) -> Result<usize, Failure> {
    let failed = |error: &std::io::Error| {
        Failure::new(Exit::Failed, format!("cannot write pages to {}", dir.display()))
            .caused_by(error)
    };
    std::fs::create_dir_all(dir).map_err(|e| failed(&e))?;
    clap_mangen::generate_to(tree(), dir).map_err(|e| failed(&e))?;
    Ok(count(&tree()))
}

fn count(command: &clap::Command) -> usize {
    1 + command.get_subcommands().map(count).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_its_page() {
        let dir = tempfile::tempdir().unwrap();
        let count = write_all(dir.path()).unwrap();
        assert!(count > 30, "{count}");
        let page = std::fs::read_to_string(dir.path().join("wavegate-rollout-why.1")).unwrap();
        assert!(page.contains("wavegate\\-rollout\\-why"), "{page}");
    }
}

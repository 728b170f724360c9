//! `wavegate version`.

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

/// Print the version.
#[derive(Debug, Args)]
pub struct Version {}

#[derive(Serialize)]
struct VersionView {
    version: &'static str,
}

pub(super) fn run(session: &Session) -> Result<Exit, Failure> {
    let view = VersionView { version: env!("CARGO_PKG_VERSION") };
    session.output.data(&view, || format!("wavegate {}\n", view.version))?;
    Ok(Exit::Ok)
}

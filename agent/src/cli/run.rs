//! `wavegate-agent run`

use std::path::Path;

use super::Exit;
use super::output::settings;
use crate::daemon;
use crate::root::Root;

pub(super) async fn run(config: &Path, root: Root) -> anyhow::Result<Exit> {
    let settings = match settings(config) {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    daemon::run(settings, root).await?;
    Ok(Exit::Well)
}

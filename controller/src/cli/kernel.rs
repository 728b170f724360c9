//! `wavegate kernel`: which kernels may be rolled out.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wavegate_common::{KernelRelease, Release, ReleaseName, ReleaseSource};
use wavegate_proto::operator::ask::{AddKernel, ListKernels};

use super::client::reason;
use super::exit::Exit;
use super::failure::Failure;
use super::render::{kernel as text, time};
use super::root::Reason;
use super::session::Session;
use super::upload::{Artifact, upload};

/// Kernels.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List registered kernels
    List,
    /// Register a kernel: a package of the hosts' own package manager, or a file
    Add(Add),
}

/// The kernel and where hosts get it from.
#[derive(Debug, Args)]
#[command(
    override_usage = "wavegate kernel add NAME --kernel RELEASE --package PACKAGE --reason TEXT\n       \
    wavegate kernel add NAME --kernel RELEASE --artifact FILE --reason TEXT"
)]
pub struct Add {
    /// Name of the release, as specifications will call it
    name: String,
    /// What `uname -r` will say, for example 6.1.0-56-amd64
    #[arg(long, value_name = "RELEASE")]
    kernel: String,
    #[command(flatten)]
    source: Source,
    /// An exact version of the package, instead of what the hosts' sources offer
    #[arg(long, value_name = "VERSION", requires = "package")]
    version: Option<String>,
    /// A kernel parameter for its boot entry, besides the host's own; may be repeated
    #[arg(long, value_name = "PARAMETER")]
    append: Vec<String>,
    #[command(flatten)]
    reason: Reason,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Package of the hosts' package manager, for example linux-image-6.1.0-56-amd64
    #[arg(long, value_name = "PACKAGE")]
    package: Option<String>,
    /// A .deb or .rpm file; it is uploaded, and hosts get it from the controller
    #[arg(long, value_name = "FILE")]
    artifact: Option<PathBuf>,
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::List => session.block_on(list(session))?,
        // An upload takes as long as it takes; each call within keeps its own limit.
        Command::Add(args) => session.block_on_unlimited(add(args, session))?,
    }
    Ok(Exit::Ok)
}

async fn list(session: &Session) -> Result<(), Failure> {
    let mut client = session.client().await?;
    let kernels = client
        .calls
        .list_kernels(&ListKernels {})
        .await
        .map_err(|status| client.failed("cannot list kernels", &status))?;
    session.output.data(&kernels, || text::list(&kernels, time::now(), session.output.is_wide()))
}

async fn add(args: &Add, session: &Session) -> Result<(), Failure> {
    let reason = reason(&args.reason.reason)?;
    let artifact = args.source.artifact.as_deref().map(Artifact::read).transpose()?;
    let mut client = session.client().await?;
    let source = match (artifact, &args.source.package) {
        (Some(artifact), _) => {
            upload(&mut client, &artifact, session).await?;
            let Artifact { digest, size, file, .. } = artifact;
            ReleaseSource::Artifact { digest, size, file }
        }
        (None, Some(package)) => {
            ReleaseSource::Package { package: package.clone(), version: args.version.clone() }
        }
        (None, None) => {
            return Err(Failure::usage("a kernel comes from somewhere")
                .next("give `--package PACKAGE` or `--artifact FILE`"));
        }
    };
    let release = Release {
        name: ReleaseName::from(args.name.as_str()),
        kernel: KernelRelease::from(args.kernel.as_str()),
        source,
        append: args.append.clone(),
    };
    let kernel = client
        .calls
        .add_kernel(&AddKernel { release, reason })
        .await
        .map_err(|status| client.failed(format!("cannot add kernel {}", args.name), &status))?;
    session.output.data(&kernel, || {
        let release = &kernel.release;
        format!("kernel {} ({}) is registered\n", release.name, release.kernel)
    })
}

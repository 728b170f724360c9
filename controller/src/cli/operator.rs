//! `wavegate operator`: how a person gets a certificate. The key is made here and stays here.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use wavegate_common::Timestamp;
use wavegate_common::view::{OperatorEnrolled, Role};
use wavegate_proto::operator::ask::EnrollOperator;
use wavegate_proto::tls::{self, HostKey};

use super::client::Client;
use super::context::{Context, user_file};
use super::exit::Exit;
use super::failure::Failure;
use super::render::time;
use super::session::Session;

/// Operators.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key, have it signed against a token, and write a context file
    Enroll(Enroll),
}

/// Where to enrol, with what, and where to keep it.
#[derive(Debug, Args)]
#[command(after_help = "An admin makes the token: \
    `wavegate token create --operator NAME --role ROLE --reason ...`\n\
    The token is read from a file or from stdin, never from the command line.")]
pub struct Enroll {
    /// `host:port` of the controller
    #[arg(long, value_name = "ADDRESS")]
    controller: String,
    /// Certificate of the controller's CA: ca.pem of its data directory
    #[arg(long, value_name = "FILE")]
    ca_file: PathBuf,
    /// File that holds the token; `-` is stdin
    #[arg(long, value_name = "FILE", default_value = "-")]
    token_file: PathBuf,
    /// Where to keep context, key and certificates; by default ~/.config/wavegate
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What came of it, without the certificate.
#[derive(Debug, Serialize)]
struct EnrolledView {
    name: String,
    role: Role,
    not_after: Timestamp,
    context: PathBuf,
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    let Command::Enroll(args) = command;
    session.block_on(enroll(args, session))?;
    Ok(Exit::Ok)
}

async fn enroll(args: &Enroll, session: &Session) -> Result<(), Failure> {
    let dir = folder(args)?;
    let context = dir.join("context.yaml");
    if context.exists() {
        return Err(Failure::new(Exit::Conflict, format!("{} exists", context.display()))
            .next("choose another place with `--dir DIR`, or move it away"));
    }
    let ca_pem = std::fs::read_to_string(&args.ca_file).map_err(|error| {
        Failure::usage(format!("cannot read {}", args.ca_file.display())).caused_by(&error)
    })?;
    let token = token(&args.token_file)?;
    let key = HostKey::generate()
        .map_err(|e| Failure::new(Exit::Failed, "cannot make a key").caused_by(&e))?;
    let csr = key
        .csr()
        .map_err(|e| Failure::new(Exit::Failed, "cannot make a signing request").caused_by(&e))?;
    let mut client = Client::open(&args.controller, &ca_pem, None, session.call_limit()).await?;
    let enrolled = client
        .calls
        .enroll_operator(&EnrollOperator { token, csr })
        .await
        .map_err(|status| client.failed("the controller did not take the token", &status))?;
    keep(&dir, &context, &args.controller, &key, &enrolled)?;
    let view = EnrolledView {
        name: enrolled.name,
        role: enrolled.role,
        not_after: enrolled.not_after,
        context,
    };
    session.output.data(&view, || {
        format!(
            "you are {} ({}) until {}; the context is {}\n",
            view.name,
            view.role,
            time::absolute(view.not_after),
            view.context.display()
        )
    })
}

fn folder(args: &Enroll) -> Result<PathBuf, Failure> {
    let usual = || user_file().and_then(|file| file.parent().map(Path::to_owned));
    args.dir.clone().or_else(usual).ok_or_else(|| {
        Failure::usage("there is no home directory to keep the key in").next("give `--dir DIR`")
    })
}

fn token(file: &Path) -> Result<String, Failure> {
    const BYTES_MOST: u64 = 4_096;
    let mut text = String::new();
    let result = if file == Path::new("-") {
        std::io::stdin().lock().take(BYTES_MOST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(BYTES_MOST).read_to_string(&mut text))
    };
    result.map_err(|error| {
        Failure::usage(format!("cannot read the token from {}", file.display())).caused_by(&error)
    })?;
    match text.trim() {
        "" => Err(Failure::usage("there is no token").next(
            "an admin makes one with `wavegate token create --operator NAME --role ROLE`; \
             give it with `--token-file FILE` or on stdin",
        )),
        text => Ok(text.to_owned()),
    }
}

/// Writes key and certificates first and the context last: a context that is there is whole.
fn keep(
    dir: &Path,
    context: &Path,
    controller: &str,
    key: &HostKey,
    enrolled: &OperatorEnrolled,
) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new(Exit::Failed, format!("cannot keep the certificate in {}", dir.display()))
            .caused_by(error)
            .next("the token is used up now: ask for another and try again with `--dir DIR`")
    };
    std::fs::create_dir_all(dir).map_err(|e| failed(&e))?;
    tls::write_secret(&dir.join("operator.key"), key.to_pem().as_bytes())
        .map_err(|e| failed(&e))?;
    tls::write_public(&dir.join("operator.crt"), enrolled.certificate_pem.as_bytes())
        .map_err(|e| failed(&e))?;
    tls::write_public(&dir.join("ca.pem"), enrolled.ca_pem.as_bytes()).map_err(|e| failed(&e))?;
    let written = Context {
        controller: controller.to_owned(),
        ca: "ca.pem".into(),
        certificate: "operator.crt".into(),
        key: "operator.key".into(),
        name: Some(enrolled.name.clone()),
    };
    written.save(context).map_err(|e| failed(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "wg1-abc\n").unwrap();
        assert_eq!(token(&file).unwrap(), "wg1-abc");
        std::fs::write(&file, " \n").unwrap();
        assert_eq!(token(&file).unwrap_err().exit(), Exit::Usage);
    }
}

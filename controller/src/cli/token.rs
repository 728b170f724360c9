//! `wavegate token`: who may join.

use clap::{Args, Subcommand};
use wavegate_common::view::{Role, TokenBinding};
use wavegate_common::{Millis, Selector};
use wavegate_proto::operator::ask::{CreateToken, ListTokens, RevokeToken};

use super::client::reason;
use super::exit::Exit;
use super::failure::Failure;
use super::render::{time, token as text};
use super::root::Reason;
use super::session::Session;

/// Tokens.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token with which one host, or one operator, may join once
    Create(Create),
    /// List tokens, without their secrets
    List,
    /// Take a token back
    Revoke(Revoke),
}

/// For whom a token is, and for how long.
#[derive(Debug, Args)]
#[command(override_usage = "wavegate token create --host NAME --reason TEXT\n       \
    wavegate token create --selector LABELS --reason TEXT\n       \
    wavegate token create --operator PERSON [--role ROLE] --reason TEXT")]
#[command(after_help = "The secret is shown this once. On the host: \
    `wavegate-agent enroll --token-file FILE --controller HOST:PORT --ca-file ca.pem`")]
pub struct Create {
    #[command(flatten)]
    holder: Holder,
    /// What the operator may do
    #[arg(long, value_name = "ROLE", requires = "operator", default_value = "operator")]
    role: Role,
    /// How long it may be used
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    life: Millis,
    #[command(flatten)]
    reason: Reason,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Holder {
    /// The host of this name
    #[arg(long, value_name = "NAME", visible_alias = "name")]
    host: Option<String>,
    /// Any one host with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<Selector>,
    /// The person of this name
    #[arg(long, value_name = "PERSON")]
    operator: Option<String>,
}

/// Which token.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Its id, as listed
    id: String,
    #[command(flatten)]
    reason: Reason,
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    session.block_on(async {
        match command {
            Command::Create(args) => create(args, session).await,
            Command::List => list(session).await,
            Command::Revoke(args) => revoke(args, session).await,
        }
    })?;
    Ok(Exit::Ok)
}

impl Create {
    fn binding(&self) -> Option<TokenBinding> {
        let Holder { host, selector, operator } = &self.holder;
        match (host, selector, operator) {
            (Some(name), _, _) => Some(TokenBinding::Host { name: name.clone() }),
            (_, Some(selector), _) => Some(TokenBinding::Hosts { selector: selector.clone() }),
            (_, _, Some(name)) => {
                Some(TokenBinding::Operator { name: name.clone(), role: self.role })
            }
            (None, None, None) => None,
        }
    }
}

async fn create(args: &Create, session: &Session) -> Result<(), Failure> {
    let Some(binding) = args.binding() else {
        return Err(Failure::usage("a token is for somebody")
            .next("give `--host NAME`, `--selector LABELS` or `--operator PERSON`"));
    };
    let ask = CreateToken { binding, life: args.life, reason: reason(&args.reason.reason)? };
    let mut client = session.client().await?;
    let made = client
        .calls
        .create_token(&ask)
        .await
        .map_err(|status| client.failed("no token was made", &status))?;
    session.output.say(format!(
        "token {} for {}, until {}; it is shown this once",
        made.token.id,
        made.token.binding,
        time::absolute(made.token.expires)
    ));
    session.output.data(&made, || format!("{}\n", made.secret))
}

async fn list(session: &Session) -> Result<(), Failure> {
    let mut client = session.client().await?;
    let tokens = client
        .calls
        .list_tokens(&ListTokens {})
        .await
        .map_err(|status| client.failed("cannot list tokens", &status))?;
    session.output.data(&tokens, || text::list(&tokens, time::now(), session.output.is_wide()))
}

async fn revoke(args: &Revoke, session: &Session) -> Result<(), Failure> {
    let ask = RevokeToken { id: args.id.clone(), reason: reason(&args.reason.reason)? };
    let mut client = session.client().await?;
    let token = client
        .calls
        .revoke_token(&ask)
        .await
        .map_err(|status| client.failed(format!("cannot revoke token {}", args.id), &status))?;
    session.output.data(&token, || format!("token {} for {} is revoked\n", token.id, token.binding))
}

//! The controller's configuration: a YAML file, or nothing at all.
//!
//! Every field has a default with which a controller runs in a fresh directory. Nothing here
//! reads the environment but secrets that say so; what the command line gives is put over the
//! file's values by its caller.

mod endpoint;
mod file;
mod name;
mod problem;
mod receiver;
mod secret;
mod source;

pub use endpoint::{Basic, Http, Url};
pub use file::{CertificateLives, Config};
pub use name::Name;
pub use problem::ConfigError;
pub use receiver::{
    Alertmanager, Alerts, HOST, Matcher, Pagerduty, Receiver, Silences, Slack, Webhook,
};
pub use secret::{BadSecret, Secret};
pub use source::{Query, Ratio, Shape, Source, Value};

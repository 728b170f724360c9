//! The controller's configuration: a YAML file, or nothing at all.
//!
//! Every field has a default with which a controller runs in a fresh directory. Nothing here
//! reads the environment; what the command line gives is put over the file's values by its caller.

mod file;
mod problem;

pub use file::{CertificateLives, Config};
pub use problem::ConfigError;

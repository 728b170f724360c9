//! `fleet-sim`: the deterministic simulator at the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    wavegate_integration_tests::cli::main()
}

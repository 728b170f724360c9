//! The one binary: controller, operators' command, demo.

fn main() -> std::process::ExitCode {
    wavegate_controller::cli::main().into()
}

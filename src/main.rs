//! The command: hands over to [`privaflow::cli`] and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    privaflow::cli::main()
}

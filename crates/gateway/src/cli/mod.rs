//! The command line: thin, one file per command. `anyhow` lives only here and in `config`.

use std::process::ExitCode;

/// Reads the arguments and runs the command they name.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}

//! Programs that are run as a user runs them, against the emulator.

use std::process::{Command, Output};

use mendix_deploy::emulator::Emulator;

use super::child::{VARIABLES, client_of_emulator};

/// The command `mendix-deploy` with these arguments.
pub(crate) fn command(emulator: &Emulator, args: &[&str]) -> Command {
    let mut command = with_environment(Command::new(env!("CARGO_BIN_EXE_mendix-deploy")), emulator);
    command.args(args);
    command
}

/// The program, with the variables for the emulator and no others that the crate reads.
pub(crate) fn with_environment(mut command: Command, emulator: &Emulator) -> Command {
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.envs(client_of_emulator(emulator)).env_remove("RUST_BACKTRACE");
    command
}

/// What it wrote to stdout and stderr, which is never the key.
#[track_caller]
pub(crate) fn text(output: &Output) -> (String, String) {
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!out.contains(Emulator::API_KEY) && !err.contains(Emulator::API_KEY), "{out}{err}");
    (out, err)
}

//! `mendix-deploy emulator`.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use mendix_deploy::emulator::Emulator;

use super::failure::WRONG_INPUT;

/// Serves until the process is stopped; 0 is a free port.
pub(crate) fn run(port: u16) -> ExitCode {
    let emulator = match Emulator::start_on(port) {
        Ok(emulator) => emulator,
        Err(error) => {
            let text =
                format!("error: the emulator cannot listen on port {port}: {error}\nnext: mendix-deploy emulator");
            let _ = writeln!(stderr(), "{text}");
            return ExitCode::from(WRONG_INPUT);
        }
    };
    let variables = [
        ("MENDIX_DEPLOY_URL", emulator.url()),
        ("MENDIX_USERNAME", Emulator::USERNAME),
        ("MENDIX_API_KEY", Emulator::API_KEY),
    ];
    for (name, value) in variables {
        let _ = writeln!(stdout(), "export {name}={value}");
    }
    // It serves in a thread of its own, and a thread that is parked can wake up.
    loop {
        std::thread::park();
    }
}

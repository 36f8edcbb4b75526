//! The command `mendix-deploy`, run as a process.

mod deploy;
mod help;
mod killed;
mod outputs;
mod served;
mod statuses;
mod verify;

use mendix_deploy::emulator::Emulator;

use crate::support::package::Package;
use crate::support::program::{command, text};

/// How a run of the command ended.
struct Ran {
    status: i32,
    out: String,
    err: String,
}

impl Ran {
    /// The object on stdout, which is one line.
    #[track_caller]
    fn json(&self) -> serde_json::Value {
        assert_eq!(self.out.lines().count(), 1, "{}{}", self.out, self.err);
        self.out.parse().unwrap()
    }

    /// The arguments of the command in the last line on stderr.
    #[track_caller]
    fn next(&self) -> Vec<&str> {
        let next = self.err.lines().last().and_then(|line| line.strip_prefix("next: mendix-deploy "));
        next.unwrap_or_else(|| panic!("nothing to run next: {}", self.err)).split(' ').collect()
    }
}

/// Runs it to its end.
#[track_caller]
fn run(emulator: &Emulator, args: &[&str]) -> Ran {
    let output = command(emulator, args).output().unwrap();
    let (out, err) = text(&output);
    assert!(!err.contains("::") && !err.contains("deploy_package"), "words of Rust: {err}");
    Ran { status: output.status.code().unwrap(), out, err }
}

/// The arguments that deploy build 45 of this file to `Acceptance`.
fn deploy_45(file: &Package) -> [&str; 7] {
    let file = file.as_ref().to_str().unwrap();
    ["deploy", "calc", "Acceptance", file, "--name", "calc_45.mda", "--skip-existing"]
}

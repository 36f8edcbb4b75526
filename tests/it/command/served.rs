//! `mendix-deploy emulator`: for trying the command by hand, and for testing scripts.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use mendix_deploy::emulator::Emulator;

use super::deploy_45;
use crate::support::package::Package;
use crate::support::program::{command, text};

/// Ends with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_emulator_prints_the_variables_with_which_the_other_commands_work() {
    let child = Command::new(env!("CARGO_BIN_EXE_mendix-deploy")).arg("emulator").stdout(Stdio::piped()).spawn();
    let mut served = Served(child.unwrap());
    let lines = BufReader::new(served.0.stdout.take().unwrap()).lines();
    let exports: Vec<_> = lines.take(3).map(Result::unwrap).collect();
    let variables = exports.iter().map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap());
    let variables: Vec<_> = variables.collect();

    let other = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let run = |args: &[&str]| text(&command(&other, args).envs(variables.iter().copied()).output().unwrap());
    let (deployed, err) = run(&deploy_45(&file));
    assert!(deployed.contains(r#""Changed":true"#), "{err}");
    let (shown, err) = run(&["status", "calc"]);
    assert!(shown.contains("calc_45.mda"), "{err}");
    assert_eq!(other.requests(), 0);

    let port = variables[0].1.rsplit_once(':').unwrap().1;
    let taken = command(&other, &["emulator", "--port", port]).output().unwrap();
    assert_eq!(taken.status.code(), Some(2));
    assert!(text(&taken).1.contains(&format!("cannot listen on port {port}")), "{taken:?}");
}

//! `mendix-deploy verify`: a table without anything private.

use mendix_deploy::emulator::{Emulator, Fault, JobEnd};

use super::run;
use crate::support::package::Package;

#[test]
fn verify_prints_a_table_that_names_nothing_and_how_to_go_back() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("secret-project.mda");
    let path = file.as_ref().to_str().unwrap();
    let ran = run(&emulator, &["verify", "calc", "Acceptance", "--upload", path, "--deploy"]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    let (heading, table) = ran.out.split_once("\n\n").unwrap();
    assert_eq!(heading, concat!("`mendix-deploy verify --upload --deploy`, version ", env!("CARGO_PKG_VERSION"), ":"));
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(rows[0], "| taken for granted | seen | finding |");
    assert!(
        rows.len() > 30 && rows.iter().all(|row| row.split(" | ").count() == 3 || row.starts_with("|--")),
        "{table}"
    );
    let package = emulator.uploads().pop().unwrap().package_id.to_string();
    for secret in ["calc", "secret-project", "richard", "127.0.0.1", &package, Emulator::DEPLOYED_PACKAGE] {
        assert!(!ran.out.contains(secret), "{secret}: {}", ran.out);
    }
    let production = ["verify", "calc", "Production", "--upload", path, "--deploy", "--production"];
    let ran_there = run(&emulator, &production);
    let back = format!("deploy calc Production --package {} --production\n", Emulator::DEPLOYED_PACKAGE);
    assert!(ran_there.err.contains(&back), "{}", ran_there.err);
    let back = format!("to go back: mendix-deploy deploy calc Acceptance --package {}", Emulator::DEPLOYED_PACKAGE);
    assert!(ran.err.contains(&back), "{}", ran.err);
}

#[test]
fn verify_fails_if_anything_differs_and_never_says_to_upload_again() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let path = file.as_ref().to_str().unwrap();
    emulator.omit_fields(&["Production"]);
    let ran = run(&emulator, &["verify", "calc"]);
    assert_eq!(ran.status, 5, "{}", ran.err);
    assert!(ran.out.contains("| 3 of 3 are neither | differs |"), "{}", ran.out);
    emulator.omit_fields(&[]);

    emulator.jobs_end(JobEnd::Failed);
    let failed = run(&emulator, &["verify", "calc", "--upload", path]);
    assert_eq!((failed.status, failed.next()), (5, vec!["status", "calc"]), "{}", failed.err);
    emulator.jobs_end(JobEnd::Completed);
    emulator.fail_starts(1, Fault::Code("MISSING_CONSTANT"));
    let down = run(&emulator, &["verify", "calc", "Acceptance", "--upload", path, "--deploy"]);
    let package = emulator.uploads().pop().unwrap().package_id.to_string();
    assert_eq!((down.status, down.next()), (6, vec!["deploy", "calc", "Acceptance", "--package", &package]));
    assert!(down.out.contains("`MISSING_CONSTANT` | holds |"), "{}", down.out);

    for args in [&["--deploy"][..], &["--upload", path, "--deploy"], &["--production"]] {
        assert_eq!(run(&emulator, &[&["verify", "calc"], args].concat()).status, 2, "{args:?}");
    }
    assert_eq!(emulator.uploads().len(), 2);
}

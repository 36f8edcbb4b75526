//! What each subcommand does, and its JSON.

use mendix_deploy::emulator::{Emulator, Fault};
use serde_json::json;

use super::{deploy_45, run};
use crate::support::package::Package;

#[test]
fn deploy_deploys_a_file_and_goes_back() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let ran = run(&emulator, &deploy_45(&file));
    assert_eq!(ran.status, 0, "{}", ran.err);
    let package = emulator.uploads().pop().unwrap().package_id;
    let mut expected = json!({
        "PackageId": package,
        "Environment": "Acceptance",
        "Status": "Running",
        "Url": "https://calc-accp.mendixcloud.com",
        "PreviousPackageId": Emulator::DEPLOYED_PACKAGE,
        "Changed": true,
    });
    assert_eq!(ran.json(), expected);
    assert!(ran.err.contains("stop requested") && ran.err.contains("started"), "{}", ran.err);

    let again = run(&emulator, &deploy_45(&file));
    expected["PreviousPackageId"] = json!(null);
    expected["Changed"] = json!(false);
    assert_eq!((again.json(), emulator.steps().len()), (expected, 3));

    let back = ["deploy", "calc", "Acceptance", "--package", Emulator::DEPLOYED_PACKAGE];
    assert_eq!(run(&emulator, &back).json()["PreviousPackageId"], json!(package));
    assert_eq!(run(&emulator, &[&back[..], &["--restart"]].concat()).json()["Changed"], true);
    assert_eq!((emulator.uploads().len(), emulator.steps().len()), (1, 8));
}

#[test]
fn upload_names_the_package_and_its_progress_goes_to_stderr() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let path = file.as_ref().to_str().unwrap();
    let ran = run(&emulator, &["upload", "calc", path, "--name", "named.mda"]);
    let received = emulator.uploads().pop().unwrap();
    assert_eq!((ran.status, received.name.as_str()), (0, "named.mda"), "{}", ran.err);
    assert_eq!(ran.json(), json!({"PackageId": received.package_id, "Status": "Succeeded"}));
    for said in ["all 22 bytes sent", "app calc accepted", "Completed"] {
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    assert_eq!(run(&emulator, &["upload", "calc", path]).status, 0);
    assert_eq!(emulator.uploads()[1].name, "x.mda");

    let waited = run(&emulator, &["wait", "calc", received.job_id.as_str()]);
    assert_eq!(waited.json(), json!({"JobId": received.job_id, "Status": "Completed"}));
}

#[test]
fn check_says_whether_it_could_and_uploads_nothing() {
    let emulator = Emulator::start().unwrap();
    let (file, page) = (Package::called("x.mda"), Package::named("x.mda", b"<html>"));
    let check = |file: &Package, environment: &[&str]| {
        let path = file.as_ref().to_str().unwrap();
        run(&emulator, &[&["check", "calc", path][..], environment].concat())
    };
    let ran = check(&file, &[]);
    assert_eq!((ran.json(), ran.err.as_str()), (json!({"Check": "passed", "Environment": null}), ""));
    let found = check(&file, &["Production"]).json();
    assert_eq!(
        (&found["Environment"]["Production"], &found["Environment"]["Status"]),
        (&json!(true), &json!("Running"))
    );
    assert!(check(&file, &["accp"]).err.contains("are: Test, Acceptance, Production"));
    let refused = check(&page, &[]);
    assert!((refused.status, refused.out.as_str()) == (2, "") && refused.err.contains("web page"), "{}", refused.err);
    assert!(emulator.uploads().is_empty());
}

#[test]
fn status_shows_what_there_is_even_if_one_environment_cannot_be_read() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    run(&emulator, &deploy_45(&file));
    let shown = run(&emulator, &["status", "calc"]).json();
    let package = json!(emulator.uploads()[0].package_id);
    assert_eq!((&shown["AppId"], &shown["Packages"][0]["PackageId"]), (&json!("calc"), &package));
    assert_eq!((&shown["Packages"][0]["Size"], &shown["Packages"][0]["Name"]), (&json!(22), &json!("calc_45.mda")));
    let [test, acceptance, _] = &shown["Environments"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!(
        (&test["Environment"], &test["Status"], &test["Package"]),
        (&json!("Test"), &json!("Empty"), &json!(null))
    );
    assert_eq!((&acceptance["Status"], &acceptance["Package"]["PackageId"]), (&json!("Running"), &package));

    // The list of environments, and then the package on the first.
    emulator.fail_polls(1, Fault::Slow(0));
    emulator.fail_polls(1, Fault::Code("NO_ACCESS"));
    let ran = run(&emulator, &["status", "calc"]);
    let shown = ran.json();
    let [test, acceptance, _] = &shown["Environments"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert!(test.get("Package").is_none() && test["Error"].as_str().unwrap().contains("NO_ACCESS"), "{shown}");
    assert_eq!((ran.status, &acceptance["Package"]["PackageId"]), (0, &package));

    // The list of packages comes last.
    emulator.fail_polls(4, Fault::Slow(0));
    emulator.fail_polls(1, Fault::Code("NO_ACCESS"));
    let ran = run(&emulator, &["status", "calc"]);
    let shown = ran.json();
    assert_eq!((&shown["Packages"], shown["Environments"].as_array().unwrap().len()), (&json!(null), 3));
    assert!(ran.status == 5 && ran.err.contains("NO_ACCESS"), "{}", ran.err);
}

#[test]
fn an_unknown_outcome_is_resolved_by_the_package_list() {
    let emulator = Emulator::start().unwrap();
    let file = Package::called("x.mda");
    let upload = || run(&emulator, &["upload", "calc", file.as_ref().to_str().unwrap()]);
    emulator.fail_uploads(1, Fault::NoAnswer);
    let ran = upload();
    let [received] = &emulator.uploads()[..] else { panic!("one upload: {}", ran.err) };
    assert_eq!(ran.json(), json!({"PackageId": received.package_id, "Status": "Succeeded"}));
    let said = ["cannot tell whether", "found as package", "ready to be deployed after"]
        .map(|words| ran.err.find(words).unwrap_or_else(|| panic!("{words}: {}", ran.err)));
    assert!(said.is_sorted(), "{}", ran.err);

    emulator.fail_uploads(1, Fault::NoAnswerButTwice);
    let unclear = upload();
    assert!(unclear.out.is_empty() && unclear.err.contains("error: cannot tell which package"), "{}", unclear.err);
    assert_eq!((unclear.status, unclear.next(), emulator.uploads().len()), (4, vec!["status", "calc"], 3));

    // No command only searches.
    emulator.fail_uploads(1, Fault::NoAnswer);
    emulator.fail_polls(1000, Fault::Status(503));
    let unread = run(&emulator, &["upload", "calc", file.as_ref().to_str().unwrap(), "--timeout", "1s"]);
    assert!(unread.err.contains("is still unknown") && !unread.err.contains("search again"), "{}", unread.err);
}

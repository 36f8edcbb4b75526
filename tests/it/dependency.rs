//! Cargo allows one ureq 3 in a workspace, so this crate must work with later versions than its own `Cargo.lock` has.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::package::{self, Package};

const LATER: &str = "3.99.0";

fn cargo(folder: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).current_dir(folder).args(args).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "cargo {args:?}: {err}");
    out.into_owned()
}

/// The folder of ureq's sources, and their version.
fn ureq() -> (PathBuf, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let metadata = cargo(root, &["metadata", "--locked", "--format-version", "1"]);
    let metadata: serde_json::Value = metadata.parse().unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "ureq").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    (manifest.parent().unwrap().to_owned(), package["version"].as_str().unwrap().to_owned())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Builds a workspace, so only `.ci/run` runs it.
#[test]
#[ignore = "compiles all dependencies"]
fn a_workspace_whose_other_member_needs_a_later_ureq_builds() {
    let manifest = Package::named("Cargo.toml", b"");
    let workspace = manifest.as_ref().parent().unwrap();
    let write = |file: &str, text: &str| package::write(&workspace.join(file), text);
    // A copy with a higher version number stands for a future release.
    let (sources, version) = ureq();
    copy(&sources, &workspace.join("ureq"));
    let of_ureq = std::fs::read_to_string(sources.join("Cargo.toml")).unwrap();
    let number = |version: &str| format!("\nversion = \"{version}\"\n");
    assert_eq!(of_ureq.matches(&number(&version)).count(), 1, "the number of the package, and of nothing else");
    write("ureq/Cargo.toml", &of_ureq.replace(&number(&version), &number(LATER)));

    let member = |name: &str, dependency: &str| {
        let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        write(&format!("{name}/Cargo.toml"), &format!("{package}[dependencies]\n{dependency}\n"));
    };
    member("release", &format!("mendix-deploy = {{ path = {:?} }}", env!("CARGO_MANIFEST_DIR")));
    write("release/src/lib.rs", "pub use mendix_deploy::upload_package;");
    member("other", &format!("ureq = {{ version = {LATER:?}, default-features = false }}"));
    write("other/src/lib.rs", "pub use ureq::get;");
    write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"release\", \"other\"]\nexclude = [\"ureq\"]\n\
         [patch.crates-io]\nureq = { path = \"ureq\" }\n",
    );
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"), workspace.join("Cargo.lock")).unwrap();
    cargo(workspace, &["build", "--quiet", "--target-dir", "target"]);
    let lock = std::fs::read_to_string(workspace.join("Cargo.lock")).unwrap();
    let [before, after] = lock.split("name = \"ureq\"\n").collect::<Vec<_>>()[..] else { panic!("one ureq: {lock}") };
    assert!(!before.is_empty() && after.starts_with(number(LATER).trim_start()), "{after}");
}

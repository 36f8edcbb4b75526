//! The rules of the house, checked on the source itself.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the crate, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let (mut folders, mut files) = (vec![root().join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    assert!(!files.is_empty());
    files
}

/// The lines of code: neither comments nor unit tests, which come last in every file.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn files_that_name(word: &str) -> Vec<String> {
    let mut files: Vec<_> = sources("src")
        .into_iter()
        .filter(|(_, text)| code(text).contains(word))
        .map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    files
}

#[test]
fn only_the_files_that_may_name_ureq_do() {
    assert_eq!(
        files_that_name("ureq"),
        ["connecting.rs", "connector.rs", "exchange.rs", "http.rs", "line.rs", "socket.rs", "tls.rs", "watch.rs"]
    );
    assert_eq!(files_that_name("ureq::unversioned"), ["connector.rs", "socket.rs", "watch.rs"]);
}

#[test]
fn nothing_in_the_library_prints_or_reads_the_environment_but_from_env() {
    for word in ["println!", "eprint", "print!", "dbg!", "todo!", "unimplemented!"] {
        assert_eq!(files_that_name(word), [""; 0], "{word}");
    }
    assert_eq!(files_that_name("env::var"), ["client.rs", "connecting.rs"], "connecting.rs looks for a proxy");
}

#[test]
fn the_library_sleeps_in_three_places() {
    let sleeping = files_that_name("thread::sleep");
    assert_eq!(sleeping, ["line.rs", "retry.rs", "server.rs", "wait.rs"], "server.rs is the emulator's");
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "tests", "examples"] {
        for (path, text) in sources(folder) {
            let first = text.lines().next().unwrap_or_default();
            assert!(first.starts_with("//!") || first.starts_with("#![doc"), "{}: {first}", path.display());
        }
    }
}

#[test]
fn no_file_grew_beyond_what_fits_in_the_head() {
    for (path, text) in sources("src") {
        let lines = code(&text).lines().count();
        assert!(lines <= 300, "{} has {lines} lines of code", path.display());
    }
}

#[test]
fn the_top_level_holds_nothing_unexpected() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "tests",
        "examples",
        "README.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "target",
    ];
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn every_test_that_the_readme_names_is_there() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split("| promise | test |\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<_> = table.lines().skip(1).map(|row| row.rsplit('`').nth(1).unwrap()).collect();
    assert!(names.len() >= 10, "{names:?}");
    let tests = sources("tests");
    for name in names {
        let definition = format!("#[test]\nfn {name}()");
        assert!(tests.iter().any(|(_, text)| text.contains(&definition)), "{name} is no test");
    }
}

/// The crates that a user's build gets to see, by name.
#[cfg(target_os = "linux")]
#[test]
fn users_build_at_most_28_other_crates() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut crates: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    crates.sort_unstable();
    crates.dedup();
    crates.retain(|name| *name != "mendix-deploy");
    assert!(crates.contains(&"ureq"), "{crates:?}");
    assert!(crates.len() <= 28, "{} crates: {crates:?}", crates.len());
}

#[test]
fn every_dependency_has_a_reason_beside_it() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let mut names = Vec::new();
    let mut commented = false;
    for line in section.lines().filter(|line| !line.is_empty()) {
        if let Some((name, _)) = line.split_once(" = ") {
            assert!(commented, "{name} has no comment");
            names.push(name);
        }
        commented = line.starts_with('#');
    }
    assert_eq!(names, ["ureq", "serde", "serde_json", "anyhow", "httparse"]);
}

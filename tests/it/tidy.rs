//! The rules of the house, checked on the source itself.

use std::collections::{BTreeMap, BTreeSet};
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

/// The modules at the top of the crate, and which others each one names.
fn modules() -> BTreeMap<String, BTreeSet<String>> {
    let mut modules = BTreeMap::<_, BTreeSet<_>>::new();
    for (path, text) in sources("src") {
        let module = path.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let code = code(&text);
        let is_lower = |c: char| c.is_ascii_lowercase() || c == '_';
        let named = code.split("crate::").skip(1).filter_map(|rest| rest.split(|c| !is_lower(c)).next());
        let others: Vec<_> = named.filter(|name| *name != module).map(str::to_owned).collect();
        modules.entry(module).or_default().extend(others);
    }
    modules
}

#[test]
fn imports_run_downwards_and_only_http_names_ureq() {
    let modules = modules();
    let is_in_a_circle = |module: &&String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![*module]);
        while let Some(named) = next.pop().and_then(|name| modules.get(name)) {
            next.extend(named.iter().filter(|name| modules.contains_key(*name) && seen.insert(*name)));
        }
        seen.contains(module)
    };
    // An error names the ids, and an id that cannot be parsed is an error.
    assert_eq!(modules.keys().filter(is_in_a_circle).collect::<Vec<_>>(), ["error", "id"]);
    for (path, text) in sources("src") {
        let is_http = path == Path::new("src/http.rs") || path.starts_with("src/http");
        assert!(is_http || !code(&text).contains("ureq"), "{}", path.display());
    }
}

#[test]
fn nothing_in_the_library_prints_or_reads_the_environment_but_from_env() {
    for word in ["println!", "eprint", "print!", "dbg!", "todo!", "unimplemented!"] {
        assert_eq!(files_that_name(word), [""; 0], "{word}");
    }
    assert_eq!(files_that_name("env::var"), ["client.rs", "connecting.rs"], "connecting.rs looks for a proxy");
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

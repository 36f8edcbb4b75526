//! Rules for the source code, checked on its text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod imports;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
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
    let lines = text.lines().take_while(|line| !line.ends_with("mod tests {"));
    lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The sources of the library: without the command, which is another crate.
fn library() -> Vec<(PathBuf, String)> {
    let (command, library): (Vec<_>, Vec<_>) =
        sources("src").into_iter().partition(|(path, _)| is_of_the_command(path));
    assert!(!command.is_empty());
    library
}

fn is_of_the_command(path: &Path) -> bool {
    path == Path::new("src/main.rs") || path.with_extension("") == Path::new("src/cli") || path.starts_with("src/cli")
}

fn files_that_name(word: &str) -> Vec<String> {
    let mut files: Vec<_> = library()
        .into_iter()
        .filter(|(_, text)| code(text).contains(word))
        .map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    files
}

/// The layer of each module, as in lib.rs, where a comment begins one.
fn layers() -> BTreeMap<String, usize> {
    let lib = read("src/lib.rs");
    let (mut layers, mut layer) = (BTreeMap::new(), 0);
    for line in lib.lines() {
        let module = line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        match module {
            Some(module) => drop(layers.insert(module.to_owned(), layer)),
            None => layer += usize::from(line.starts_with("// ")),
        }
    }
    layers
}

#[test]
fn imports_run_downwards() {
    let (files, layers) = (imports::of_all_files(), layers());
    let layer = |module: &str| layers[module.split("::").next().unwrap()];
    for (module, imported) in &files {
        for other in imported {
            assert!(other != "crate", "{module} imports from lib.rs, which only shows things to users");
            assert!(!module.starts_with(&format!("{other}::")), "{module} imports from {other}, which it serves");
            assert!(layer(other) >= layer(module), "{module} imports from {other}, which is above it");
        }
    }
    // An error names the ids, and an id that cannot be parsed is an error.
    for module in files.keys().filter(|module| !["error", "id"].contains(&module.as_str())) {
        assert!(!imports::reaches(&files, module, module), "{module} is in a circle");
    }
}

#[test]
fn only_http_names_ureq_and_only_early_answers_its_unversioned_module() {
    for (word, home) in [("ureq", "src/http"), ("unversioned", "src/http/early_answer")] {
        for (path, text) in sources("src") {
            let is_home = path.with_extension("") == Path::new(home) || path.starts_with(home);
            assert!(is_home || !code(&text).contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn nothing_in_the_library_prints_or_reads_the_environment_but_from_env() {
    for word in ["println!", "eprint", "print!", "dbg!", "todo!", "unimplemented!"] {
        assert_eq!(files_that_name(word), [""; 0], "{word}");
    }
    assert_eq!(files_that_name("stderr()"), ["event.rs"], "only if asked for");
    assert_eq!(files_that_name("env::var"), ["client.rs", "proxy.rs"], "proxy.rs reads the proxy");
}

/// A failed write must not panic, and the command uses only the public API.
#[test]
fn the_command_prints_with_writes_that_may_fail_and_uses_only_the_library() {
    for (path, text) in sources("src").into_iter().filter(|(path, _)| is_of_the_command(path)) {
        for word in ["println!", "eprint", "print!(", "dbg!", "todo!", "env::var", "ureq", "httparse", "crate::"] {
            assert!(!code(&text).contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn the_top_level_holds_nothing_unexpected() {
    let allowed = [
        "Cargo.toml", "Cargo.lock", "src", "tests", "examples", "README.md", "CHANGELOG.md", "LICENSE-MIT",
        "LICENSE-APACHE", "target",
    ];
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn every_test_that_the_guide_names_is_there() {
    let promises = read("src/guide/promises.md");
    let is_name = |line: &&str| line.starts_with("  `") && line.ends_with('`');
    let names: Vec<_> = promises.lines().filter(is_name).map(|line| line.trim_matches([' ', '`'])).collect();
    assert_eq!(names.len(), promises.matches("\n- ").count(), "a test for each promise");
    let tests = [sources("tests"), sources("src")].concat();
    for name in names {
        let definition = format!("#[test]\nfn {name}()");
        assert!(tests.iter().any(|(_, text)| text.contains(&definition)), "there is no test {name}");
    }
}

/// The README is read outside rustdoc, too. `.ci/run` checks the targets of its links to docs.rs.
#[test]
fn links_of_the_readme_have_a_target_there_and_in_the_documentation() {
    let (readme, lib) = (read("README.md"), read("src/lib.rs"));
    let prose = readme.split("```").step_by(2).collect::<String>();
    let labels = prose.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    let labels: Vec<_> = labels.filter(|(label, after)| !label.contains('\n') && !after.is_empty()).collect();
    assert!(labels.len() > 20);
    for (label, after) in labels {
        assert!(!after.starts_with('('), "[{label}] cannot lead elsewhere in the documentation");
        let target = prose.split(&format!("\n[{label}]: ")).nth(1).map(|rest| rest.lines().next().unwrap());
        let target = target.unwrap_or_else(|| panic!("[{label}] leads nowhere"));
        let is_elsewhere = target.starts_with("https://docs.mendix.com/");
        assert!(is_elsewhere || lib.contains(&format!("//! [{label}]: ")), "[{label}] is not among those of lib.rs");
        assert!(target.starts_with("https://") || root().join(target).is_file(), "[{label}] leads to {target}");
    }
}

/// Snippets are pasted, from pages that show hidden lines.
#[test]
fn snippets_have_no_hidden_lines_and_the_build_script_is_shown_as_it_is() {
    let pages = std::fs::read_dir(root().join("src/guide")).unwrap().map(|page| page.unwrap().path());
    let pages: Vec<_> = pages.chain([root().join("README.md")]).collect();
    assert!(pages.len() > 5);
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in text.split("```").skip(1).step_by(2).filter(|block| block.starts_with("rust")) {
            let is_hidden = |line: &&str| *line == "#" || line.starts_with("# ");
            assert_eq!(block.lines().find(is_hidden), None, "{}: {block}", page.display());
        }
    }
    let build_script = read("examples/build_script/build.rs");
    let code = build_script.lines().skip_while(|line| line.starts_with("//!") || line.is_empty());
    let code = code.collect::<Vec<_>>().join("\n");
    assert!(read("src/guide/recipes.md").contains(&code), "the guide shows another build script");
}

/// The crates in a user's build, by name.
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

//! Which module of the library imports from which, according to its paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{code, library};

pub(super) type Imports = BTreeMap<String, BTreeSet<String>>;

/// All modules but `lib.rs` and tests, and what they import from.
pub(super) fn of_all_files() -> Imports {
    let files: Vec<_> = library().into_iter().map(|(path, text)| (module(&path), text)).collect();
    let modules: BTreeSet<_> = files.iter().map(|(module, _)| module.clone()).collect();
    let mut imports = Imports::new();
    for (module, text) in &files {
        let named = paths(&code(text)).into_iter().map(|path| resolve(module, &path, &modules));
        imports.insert(module.clone(), named.filter(|other| other != module).collect());
        // A folder belongs to the file beside it.
        if let Some((parent, _)) = module.rsplit_once("::") {
            imports.entry(parent.to_owned()).or_default().insert(module.clone());
        }
    }
    for (module, text) in &files {
        for item in text.split("#[cfg(test)]\n").skip(1) {
            let named =
                item.trim_start_matches("pub(super) ").strip_prefix("mod ").and_then(|rest| rest.split_once(';'));
            if let Some((test, _)) = named {
                imports.remove(&format!("{module}::{test}"));
            }
        }
    }
    imports.remove("crate");
    imports
}

/// `src/a/b.rs` is `a::b`, and `src/lib.rs` is `crate`.
fn module(path: &Path) -> String {
    let parts: Vec<_> = path.with_extension("").iter().skip(1).map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts == ["lib"] { "crate".to_owned() } else { parts.join("::") }
}

/// All paths that start with `crate` or `super`, with groups expanded.
fn paths(code: &str) -> Vec<String> {
    let is_part_of_a_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let begins = |start: &&str| code.match_indices(*start).map(|(at, _)| at).collect::<Vec<_>>();
    let starts = ["crate::", "super::"].iter().flat_map(begins);
    let whole = starts.filter(|at| !code[..*at].ends_with(is_part_of_a_name));
    whole.flat_map(|at| tree(&code[at..]).0).collect()
}

/// The paths of a use tree at the start of `text`, and the rest.
fn tree(text: &str) -> (Vec<String>, &str) {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (stem, mut rest) = text.split_at(end);
    if !(stem.ends_with("::") || stem.is_empty()) || !rest.starts_with('{') {
        return (vec![stem.to_owned()], rest);
    }
    let mut paths = Vec::new();
    while let Some(branch) = rest.strip_prefix(['{', ',']) {
        let (branches, after) = tree(branch);
        paths.extend(branches.into_iter().map(|branch| format!("{stem}{branch}")));
        rest = after.trim_start();
    }
    (paths, rest.strip_prefix('}').unwrap_or(rest))
}

/// The module that a path in `module` refers to: the longest prefix that is a file.
fn resolve(module: &str, path: &str, modules: &BTreeSet<String>) -> String {
    let (mut at, mut rest) = (module, path);
    while let Some(after) = rest.strip_prefix("super::") {
        at = at.rsplit_once("::").map_or("", |(parent, _)| parent);
        rest = after;
    }
    if let Some(after) = rest.strip_prefix("crate::") {
        (at, rest) = ("", after);
    }
    let mut names: Vec<_> = at.split("::").chain(rest.split("::")).filter(|name| !name.is_empty()).collect();
    while !names.is_empty() && !modules.contains(&names.join("::")) {
        names.pop();
    }
    if names.is_empty() { "crate".to_owned() } else { names.join("::") }
}

/// Whether `from` imports from `to`, directly or not.
pub(super) fn reaches(imports: &Imports, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(named) = next.pop().and_then(|module| imports.get(module)) {
        next.extend(named.iter().map(String::as_str).filter(|module| seen.insert(*module)));
    }
    seen.contains(to)
}

#[test]
fn an_import_is_seen_in_every_spelling() {
    let code = "use crate::{a::{self, B}, c};\nuse super::super::d::E;\nlet x = crate::f::g(super::H);\nmycrate::i";
    let expected = ["crate::a::self", "crate::a::B", "crate::c", "crate::f::g", "super::super::d::E", "super::H"];
    assert_eq!(paths(code), expected);
    let modules: BTreeSet<_> = ["a", "a::b", "a::b::c", "d"].map(str::to_owned).into();
    let resolve = |path: &str| resolve("a::b::c", path, &modules);
    assert_eq!(resolve("super::X"), "a::b");
    assert_eq!(resolve("super::super::b::f"), "a::b");
    assert_eq!(resolve("super::super::super::d"), "d");
    assert_eq!(resolve("crate::a::X"), "a");
    assert_eq!(resolve("crate::X"), "crate");
}

#[test]
fn a_circle_is_seen_however_long_it_is() {
    let of = |name: &str| [name.to_owned()].into();
    let imports: Imports = [("a", "b"), ("b", "c"), ("c", "b")].map(|(from, to)| (from.to_owned(), of(to))).into();
    assert!(reaches(&imports, "b", "b") && !reaches(&imports, "a", "a"));
}

//! The guide's recipes: their files are written into a workspace, and their shell commands are run there.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use mendix_deploy::emulator::Emulator;

use crate::support::package::{self, Package};
use crate::support::program::{text, with_environment};

const PAGE: &str = include_str!("../../src/guide/recipes.md");
const COMMAND_PAGE: &str = include_str!("../../src/guide/command.md");

/// The first block of code after `text`.
fn block_after(page: &'static str, text: &str) -> &'static str {
    let (_, after) = page.split_once(text).unwrap();
    let (_, block) = after.split_once("```").unwrap();
    let (_, code) = block.split_once('\n').unwrap();
    code.split("```").next().unwrap()
}

/// The shell commands of a workflow, in order, and the folder that each is run in.
fn scripts(workflow: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let next = workflow.lines().skip(1).chain([""]);
    let script = |(line, next): (&'static str, &'static str)| {
        let marks = ["- run: ", "- script: ", "script: [\""];
        let script = marks.iter().find_map(|mark| line.trim_start().strip_prefix(mark))?;
        let folder = next.trim_start().strip_prefix("workingDirectory: $(Pipeline.Workspace)/").unwrap_or(".");
        Some((script.trim_end_matches("\"]"), folder))
    };
    // The command is not published yet, so `.ci/run` installs it instead.
    workflow.lines().zip(next).filter_map(script).filter(|(script, _)| !script.starts_with("cargo install"))
}

/// Builds a workspace, so only `.ci/run` runs it.
#[test]
#[ignore = "compiles all dependencies"]
fn the_files_and_commands_of_the_recipes_upload_each_build_once() {
    let built = Package::called("built.mda");
    let workspace = built.as_ref().parent().unwrap();
    let write = |file: &str, text: &str| package::write(&workspace.join(file), text);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    write("xtask/Cargo.toml", block_after(PAGE, "In `xtask/Cargo.toml`, "));
    write("xtask/src/main.rs", &std::fs::read_to_string(root.join("examples/xtask.rs")).unwrap());
    write(".cargo/config.toml", block_after(PAGE, "In `.cargo/config.toml`, the alias:"));
    let workspace_manifest = block_after(PAGE, "In `Cargo.toml` at the root:");
    write(
        "Cargo.toml",
        &format!(
            "{workspace_manifest}\n[patch.crates-io]\nmendix-deploy = {{ path = {:?} }}\n",
            env!("CARGO_MANIFEST_DIR")
        ),
    );
    std::fs::copy(root.join("Cargo.lock"), workspace.join("Cargo.lock")).unwrap();
    write("build.sh", "cp built.mda \"$1\"");
    let tools = workspace.join("tools/bin");
    std::fs::create_dir_all(&tools).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_mendix-deploy"), tools.join("mendix-deploy")).unwrap();

    let emulator = Emulator::start().unwrap();
    let run = |script: &str, folder: &str| {
        let script = script
            .replace("./build.sh", "sh ./build.sh")
            .replace("$(TOOLS)", "tools")
            .replace("$(NAME)", "calc_45.mda");
        let mut shell = with_environment(Command::new("sh"), &emulator);
        shell.args(["-ec", &script]).current_dir(workspace.join(folder));
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let output = shell.env("PATH", path).env("BUILD_NUMBER", "45").output().unwrap();
        assert!(output.status.success(), "{script}: {:?}", text(&output));
    };
    let mut count = 0;
    for workflow in ["# GitHub Actions", "# GitLab CI", "# Azure Pipelines"] {
        for (script, folder) in scripts(block_after(PAGE, workflow)) {
            run(script, folder);
            count += 1;
        }
    }
    assert_eq!(count, 8, "{PAGE}");
    run(block_after(PAGE, "Then:"), ".");
    assert_eq!(emulator.uploads().len(), 1, "each is the same build");
    assert_eq!(emulator.uploads()[0].name, "calc_45.mda");
    let installed = block_after(COMMAND_PAGE, "without writing Rust.");
    run(installed.split_once('\n').unwrap().1, ".");
    assert_eq!(emulator.uploads().len(), 2);
}

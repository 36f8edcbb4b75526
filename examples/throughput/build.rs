//! The cost for a build: crates and size, compared to a program that does the same with ureq alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

use crate::measure::machine;

const PROFILE: &str =
    "[profile.release]\nopt-level = \"z\"\nlto = true\ncodegen-units = 1\npanic = \"abort\"\nstrip = true\n";
const BARE: &str = "ureq = { version = \"3.5.2\", default-features = false, features = [\"rustls\"] }\n\
    serde = \"1\"\nserde_json = \"1\"\nanyhow = \"1\"\n";

pub(crate) fn run() -> anyhow::Result<()> {
    println!("measured on: {}; {}", machine(), version()?);
    let folder = std::env::temp_dir().join(format!("throughput-build-{}", std::process::id()));
    let result = in_folder(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    result
}

fn in_folder(folder: &Path) -> anyhow::Result<()> {
    let ours = format!("mendix-deploy = {{ path = {:?} }}\n", env!("CARGO_MANIFEST_DIR"));
    let empty = "fn main() {}\n";
    let bare = project(folder, "bare", BARE, empty, "")?;
    let sdk = project(folder, "sdk", &ours, empty, "")?;
    let projects = [("the dependencies alone", &bare), ("mendix-deploy with its dependencies", &sdk)];

    println!("\ncrates in the tree, without the program itself (cargo tree -e normal)");
    for (name, project) in projects {
        println!("  {name:<37} {:>5}", crates(project)?);
    }

    println!("\nsmallest useful program: one upload; opt-level z, LTO, panic = abort, stripped");
    let with_ureq = project(folder, "with-ureq", BARE, UREQ_PROGRAM, PROFILE)?;
    let with_sdk = project(folder, "with-sdk", &ours, SDK_PROGRAM, PROFILE)?;
    let (ureq_size, sdk_size) = (size(&with_ureq, "with-ureq")?, size(&with_sdk, "with-sdk")?);
    println!("  ureq alone    {ureq_size} bytes");
    println!("  mendix-deploy {sdk_size} bytes");
    #[allow(clippy::cast_precision_loss)] // a few million
    let ratio = sdk_size as f64 / ureq_size as f64;
    println!("  {ratio:.2} times the size of ureq alone");
    Ok(())
}

fn project(folder: &Path, name: &str, dependencies: &str, main: &str, profile: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    std::fs::create_dir_all(path.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n\
         [workspace]\n\n{profile}"
    );
    std::fs::write(path.join("Cargo.toml"), manifest)?;
    std::fs::write(path.join("src/main.rs"), main)?;
    // The same versions everywhere: those this crate is tested with.
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"), path.join("Cargo.lock"))?;
    cargo(&path, &["fetch"])?;
    Ok(path)
}

fn cargo(project: &Path, args: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = command.args(args).current_dir(project).env_remove("CARGO_TARGET_DIR").output()?;
    ensure!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn version() -> anyhow::Result<String> {
    Ok(cargo(Path::new("."), &["--version"])?.trim().to_owned())
}

fn crates(project: &Path) -> anyhow::Result<usize> {
    let tree = cargo(project, &["tree", "--edges", "normal", "--prefix", "none"])?;
    let mut names: Vec<_> = tree.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !name.is_empty());
    Ok(names.len())
}

fn size(project: &Path, name: &str) -> anyhow::Result<u64> {
    cargo(project, &["build", "--release", "--offline"])?;
    let program = project.join("target/release").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    Ok(std::fs::metadata(program)?.len())
}

const SDK_PROGRAM: &str = r#"
use mendix_deploy::{Client, Upload, upload_package};

fn main() -> Result<(), mendix_deploy::Error> {
    let uploaded = upload_package(&Client::from_env()?, &"calc".parse()?, &Upload::new("calc.mda"))?;
    println!("{} {}", uploaded.package_id, uploaded.job_id);
    Ok(())
}
"#;

/// The same call by hand: the least that works while nothing goes wrong.
const UREQ_PROGRAM: &str = r#"
use std::io::Read;

fn main() -> anyhow::Result<()> {
    let head = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"calc.mda\"\r\n\r\n";
    let file = std::fs::File::open("calc.mda")?;
    let length = file.metadata()?.len() + head.len() as u64 + 9;
    let mut body = head.as_bytes().chain(file).chain(&b"\r\n--B--\r\n"[..]);
    let mut response = ureq::post("https://deploy.mendix.com/api/v2/apps/calc/packages/upload?name=calc.mda")
        .header("Mendix-Username", std::env::var("MENDIX_USERNAME")?)
        .header("Mendix-ApiKey", std::env::var("MENDIX_API_KEY")?)
        .header("Content-Type", "multipart/form-data; boundary=B")
        .header("Content-Length", length)
        .send(ureq::SendBody::from_reader(&mut body))?;
    let uploaded: serde_json::Value = serde_json::from_str(&response.body_mut().read_to_string()?)?;
    println!("{} {}", uploaded["PackageId"], uploaded["JobId"]);
    Ok(())
}
"#;

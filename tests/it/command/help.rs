//! The help of the command.

use mendix_deploy::emulator::Emulator;

use super::run;

#[test]
fn the_help_fits_a_terminal_and_is_that_of_the_guide() {
    let emulator = Emulator::start().unwrap();
    let help = run(&emulator, &["--help"]);
    assert_eq!((help.status, help.err.as_str()), (0, ""));
    let longest = help.out.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(80), "{}", help.out);
    for status in ["  0  done", "  2  ", "  3  ", "  4  ", "  5  ", "  6  "] {
        assert!(help.out.contains(status), "{}", help.out);
    }
    for name in ["deploy", "upload", "wait", "check", "status", "verify", "emulator"] {
        assert!(help.out.contains(&format!("\n  {name} ")), "{name}: {}", help.out);
        let of_one = run(&emulator, &[name, "--help"]);
        assert_eq!((of_one.status, of_one.err.as_str()), (0, ""), "{name}");
        assert!(!of_one.out.to_lowercase().contains("key"), "a key would be seen by others: {}", of_one.out);
    }
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/command.md")).unwrap();
    let shown = guide.replace("\r\n", "\n");
    assert!(shown.contains(&format!("```text\n{}```\n", help.out)), "the guide shows another help: {}", help.out);
    assert_eq!(run(&emulator, &["--version"]).out, concat!("mendix-deploy ", env!("CARGO_PKG_VERSION"), "\n"));
}

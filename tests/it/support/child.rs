//! Runs a test in a child process, for what is per process, such as the environment or memory.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use mendix_deploy::emulator::Emulator;

use super::caller::{KEY, USER, assert_no_secret};

const MARK: &str = "MENDIX_DEPLOY_TEST_CHILD";
/// All variables that the crate reads.
pub(crate) const VARIABLES: [&str; 12] = [
    "MENDIX_USERNAME", "MENDIX_API_KEY", "MENDIX_DEPLOY_URL", "SSL_CERT_FILE", "ALL_PROXY", "all_proxy", "HTTPS_PROXY",
    "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy",
];

/// Whether this process was started by a [`command`].
pub(crate) fn is_running() -> bool {
    std::env::var_os(MARK).is_some()
}

/// The variables of a client for `url`.
pub(crate) fn client_of(url: &str) -> [(&str, &str); 3] {
    [("MENDIX_USERNAME", USER), ("MENDIX_API_KEY", KEY), ("MENDIX_DEPLOY_URL", url)]
}

/// The variables of a client for the emulator.
pub(crate) fn client_of_emulator(emulator: &Emulator) -> [(&str, &str); 3] {
    [
        ("MENDIX_USERNAME", Emulator::USERNAME),
        ("MENDIX_API_KEY", Emulator::API_KEY),
        ("MENDIX_DEPLOY_URL", emulator.url()),
    ]
}

/// The command that runs the test `name` of `module` (`module_path!()`). Of [`VARIABLES`], it has only the given ones.
pub(crate) fn command(module: &str, name: &str, variables: &[(&str, &str)]) -> Command {
    let module = module.split_once("::").unwrap().1;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("{module}::{name}"), "--nocapture"]).env(MARK, "1");
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.envs(variables.iter().copied());
    command
}

/// Runs a test in a child.
#[track_caller]
pub(crate) fn run(module: &str, name: &str, variables: &[(&str, &str)]) {
    let mut command = command(module, name, variables);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (output, _) = wait_or_kill(child, Duration::from_secs(60));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let is_one = out.contains("1 passed");
    assert!(output.status.success() && is_one, "with {variables:?}: {}\n{out}\n{err}", output.status);
    assert_no_secret(&format!("{out}{err}"));
}

/// What a child has said by its end, and whether it was killed because it had not ended in time.
pub(crate) fn wait_or_kill(mut child: Child, patience: Duration) -> (Output, bool) {
    let (started, mut was_killed) = (Instant::now(), false);
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > patience {
            was_killed = true;
            // It may have ended just now.
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    (child.wait_with_output().unwrap(), was_killed)
}

//! Rewrites messages of the library for the command: they name functions and settings in brackets.

/// The flags of the settings that messages name.
const FLAGS: [(&str, &str); 5] = [
    ("Deploy::allow_production", "--production"),
    ("Deploy::with_restart", "--restart"),
    ("Upload::with_name", "--name"),
    ("Upload::skip_existing", "--skip-existing"),
    ("Poll::with_timeout", "--timeout"),
];
/// Settings of these types without a flag are dropped.
const SETTINGS: [&str; 6] = ["Client::", "Deploy::", "Poll::", "Retry::", "Start::", "Upload::"];
/// Functions that are dropped, because the last line names the command to run instead.
const FUNCTIONS: [&str; 10] = [
    "deploy_package", "find_upload", "job_status", "start_environment", "stop_environment", "transport_package",
    "upload_and_deploy", "upload_and_wait", "wait_for_job", "wait_for_package",
];

/// The text with flags in place of settings, and without functions.
pub(crate) fn of_the_command(text: &str) -> String {
    let (mut said, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(" (") {
        let (inside, behind) = after.split_once(')').unwrap_or((after, ""));
        let kept = match flags(inside) {
            Some(flags) if flags.is_empty() => String::new(),
            Some(flags) => format!(" ({flags})"),
            None => rest[before.len()..rest.len() - behind.len()].to_owned(),
        };
        said += before;
        said += &kept;
        rest = behind;
    }
    (said + rest).replace("the same call", "the same command")
}

/// `None` if anything but functions and settings is between the brackets.
fn flags(inside: &str) -> Option<String> {
    let flags: Vec<_> = inside.split(", ").map(flag).collect::<Option<_>>()?;
    Some(flags.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// Outer `None`: not a name. Inner `None`: a name without a flag.
#[allow(clippy::option_option)]
fn flag(name: &str) -> Option<Option<&'static str>> {
    let flag = FLAGS.iter().find(|(setting, _)| *setting == name).map(|(_, flag)| *flag);
    let is_name = FUNCTIONS.contains(&name) || SETTINGS.iter().any(|settings| name.starts_with(settings));
    is_name.then_some(flag)
}

#[cfg(test)]
mod tests {
    use super::of_the_command;

    #[test]
    fn settings_become_flags_and_functions_go() {
        for (text, expected) in [
            (
                "no; deploy it (deploy_package, Deploy::with_restart) [package p]",
                "no; deploy it (--restart) [package p]",
            ),
            ("it took over 2 s (attempt 3 of 3) (Client::with_response_timeout)", "it took over 2 s (attempt 3 of 3)"),
            ("503 (not (Deploy::x) ours), later (find_upload)", "503 (not (Deploy::x) ours), later"),
            ("refused (START_FAILED); the same call resumes", "refused (START_FAILED); the same command resumes"),
            ("open (", "open ("),
            ("", ""),
        ] {
            assert_eq!(of_the_command(text), expected);
        }
    }
}

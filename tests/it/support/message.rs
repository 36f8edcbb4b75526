//! Rules for the text of every error, so that it reads well in a log.

use mendix_deploy::{Error, JobId, PackageId};

/// The maximum number of our own characters: without the server's words, the last status, and lists of names.
const OWN_MAX: usize = 300;
/// Longer names and paths count as this many characters.
const NAME_MAX: usize = 40;
const NAMES: [&str; 24] = [
    "upload_and_deploy", "upload_and_wait", "upload_package", "deploy_package", "find_upload", "job_status",
    "wait_for_job", "wait_for_package", "list_packages", "list_environments", "environment_package",
    "stop_environment", "transport_package", "start_environment", "with_connect_timeout", "with_stall_timeout",
    "with_response_timeout", "Upload::", "Client::", "Poll::", "Deploy::", "Retry::", "Start::", "skip_existing",
];

/// A message is short, names each id once, and functions and settings once, in brackets at its end.
#[track_caller]
pub(crate) fn assert_readable(error: &Error) {
    let text = error.to_string();
    let own = own(&text);
    // Ids in brackets at the end are not read.
    let length = own.split(" [").next().unwrap_or_default().chars().count();
    assert!(length <= OWN_MAX, "{length} characters: {text}\n{own}");
    let ids = [error.job_id().map(JobId::as_str), error.package_id().map(PackageId::as_str)];
    for id in ids.into_iter().flatten() {
        let times =
            own.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)).filter(|word| *word == id).count();
        assert!(times <= 1, "{id} is named {times} times: {text}");
    }
    let (said, in_brackets) = brackets(&own);
    for name in NAMES {
        assert!(!said.contains(name), "{name} is not in brackets at the end: {text}");
    }
    let mut names: Vec<&str> = in_brackets.split([',', ';', ' ']).filter(|name| name.contains(['_', ':'])).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a name is there twice: {text}");
}

/// The text before the last brackets, but for those with ids behind them, and what is in them.
fn brackets(own: &str) -> (&str, &str) {
    let without_ids = own.trim_end_matches(|c| c != ')');
    let behind = &own[without_ids.len()..];
    let is_end = behind.is_empty() || behind.starts_with(" [");
    match without_ids.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) {
        Some((said, names)) if is_end => (said, names),
        _ => (own, ""),
    }
}

/// The text without the server's words, each of which ends at a semicolon, and with short names.
fn own(text: &str) -> String {
    let mut own = text.to_owned();
    // `#` is a status.
    for (start, end) in [
        (": #", "; "),
        ("answered #", "; "),
        (" are: ", "; "),
        (" if any: ", "; "),
        ("the API says \"", "\""),
        ("(last status: ", ")"),
    ] {
        let is_start = |rest: &str| match start.strip_suffix('#') {
            Some(start) => {
                let rest = rest.strip_prefix(start);
                rest.is_some_and(|rest| rest.bytes().take(3).filter(u8::is_ascii_digit).count() == 3)
            }
            None => rest.starts_with(start),
        };
        let Some(at) = own.char_indices().map(|(at, _)| at).find(|at| is_start(&own[*at..])) else { continue };
        let from = at + start.trim_end_matches('#').len();
        let length = own[from..].find(end).unwrap_or(own.len() - from);
        // Brackets of our own may follow.
        let said = &own[from..from + length];
        let said = said.rsplit_once(" (").map_or(said, |(before, after)| {
            if after.contains('_') || after.contains("attempt ") { before } else { said }
        });
        own.replace_range(from..from + said.len(), "");
    }
    shortened(&own)
}

/// The text with what is in quotes cut.
fn shortened(text: &str) -> String {
    let cut = |(number, piece): (usize, &str)| {
        if number % 2 == 1 { piece.chars().take(NAME_MAX).collect() } else { piece.to_owned() }
    };
    text.split('"').enumerate().map(cut).collect::<Vec<String>>().join("\"")
}

#[test]
fn the_servers_words_are_neither_measured_nor_searched_for_names() {
    for (text, expected) in [
        ("it was refused: 403, no (really); ask (find_upload)", "it was refused: ; ask (find_upload)"),
        ("the server answered 502, a web page (attempt 3 of 3)", "the server answered  (attempt 3 of 3)"),
        ("it took over 2 s (last status: Running); wait", "it took over 2 s (last status: ); wait"),
        ("they are: a, b; ask", "they are: ; ask"),
    ] {
        assert_eq!(own(text), expected);
    }
    assert_eq!(brackets("ask (find_upload, Poll::x) [job j-1]"), ("ask", "find_upload, Poll::x"));
    for without in ["ask (find_upload) now", "ask"] {
        assert_eq!(brackets(without), (without, ""));
    }
}

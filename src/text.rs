//! Foreign text, sanitized and cut to fit one line.

use std::fmt::Write as _;
use std::path::Path;

/// The maximum length of a path or a package's name in a message, in characters.
const PATH_MAX: usize = 100;

/// Foreign text without its URLs, because some are secrets: the URL of a package's download works without a key.
pub(crate) fn without_urls(text: &str) -> String {
    let ends_url = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>');
    let lower = text.to_ascii_lowercase();
    let (mut clean, mut end) = (String::with_capacity(text.len()), 0);
    for (start, _) in lower.match_indices("http") {
        let scheme = lower.get(start..).unwrap_or_default();
        if start >= end && (scheme.starts_with("http:") || scheme.starts_with("https:")) {
            clean += text.get(end..start).unwrap_or_default();
            clean += "[URL]";
            end = scheme.find(ends_url).map_or(text.len(), |length| start + length);
        }
    }
    clean + text.get(end..).unwrap_or_default()
}

/// Whether a URL may contain this character anywhere, unescaped (RFC 3986 §2.3).
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Percent-encodes all but the unreserved characters.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The first `characters` characters of `text`.
pub(crate) fn beginning(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The beginning of `text`, and an ellipsis if there is more.
pub(crate) fn cut(text: String, characters: usize) -> String {
    let beginning = beginning(&text, characters);
    if beginning.len() < text.len() { format!("{beginning}…") } else { text }
}

/// The beginning of `text` in quotes and escaped, and an ellipsis if there is more.
pub(crate) fn quoted(text: &str, characters: usize) -> String {
    let beginning = beginning(text, characters);
    let more = if beginning.len() < text.len() { "…" } else { "" };
    without_commands(&format!("\"{}{more}\"", beginning.escape_debug()))
}

/// The name of a package, in quotes and escaped; of a long one, its beginning.
pub(crate) fn name(name: &str) -> String {
    quoted(name, PATH_MAX)
}

/// Removes characters that hide or reorder text, replaces control characters by spaces, folds whitespace, and breaks up
/// what CI agents would run as a command: `##vso[…]`, `##[…]` and `##teamcity[…]` anywhere, `::…` at the start.
pub(crate) fn sanitize(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        if !is_blank(c) {
            if c == ':' && clean == ":" {
                clean.push(' ');
            }
            push(&mut clean, c);
        } else if !clean.is_empty() && !clean.ends_with(' ') {
            clean.push(' ');
        }
    }
    if clean.ends_with(' ') {
        clean.pop();
    }
    clean
}

/// The same for a caller's text, which is shown in quotes: only `##` is broken up.
fn without_commands(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut clean, c));
    clean
}

/// Appends a character, but never one `#` directly to another.
fn push(clean: &mut String, c: char) {
    if c == '#' && clean.ends_with('#') {
        clean.push(' ');
    }
    clean.push(c);
}

/// Whether a character is visible.
pub(crate) fn is_visible(c: char) -> bool {
    !is_blank(c) && !is_invisible(c)
}

/// A name for a character that is not visible ASCII, for messages.
pub(crate) fn kind_of(odd: char) -> &'static str {
    match odd {
        '\r' | '\n' => "a line break",
        '\t' => "a tab",
        _ if odd.is_whitespace() => "a blank",
        _ if odd.is_control() => "a control character",
        _ if is_invisible(odd) => "an invisible character",
        _ => "a character that is not ASCII",
    }
}

/// Whether a character separates words, or begins an escape sequence of a terminal.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{2800}'
}

/// The format and default ignorable characters of Unicode 16, except visible ones.
fn is_invisible(c: char) -> bool {
    !c.is_ascii()
        && matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{70f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Resolves percent-encoding (RFC 3986 §2.1); a `%` that begins no escape stands for itself.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.split_at_checked(2) {
            // `from_str_radix` would accept a sign.
            Some((digits, rest)) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                bytes.extend(u8::from_str_radix(digits, 16));
                bytes.extend_from_slice(rest.as_bytes());
            }
            _ => {
                bytes.push(b'%');
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    bytes
}

/// A path in quotes and on one line, whatever its name contains; of a long one, its end.
pub(crate) fn path(path: &Path) -> String {
    let path = path.to_string_lossy();
    if path.is_empty() {
        return "(an empty path)".to_owned();
    }
    let is_odd = |c: char| c.is_control() || is_invisible(c);
    let text: String =
        path.chars().map(|c| if is_odd(c) { c.escape_default().to_string() } else { c.to_string() }).collect();
    let text = without_commands(&text);
    match text.char_indices().rev().nth(PATH_MAX) {
        Some((cut, _)) => format!("\"…{}\"", text.get(cut..).unwrap_or_default()),
        None => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitespace_is_folded_and_misleading_characters_are_removed() {
        assert_eq!(sanitize("  a\r\n\t b\u{1b}[2Jc\u{202e}d\u{a0}\u{feff} "), "a b [2Jcd");
        assert_eq!((sanitize(" \n"), sanitize("")), (String::new(), String::new()));
        for hidden in ["\u{ad}", "\u{200b}", "\u{2060}", "\u{e0041}", "\u{3164}", "\u{fe0f}", "\u{2069}", "\u{61c}"] {
            assert_eq!(sanitize(&format!("a{hidden}b")), "ab", "{hidden:?}");
        }
        assert_eq!(sanitize("Größe: 3 × 4 – ok ✓ 好"), "Größe: 3 × 4 – ok ✓ 好");
    }

    #[test]
    fn no_text_is_a_command_to_a_ci_agent() {
        assert_eq!(sanitize("see ##vso[task.setvariable a]"), "see # #vso[task.setvariable a]");
        assert_eq!(sanitize("###[error]#\u{200b}#teamcity[x]"), "# # #[error]# #teamcity[x]");
        assert_eq!(sanitize(" ::error::std::io"), ": :error::std::io");
        assert_eq!(sanitize(":\u{ad}:\u{200b}:x"), ": ::x");
    }

    #[test]
    fn a_callers_text_in_a_message_cannot_be_a_command_to_a_ci_agent() {
        for command in ["##vso[task.complete]", "###[error]x", "a##teamcity[x]", "#\u{ad}#[x]"] {
            for shown in [quoted(command, 64), name(command), path(Path::new(command))] {
                assert!(!shown.contains("##"), "{shown}");
            }
        }
        assert_eq!(path(Path::new("b#1/##[x].mda")), r#""b#1/# #[x].mda""#);
        assert_eq!(quoted("###", 2), "\"# #…\"");
    }

    #[test]
    fn urls_are_taken_out_however_they_are_written() {
        for (text, left) in [
            ("see https://h/p?s=1, or http://h", "see [URL] or [URL]"),
            (r#"{"Location":"HTTPS:\/\/h\/p\u003f","TTL":900}"#, r#"{"Location":"[URL]","TTL":900}"#),
            (r#"cut "https://h/p"#, r#"cut "[URL]"#),
            ("httpbin, http, é https:x.http://y<b>", "httpbin, http, é [URL]<b>"),
            ("", ""),
        ] {
            assert_eq!(without_urls(text), left);
        }
    }

    #[test]
    fn what_is_quoted_is_escaped_and_shows_whether_it_was_cut() {
        assert_eq!((quoted("a\nb", 3), quoted("éèê", 2)), (r#""a\nb""#.to_owned(), "\"éè…\"".to_owned()));
    }

    #[test]
    fn a_path_stays_in_its_line() {
        assert_eq!(path(Path::new("a/b\nc\u{1b}é\u{202e}.mda")), r#""a/b\nc\u{1b}é\u{202e}.mda""#);
        assert_eq!(path(Path::new("")), "(an empty path)");
        let long = path(Path::new(&format!("{}/calc.mda", "é".repeat(4000))));
        assert!(
            long.starts_with("\"…é") && long.ends_with("é/calc.mda\"") && long.chars().count() == PATH_MAX + 4,
            "{long}"
        );
    }
}

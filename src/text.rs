//! Foreign text, sanitized and cut to fit one line.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

/// The maximum length of a path or a package's name in a message, in characters.
const PATH_MAX: usize = 100;

/// Foreign text without the URLs in it, because some are secrets: whoever has the URL of a package's download needs no key.
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
    format!("\"{}{more}\"", beginning.escape_debug())
}

/// The name of a package, in quotes and escaped; of a long one, its beginning.
pub(crate) fn name(name: &str) -> String {
    quoted(name, PATH_MAX)
}

/// Removes characters that hide or reorder text, replaces control characters by spaces, folds whitespace, and breaks up
/// what CI agents would take for a command: `##vso[…]`, `##[…]` and `##teamcity[…]` anywhere, `::…` at the start.
pub(crate) fn sanitize(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        if !is_blank(c) {
            if (c == '#' && clean.ends_with('#')) || (c == ':' && clean == ":") {
                clean.push(' ');
            }
            clean.push(c);
        } else if !clean.is_empty() && !clean.ends_with(' ') {
            clean.push(' ');
        }
    }
    if clean.ends_with(' ') {
        clean.pop();
    }
    clean
}

/// What separates words, or begins an escape sequence of a terminal.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{2800}'
}

/// The format characters and the default ignorable ones of Unicode 16, but those that are visible.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{70f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// What escapes of JSON, HTML and URLs begin with.
const ESCAPES: [char; 3] = ['\\', '&', '%'];

/// A character that is left of a text when nothing hides it, and where it stands in the text.
pub(crate) type Plain = (char, Range<usize>);

/// What a reader may make of `text`: without whitespace and invisible characters, and with escapes resolved `depth` times,
/// because they may be escaped themselves.
pub(crate) fn plain(text: &str, depth: usize) -> Vec<Plain> {
    let mut plain: Vec<_> = text.char_indices().map(|(start, c)| (c, start..start + c.len_utf8())).collect();
    plain.retain(is_shown);
    for _ in 0..depth {
        plain = without_escapes(&plain);
        plain.retain(is_shown);
    }
    plain
}

fn is_shown((c, _): &Plain) -> bool {
    !is_blank(*c) && !is_invisible(*c)
}

/// Whether [`plain`] makes more than one text of it.
pub(crate) fn has_escapes(text: &str) -> bool {
    text.contains(ESCAPES)
}

fn without_escapes(mut rest: &[Plain]) -> Vec<Plain> {
    let mut plain = Vec::with_capacity(rest.len());
    while let Some((first, others)) = rest.split_first() {
        let escape = if ESCAPES.contains(&first.0) { escape(first.0, others) } else { None };
        let escaped = escape.and_then(|(c, length)| Some((c, others.split_at_checked(length)?)));
        if let Some((c, (escaped, after))) = escaped {
            let end = escaped.last().map_or(first.1.end, |last| last.1.end);
            plain.push((c, first.1.start..end));
            rest = after;
        } else {
            plain.push(first.clone());
            rest = others;
        }
    }
    plain
}

/// The character that an escape stands for, and the number of characters after its first.
fn escape(first: char, others: &[Plain]) -> Option<(char, usize)> {
    const NAMED: [(&str, char); 8] = [
        ("amp;", '&'),
        ("lt;", '<'),
        ("gt;", '>'),
        ("quot;", '"'),
        ("apos;", '\''),
        ("nbsp;", '\u{a0}'),
        ("shy;", '\u{ad}'),
        ("zwnj;", '\u{200c}'),
    ];
    let text: String = others.iter().take(10).map(|(c, _)| *c).collect();
    let number = |start: usize, length: usize, radix| {
        let code = u32::from_str_radix(text.get(start..start + length)?, radix).ok()?;
        Some((char::from_u32(code)?, start + length))
    };
    match (first, text.chars().next()?) {
        ('%', _) => number(0, 2, 16),
        ('\\', 'u') => number(1, 4, 16),
        ('\\', 'x') => number(1, 2, 16),
        ('\\', 'n' | 'r' | 't') => Some((' ', 1)),
        ('\\', c) => c.is_ascii_punctuation().then_some((c, 1)),
        (_, '#') => {
            let (start, radix) = if text.starts_with("#x") || text.starts_with("#X") { (2, 16) } else { (1, 10) };
            let (c, end) = number(start, text.find(';')?.checked_sub(start)?, radix)?;
            Some((c, end + 1))
        }
        _ => NAMED.iter().find(|(name, _)| text.starts_with(name)).map(|(name, c)| (*c, name.len())),
    }
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
    fn escapes_of_all_kinds_are_resolved_also_within_each_other() {
        for text in [
            "a-1", "a -\r\n1", "a\u{ad}-\u{200b}1", r"\u0061\u002d\u0031", r"\x61\-1", "%61%2D1", "&#97;&#45;&#49;",
            "&#x61;&#X2d;&#x00031;", "%2561-1", "&amp;#97;-1", r"\u0026#x61;-1", "a-&#\n49;", r"a\n-\u000a\u00ad1",
            "a&shy;-%0d%0a&nbsp;1",
        ] {
            let plain = plain(text, 3);
            assert_eq!(plain.iter().map(|(c, _)| *c).collect::<String>(), "a-1", "{text}");
            assert_eq!((plain[0].1.start, plain[2].1.end), (0, text.len()), "{text}");
        }
        for text in ["%", "%4", "%zz", "&", "&x;", "&#;", "&#xd800;", r"\", r"\u12", "&#99999999999;", "é%é"] {
            assert_eq!(plain(text, 3).iter().map(|(c, _)| *c).collect::<String>(), text, "{text}");
        }
        assert_eq!(plain("<&lt;&quot;&amp;", 3).iter().map(|(c, _)| *c).collect::<String>(), "<<\"&");
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

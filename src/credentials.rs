//! User name and API key: validated, never shown, redacted from text.

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::text::{self, Plain};

/// The maximum length of foreign text in a message, in bytes.
const SANITIZED_MAX: usize = 2 * 1024;
/// A shorter secret is not looked for, because it would be found everywhere.
const SHORTEST: usize = 4;
/// As much of a longer secret gives it away.
const PIECE: usize = 8;
/// As much of it in an id is no chance. Eight characters can be: keys and ids look like UUIDs of version 4, of which two
/// have the same form and some of the same characters.
const PIECE_OF_ID: usize = 12;
/// How often a secret may be escaped and is still found.
const ESCAPED_MAX: usize = 3;
/// How much of a text is searched for secrets, in characters. No message shows as much.
const SEARCHED: usize = 8 * 1024;

/// The API key, without `Debug` and `Display`, so that it cannot be printed by accident.
#[derive(Clone)]
pub(crate) struct ApiKey(Arc<str>);

impl ApiKey {
    pub(crate) fn new(key: &str) -> Result<Self> {
        validate_header_value("the API key", key)?;
        Ok(ApiKey(key.into()))
    }

    /// The key itself, for the one header that carries it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// What no text may show: in lower case, without blanks.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<Vec<char>>);

impl Secrets {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let visible = |secret| text::plain(secret, 0).iter().map(|(c, _)| c.to_ascii_lowercase()).collect();
        Secrets(secrets.into_iter().map(visible).filter(|secret: &Vec<_>| secret.len() >= SHORTEST).collect())
    }

    /// Sanitizes foreign text: no secrets, no control characters or escapes, whitespace folded, at most 2 KiB.
    pub(crate) fn sanitized(&self, text: &str) -> String {
        // Redacted before the cut, which could leave a part of a secret.
        let mut text = self.redact(&text::sanitize(text));
        if text.len() > SANITIZED_MAX {
            let ellipsis = '…';
            let end = (0..=SANITIZED_MAX - ellipsis.len_utf8()).rev().find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
            text.push(ellipsis);
        }
        text
    }

    /// The beginning of `text` with all secrets replaced, and all pieces of them that are long enough to be of use,
    /// however they are written: in any case, escaped, or with whitespace or invisible characters in between.
    fn redact(&self, text: &str) -> String {
        let text = text::beginning(text, SEARCHED);
        // As it is, too, because a secret may look like an escape.
        let depths = if text::has_escapes(text) { 0..=ESCAPED_MAX } else { 0..=0 };
        let mut found: Vec<_> = depths.flat_map(|depth| self.find(&text::plain(text, depth))).collect();
        found.sort_by_key(|range| range.start);
        let (mut clean, mut end) = (String::with_capacity(text.len()), 0);
        for secret in found {
            if secret.start >= end {
                clean += text.get(end..secret.start).unwrap_or_default();
                clean += "[secret]";
            }
            end = end.max(secret.end);
        }
        clean + text.get(end..).unwrap_or_default()
    }

    /// Whether an id contains a secret or a large piece of one. A short secret, as in tests, only counts if it is all of
    /// the id.
    pub(crate) fn are_in(&self, id: &str) -> bool {
        let is_whole = |length| length >= PIECE && self.0.iter().any(|secret| secret.len() == length);
        let found = self.find(&text::plain(id, 0));
        let mut lengths = found.iter().map(ExactSizeIterator::len);
        lengths.any(|length| length >= PIECE_OF_ID || length == id.len() || is_whole(length))
    }

    /// Where secrets and their pieces are in the text that `plain` was made of.
    fn find(&self, plain: &[Plain]) -> Vec<Range<usize>> {
        let (mut found, mut rest) = (Vec::new(), plain);
        while let [first, others @ ..] = rest {
            let length = self.0.iter().map(|secret| common_beginning(rest, secret)).max().unwrap_or(0);
            match length.checked_sub(1).and_then(|last| rest.get(last)) {
                Some(last) => {
                    found.push(first.1.start..last.1.end);
                    rest = rest.get(length..).unwrap_or_default();
                }
                None => rest = others,
            }
        }
        found
    }
}

/// How many characters of `text` are a part of `secret`, or 0 if these are too few to matter.
fn common_beginning(text: &[Plain], secret: &[char]) -> usize {
    let is_same = |(c, (other, _)): &(&char, &Plain)| **c == other.to_ascii_lowercase();
    let length = |start| secret.iter().skip(start).zip(text).take_while(is_same).count();
    (0..secret.len()).map(length).max().filter(|length| *length >= PIECE.min(secret.len())).unwrap_or(0)
}

/// Refuses a header value that servers could read differently (only visible ASCII is allowed), and one that is no value
/// but what a script or a CI system should have replaced by it.
pub(crate) fn validate_header_value(what: &str, value: &str) -> Result<()> {
    let problem = if value.is_empty() {
        "is empty"
    } else if let Some(problem) = not_a_value(value) {
        problem
    } else if !value.bytes().all(|b| b.is_ascii_graphic()) {
        "contains a character that is not visible ASCII"
    } else {
        return Ok(());
    };
    Err(Error::config(format!("{what} {problem}")))
}

/// What is wrong with a text that is more than a value, or only stands for one.
pub(crate) fn not_a_value(text: &str) -> Option<&'static str> {
    const QUOTES: [&str; 6] = ["\"", "'", "`", "\u{201c}", "\u{201d}", "\u{2018}"];
    const BEGINNINGS: [&str; 6] = ["$(", "${", "$[", "{{", "#{", "$env:"];
    const ENDS: [(&str, &str); 3] = [("%", "%"), ("<", ">"), ("__", "__")];
    let is_variable = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if text.trim() != text {
        Some("has leading or trailing whitespace; was it read from a file that ends in a newline?")
    } else if QUOTES.iter().any(|quote| text.starts_with(quote)) {
        Some("is in quotes, which are not part of it")
    } else if BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
        || ENDS
            .iter()
            .any(|(start, end)| text.len() > 2 * start.len() && text.starts_with(start) && text.ends_with(end))
        || text.strip_prefix('$').is_some_and(is_variable)
    {
        Some("is a placeholder that nothing has replaced: is the variable defined, and visible to this step?")
    } else if text.bytes().all(|b| b == b'*') {
        Some("consists of asterisks: it was copied from where it is masked")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "26587896-1cef-4483-accf-ad304e2673d6";

    #[test]
    fn a_secret_is_found_in_any_case_and_next_to_multi_byte_text() {
        let secrets = Secrets::new(["aB-1", "no"]);
        assert_eq!(secrets.redact("é ab-1é AB-1aB-1"), "é [secret]é [secret][secret]");
        assert_eq!(secrets.redact("nothing"), "nothing");
        assert!(secrets.are_in("AB-1") && !secrets.are_in("xab-1x"));
        assert!(Secrets::new([KEY]).are_in("x-26587896-1CEF-4483-accf-ad304e2673d6"));
    }

    #[test]
    fn an_id_of_the_same_form_as_the_key_has_a_piece_of_it_by_chance() {
        let secrets = Secrets::new([KEY]);
        assert!(!secrets.are_in("083b9179-3aef-4483-ac61-edd29b34605e"));
        assert!(secrets.are_in("083b9179-1cef-4483-ac61-edd29b34605e"));
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let escaped = |escape: fn(char) -> String| KEY.chars().map(escape).collect::<String>();
        for echo in [
            KEY.replace('-', "-\r\n"),
            KEY.replace('8', "\u{ad}8\u{200b}"),
            KEY.replace('8', "8\u{e0001}\u{2063} \u{1b}"),
            escaped(|c| format!("\\u{:04x}", c as u32)),
            escaped(|c| format!("&#{};", c as u32)),
            escaped(|c| format!("&#x{:x};", c as u32)),
            escaped(|c| format!("%{:02X}", c as u32)),
            escaped(|c| format!("%25{:02x}", c as u32)),
            KEY.replace('-', "%2D"),
        ] {
            assert_eq!(Secrets::new([KEY]).redact(&format!("it was {echo}, yes")), "it was [secret], yes", "{echo}");
        }
    }

    #[test]
    fn a_secret_that_looks_like_an_escape_is_found_and_so_is_one_that_is_not_ascii() {
        for secret in ["p%41ss", r"a\-b\\c", "x&amp;y", "100%25&#49;", "pü%C3", "ünü€", "a b c d"] {
            let secrets = Secrets::new([secret]);
            assert_eq!(secrets.redact(&format!("<{secret}>")), "<[secret]>");
            let escaped = secret.chars().map(|c| format!("&#{};", c as u32)).collect::<Vec<_>>().concat();
            assert_eq!(secrets.redact(&format!("<{escaped}>")), "<[secret]>", "{secret}");
        }
    }

    #[test]
    fn a_piece_of_a_secret_is_found() {
        let secrets = Secrets::new([KEY, "p%5b&<\"'\\pw"]);
        for (start, end) in [(0, 8), (3, 20), (28, 36)] {
            assert_eq!(secrets.redact(&format!("<{}>", &KEY[start..end])), "<[secret]>");
        }
        let halves = format!("{}<br>{}", &KEY[..18], &KEY[18..]);
        assert_eq!(secrets.redact(&halves), "[secret]<br>[secret]");
        assert_eq!(secrets.redact(&KEY[..7]), &KEY[..7], "too little to be of use");
        let long = format!("{}{KEY}", "x".repeat(SEARCHED - 20));
        assert!(secrets.redact(&long).ends_with("x[secret]"));
    }

    #[test]
    fn foreign_text_is_stripped_redacted_and_cut() {
        let secrets = Secrets::new(["26587896-1CEF"]);
        assert_eq!(secrets.sanitized("a\u{1b}[31mred\u{7}\r\nb\u{202e}c\u{9b}d"), "a [31mred bc d");
        assert_eq!(secrets.sanitized("it was 26587896-1cef, or \"26587896-1CEF\""), "it was [secret], or \"[secret]\"");
        let long = secrets.sanitized(&"é".repeat(4000));
        assert!((2000..=2048).contains(&long.len()) && long.ends_with("é…"), "{}", long.len());
        let at_the_cut = format!("{}26587896-1cef", "x".repeat(SANITIZED_MAX - 8));
        assert!(!secrets.sanitized(&at_the_cut).contains("2658"));
        let exact = "x".repeat(SANITIZED_MAX);
        assert_eq!(secrets.sanitized(&exact), exact);
    }

    #[test]
    fn what_only_stands_for_a_value_is_none() {
        for text in [
            "\"pa55\"", "'pa55'", "$(PA55)", "${PA55}", "${{ secrets.PA55 }}", "{{ pa55 }}", "%PA55%", "#{PA55}#",
            "<pa55>", "__PA55__", "$PASS", "$env:PA55", "***",
        ] {
            let problem = not_a_value(text).unwrap_or_default();
            assert!(!problem.is_empty(), "{text}");
        }
        for text in
            ["pa55", "$ecret", "100%", "%", "a\"b", "{pa55}", "<", "__", "____", "*a*", "$Pass", "26587896-1cef"]
        {
            assert_eq!(not_a_value(text), None, "{text}");
        }
    }
}

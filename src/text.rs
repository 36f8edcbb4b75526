//! Text from elsewhere: searched, cut and made fit for one line.
//!
//! These are plain loops, where `str` has methods for most of it: those are generic, and would be compiled anew into
//! this crate, a search that is fast on megabytes among them. No text here is that long.

use std::fmt::Write as _;
use std::path::Path;

/// Where `part` begins in `text`, without regard to the case of ASCII letters.
pub(crate) fn position(text: &str, part: &str) -> Option<usize> {
    let part = part.as_bytes();
    text.as_bytes().windows(part.len().max(1)).position(|window| window.eq_ignore_ascii_case(part))
}

/// Whether `part` is in `text` as it stands.
pub(crate) fn holds(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len().max(1)).any(|window| window == part.as_bytes())
}

/// Whether it is one of the unreserved characters of RFC 3986 §2.3, which mean themselves everywhere in a URL.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The first characters of `text`, at most so many.
pub(crate) fn beginning(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Without control characters and those that reorder or hide what is around them; white space folded.
pub(crate) fn harmless(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_whitespace() && !is_harmful(c) {
            folded.push(c);
        } else if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    if folded.ends_with(' ') {
        folded.pop();
    }
    folded
}

/// Escape sequences begin with a control character.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A path in one line, whatever is in its name.
pub(crate) fn path(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        return "(an empty path)".to_owned();
    }
    let mut line = String::new();
    for c in path.to_string_lossy().chars() {
        if c.is_control() {
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_in_any_case() {
        for (text, part, at) in [("xAbc", "aBC", Some(1)), ("é-k", "-K", Some(2)), ("ab", "abc", None), ("", "a", None)]
        {
            assert_eq!(position(text, part), at, "{text} {part}");
        }
    }

    #[test]
    fn a_beginning_is_cut_between_characters() {
        assert_eq!((beginning("aéb", 2), beginning("aéb", 3), beginning("aéb", 9)), ("aé", "aéb", "aéb"));
    }

    #[test]
    fn white_space_is_folded_and_what_misleads_is_gone() {
        assert_eq!(harmless("  a\r\n\t b\u{1b}[2Jc\u{202e}d\u{a0}\u{feff} "), "a b [2Jc d");
        assert_eq!((harmless(" \n"), harmless("")), (String::new(), String::new()));
    }

    #[test]
    fn a_path_stays_in_its_line() {
        assert_eq!(path(Path::new("a/b\nc\u{1b}é.mda")), "a/b\\nc\\u{1b}é.mda");
        assert_eq!(path(Path::new("")), "(an empty path)");
    }
}

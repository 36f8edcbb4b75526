//! Foreign text, sanitized and cut to fit one line.

use std::path::Path;

/// Whether a URL may contain this character anywhere, unescaped (RFC 3986 §2.3).
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The first `characters` characters of `text`.
pub(crate) fn beginning(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Replaces control characters, and those that reorder or hide text, by spaces, and folds whitespace.
pub(crate) fn sanitize(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_whitespace() && !is_unsafe(c) {
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
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A path on one line, whatever its name contains.
pub(crate) fn path(path: &Path) -> String {
    match path.to_string_lossy() {
        path if path.is_empty() => "(an empty path)".to_owned(),
        path => {
            path.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitespace_is_folded_and_misleading_characters_are_removed() {
        assert_eq!(sanitize("  a\r\n\t b\u{1b}[2Jc\u{202e}d\u{a0}\u{feff} "), "a b [2Jc d");
        assert_eq!((sanitize(" \n"), sanitize("")), (String::new(), String::new()));
    }

    #[test]
    fn a_path_stays_in_its_line() {
        assert_eq!(path(Path::new("a/b\nc\u{1b}é.mda")), "a/b\\nc\\u{1b}é.mda");
        assert_eq!(path(Path::new("")), "(an empty path)");
    }
}

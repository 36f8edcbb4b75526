//! Resolves the escapes of JSON, HTML and URLs, which can hide a secret from a search.

/// The first characters of escapes.
const MARKS: [char; 3] = ['\\', '&', '%'];
/// The longest escape, in characters after the first one.
const LENGTH_MAX: usize = 10;
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

/// Whether there may be escapes in it.
pub(super) fn has_marks(text: &str) -> bool {
    text.contains(MARKS)
}

/// Resolves all escapes once. What only looks like an escape is kept.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(first) = rest.next() {
        let ahead: String = rest.clone().take(if MARKS.contains(&first) { LENGTH_MAX } else { 0 }).collect();
        match escape(first, &ahead) {
            Some((c, length)) => {
                plain.push(c);
                rest.by_ref().take(length).for_each(drop);
            }
            None => plain.push(first),
        }
    }
    plain
}

/// The character that an escape stands for, and how many characters it has after its first.
fn escape(first: char, text: &str) -> Option<(char, usize)> {
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
        ('&', '#') => {
            let (start, radix) = if text.starts_with("#x") || text.starts_with("#X") { (2, 16) } else { (1, 10) };
            let (c, end) = number(start, text.find(';')?.checked_sub(start)?, radix)?;
            Some((c, end + 1))
        }
        _ => NAMED.iter().find(|(name, _)| text.starts_with(name)).map(|(name, c)| (*c, name.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_json_html_and_urls_are_resolved_once() {
        for text in
            ["a-1", r"\u0061\u002d\u0031", r"\x61\-1", "%61%2D1", "&#97;&#45;&#49;", "&#x61;&#X2d;&#x00031;", "a&#45;1"]
        {
            assert_eq!(unescaped(text), "a-1", "{text}");
        }
        for (text, plain) in
            [("%2561", "%61"), ("&amp;#97;", "&#97;"), (r"\u0026#x61;", "&#x61;"), (r"a\nb\\n", r"a b\n")]
        {
            assert_eq!(unescaped(text), plain);
        }
        assert_eq!(unescaped("<&lt;&quot;&amp;&nbsp;&shy;>"), "<<\"&\u{a0}\u{ad}>");
    }

    #[test]
    fn what_only_looks_like_an_escape_is_kept() {
        for text in [
            "%", "%4", "%zz", "&", "&x;", "&#;", "&#xd800;", r"\", r"\u12", "&#99999999999;", "é%é", r"\é", "100 % & 1",
        ] {
            assert_eq!(unescaped(text), text);
        }
    }
}

//! The secrets that no text may show, and what is done to foreign text that does.

use std::ops::Range;

use crate::text::{self, Plain};

/// The maximum length of foreign text in a message, in bytes.
const SANITIZED_MAX: usize = 2 * 1024;
/// A shorter secret is not searched for, because matches would be everywhere.
const SHORTEST: usize = 4;
/// A run this long of a longer secret counts as a leak. A secret that is shorter only counts where it stands alone.
const PIECE: usize = 8;
/// A run this long in an id is no coincidence. Eight characters can be: keys and ids look like UUIDs of version 4, of which two
/// have the same form and some of the same characters.
const PIECE_OF_ID: usize = 12;
/// How often a secret may be escaped and is still found.
const ESCAPED_MAX: usize = 3;
/// How much of a text is searched for secrets, in characters. No message shows as much.
const SEARCHED: usize = 8 * 1024;
/// The maximum length of an error code.
const CODE_MAX: usize = 64;

/// The API key, and the credentials of the proxy.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<Secret>);

#[derive(Clone)]
struct Secret {
    /// In lower case, without blanks.
    text: Vec<char>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    ApiKey,
    ProxyPassword,
    /// May well be a word that names and ids have, too, so it only counts as a whole, where it stands alone.
    ProxyUser,
}

impl Secret {
    fn must_stand_alone(&self) -> bool {
        self.kind == Kind::ProxyUser || self.text.len() < PIECE
    }

    /// How many characters of `rest`, of which `text` is the original, are the secret or a piece of it that is long enough to be
    /// of use; or 0.
    fn length_in(&self, rest: &[Plain], text: &str) -> usize {
        let length = common_beginning(rest, &self.text);
        let is_alone = || {
            let ends = rest.first().zip(rest.get(length.saturating_sub(1)));
            ends.is_some_and(|(first, last)| stands_alone(text, first.1.start..last.1.end))
        };
        if self.must_stand_alone() && (length < self.text.len() || !is_alone()) { 0 } else { length }
    }
}

impl Secrets {
    #[cfg(test)]
    pub(crate) fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Secrets::of(keys.into_iter().map(|key| (Kind::ApiKey, key)))
    }

    pub(crate) fn of_request(api_key: &str, proxy_user: Option<&str>, proxy_password: Option<&str>) -> Self {
        let user = proxy_user.map(|user| (Kind::ProxyUser, user));
        let password = proxy_password.map(|password| (Kind::ProxyPassword, password));
        Secrets::of([(Kind::ApiKey, api_key)].into_iter().chain(user).chain(password))
    }

    fn of<'a>(secrets: impl Iterator<Item = (Kind, &'a str)>) -> Self {
        let visible = |text| text::plain(text, 0).iter().map(|(c, _)| c.to_ascii_lowercase()).collect();
        let secrets = secrets.map(|(kind, text)| Secret { text: visible(text), kind });
        Secrets(secrets.filter(|secret| secret.text.len() >= SHORTEST).collect())
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

    /// An error code, which programs compare: as it came if it has the form of one and the key is not in it.
    pub(crate) fn sanitized_code(&self, text: &str) -> String {
        let code = text.trim();
        let is_of_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ');
        let has_form = (1..=CODE_MAX).contains(&code.len()) && code.chars().all(is_of_code);
        let has_key = || !self.find(code, &text::plain(code, 0), |kind| kind == Kind::ApiKey).is_empty();
        if has_form && !has_key() { code.to_owned() } else { self.sanitized(text) }
    }

    /// The beginning of `text` with all secrets replaced, and all pieces of them that are long enough to be of use,
    /// however they are written: in any case, escaped, or with whitespace or invisible characters in between.
    fn redact(&self, text: &str) -> String {
        let text = text::beginning(text, SEARCHED);
        // As it is, too, because a secret may look like an escape.
        let depths = if text::has_escapes(text) { 0..=ESCAPED_MAX } else { 0..=0 };
        let mut found: Vec<_> = depths.flat_map(|depth| self.find(text, &text::plain(text, depth), |_| true)).collect();
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
    /// the id, and a proxy's user never.
    pub(crate) fn are_in(&self, id: &str) -> bool {
        let is_whole = |length| length >= PIECE && self.0.iter().any(|secret| secret.text.len() == length);
        let found = self.find(id, &text::plain(id, 0), |kind| kind != Kind::ProxyUser);
        let mut lengths = found.iter().map(ExactSizeIterator::len);
        lengths.any(|length| length >= PIECE_OF_ID || length == id.len() || is_whole(length))
    }

    /// Where secrets of these kinds and their pieces are in `text`, of which `plain` was made.
    fn find(&self, text: &str, plain: &[Plain], is_wanted: fn(Kind) -> bool) -> Vec<Range<usize>> {
        let (mut found, mut rest) = (Vec::new(), plain);
        while let [first, others @ ..] = rest {
            let wanted = self.0.iter().filter(|secret| is_wanted(secret.kind));
            let length = wanted.map(|secret| secret.length_in(rest, text)).max().unwrap_or(0);
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

/// Whether what is there is not a part of a longer word, name, host or id.
fn stands_alone(text: &str, range: Range<usize>) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let joins = |chars: &mut dyn Iterator<Item = char>| match chars.next() {
        Some('.' | '@') => chars.next().is_some_and(is_of_word),
        next => next.is_some_and(is_of_word),
    };
    let (before, after) = (text.get(..range.start).unwrap_or_default(), text.get(range.end..).unwrap_or_default());
    !joins(&mut before.chars().rev()) && !joins(&mut after.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "26587896-1cef-4483-accf-ad304e2673d6";

    #[test]
    fn a_secret_is_found_in_any_case_and_next_to_multi_byte_text() {
        let secrets = Secrets::new(["aB-1-xyz", "no"]);
        assert_eq!(secrets.redact("é ab-1-xyzé AB-1-xyzaB-1-XYZ"), "é [secret]é [secret][secret]");
        assert_eq!(secrets.redact("nothing"), "nothing");
        let short = Secrets::new(["aB-1"]);
        assert!(short.are_in("AB-1") && !short.are_in("xab-1x"));
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
    fn a_short_secret_and_a_proxys_user_only_count_where_they_stand_alone() {
        let secrets = Secrets::of_request(KEY, Some("Acceptance"), Some("pack"));
        for text in ["(acceptance)", "no acceptance.", "user=ACCEPTANCE", "pack", "a pack,", "\"pack\"", "pack: no"] {
            assert!(secrets.redact(text).contains("[secret]"), "{text}");
        }
        for text in
            ["pack_1", "unpack", "a-pack", "pack.mda", "acceptance-2", "acceptances", "acceptanc", "joe@acceptance.com"]
        {
            assert_eq!(secrets.redact(text), text);
        }
        assert!(!secrets.are_in("Acceptance") && secrets.are_in("pack"));
    }

    #[test]
    fn a_code_is_as_it_came_unless_the_key_is_in_it() {
        let secrets = Secrets::of_request(KEY, Some("admin"), Some("CONSTANT"));
        for code in ["INSECURE_ADMIN_PASSWORD", "MISSING_CONSTANT", "ADMIN", "NOT ALLOWED", "400", &"X".repeat(64)] {
            assert_eq!(secrets.sanitized_code(&format!(" {code}\n")), code);
        }
        assert_eq!(secrets.sanitized_code("no: admin"), "no: [secret]");
        assert_eq!(secrets.sanitized_code("X 26587896 Y"), "X [secret] Y");
        assert_eq!(secrets.sanitized_code("a\u{1b}b"), "a b");
        assert_eq!(secrets.sanitized_code(&"admin ".repeat(11)).replace("[secret]", "").trim(), "");
    }
}

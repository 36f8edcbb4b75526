//! The secrets that no text may show, and how they are redacted from foreign text.

mod unescaped;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::text;
use unescaped::{has_marks, unescaped};

/// The maximum length of foreign text in a message, in bytes.
const SANITIZED_MAX: usize = 2 * 1024;
/// A shorter secret is not searched for, because it would match everywhere.
const SHORTEST: usize = 4;
/// A run this long of a longer secret counts as a leak. A secret that is shorter only counts where it stands alone.
const PIECE: usize = 8;
/// A run this long in an id is not a coincidence. Eight characters can be: keys and ids look like UUIDs of version 4, which
/// have the same form and share some characters.
const PIECE_OF_ID: usize = 12;
/// How many times a secret may be escaped and is still found: a gateway may repeat a header in a web page within JSON.
const ESCAPED_MAX: usize = 2;
/// Replaces a text that contains an escaped secret.
const WITHHELD: &str = "[withheld, because a secret is in it]";
/// How much of a text is searched for secrets, in characters; more than any message shows.
const SEARCHED: usize = 8 * 1024;
/// The maximum length of an error code.
const CODE_MAX: usize = 64;

/// The API key, and the credentials of the proxy.
#[derive(Clone)]
pub(crate) struct Secrets {
    /// In lower case, without blanks.
    all: Vec<(String, Kind)>,
    /// All pieces of the longer ones.
    pieces: BTreeMap<String, Kind>,
    /// Their bytes, in any case, and how many of them in a row may be a secret or a piece of one.
    bytes: Vec<u8>,
    in_a_row: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    ApiKey,
    ProxyPassword,
    /// Often a common word, so it only counts as a whole, where it stands alone.
    ProxyUser,
}

impl Secrets {
    #[cfg(test)]
    pub(crate) fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Secrets::of(keys.into_iter().map(|key| (key, Kind::ApiKey)))
    }

    pub(crate) fn of_request(api_key: &str, proxy_user: Option<&str>, proxy_password: Option<&str>) -> Self {
        let user = proxy_user.map(|user| (user, Kind::ProxyUser));
        let password = proxy_password.map(|password| (password, Kind::ProxyPassword));
        // Of two with the same piece, the last one counts.
        Secrets::of(user.into_iter().chain(password).chain([(api_key, Kind::ApiKey)]))
    }

    fn of<'a>(secrets: impl Iterator<Item = (&'a str, Kind)>) -> Self {
        let all = secrets.map(|(secret, kind)| (Visible::of(secret).text, kind));
        let all: Vec<_> = all.filter(|(secret, _)| secret.chars().count() >= SHORTEST).collect();
        let mut pieces = BTreeMap::new();
        for (secret, kind) in all.iter().filter(|(secret, kind)| !must_stand_alone(secret, *kind)) {
            pieces.extend(Visible::of(secret).runs(PIECE).map(|(piece, _)| (piece.to_owned(), *kind)));
        }
        let text: String = all.iter().map(|(secret, _)| secret.to_ascii_uppercase() + secret).collect();
        let in_a_row = all.iter().map(|(secret, _)| secret.chars().count()).fold(PIECE, usize::min);
        Secrets { all, pieces, bytes: text.into_bytes(), in_a_row }
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

    /// An error code, which programs compare: unchanged if it looks like a code and does not contain the key.
    pub(crate) fn sanitized_code(&self, text: &str) -> String {
        let code = text.trim();
        let is_of_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ');
        let has_form = (1..=CODE_MAX).contains(&code.len()) && code.chars().all(is_of_code);
        let has_key = || !self.find(code, |kind| kind == Kind::ApiKey).is_empty();
        if has_form && !has_key() { code.to_owned() } else { self.sanitized(text) }
    }

    /// Whether an id contains a secret or a long piece of one, or is itself a piece. A proxy's user does not count.
    pub(crate) fn are_in(&self, id: &str) -> bool {
        let found = self.find(id, |kind| kind != Kind::ProxyUser);
        let has_whole = |found: &str| {
            let (found, mut all) = (found.to_ascii_lowercase(), self.all.iter());
            all.any(|(secret, kind)| !must_stand_alone(secret, *kind) && found.contains(secret))
        };
        let counts = |found: &str| found.len() >= PIECE_OF_ID || found.len() == id.len() || has_whole(found);
        found.into_iter().filter_map(|place| id.get(place)).any(counts)
    }

    /// The beginning of `text`, with all secrets and all long pieces of them replaced, in any case and with whitespace or
    /// invisible characters in between. A text that contains them escaped is withheld.
    fn redact(&self, text: &str) -> String {
        let text = text::beginning(text, SEARCHED);
        let (mut clean, mut end) = (String::with_capacity(text.len()), 0);
        for secret in self.find(text, |_| true) {
            // One may be a part of another.
            if secret.start >= end {
                clean += text.get(end..secret.start).unwrap_or_default();
                clean += "[secret]";
            }
            end = end.max(secret.end);
        }
        clean += text.get(end..).unwrap_or_default();
        if self.are_escaped_in(&clean) { WITHHELD.to_owned() } else { clean }
    }

    /// The proxy's user does not count: a word that stands next to an escape would cost the whole text.
    fn are_escaped_in(&self, text: &str) -> bool {
        if !has_marks(text) {
            return false;
        }
        let mut plain = text.to_owned();
        (0..ESCAPED_MAX).any(|_| {
            plain = unescaped(&plain);
            !self.find(&plain, |kind| kind != Kind::ProxyUser).is_empty()
        })
    }

    /// Whether enough bytes in a row are those of secrets. Most texts of a long list need no closer search.
    fn may_be_in(&self, text: &str) -> bool {
        let mut in_a_row = 0;
        text.bytes().any(|byte| {
            in_a_row = match byte {
                b' ' => in_a_row,
                _ if !byte.is_ascii_graphic() || self.bytes.contains(&byte) => in_a_row + 1,
                _ => 0,
            };
            in_a_row >= self.in_a_row
        })
    }

    /// Where secrets of these kinds and their pieces are in `text`, in order. One may be a part of another.
    fn find(&self, text: &str, is_wanted: fn(Kind) -> bool) -> Vec<Range<usize>> {
        if !self.may_be_in(text) {
            return Vec::new();
        }
        let visible = Visible::of(text);
        let mut found: Vec<Range<usize>> = Vec::new();
        let is_piece = |piece: &str| self.pieces.get(piece).is_some_and(|kind| is_wanted(*kind));
        for (_, place) in visible.runs(PIECE).filter(|(run, _)| is_piece(run)) {
            match found.last_mut() {
                Some(last) if place.start < last.end => last.end = place.end,
                _ => found.push(place),
            }
        }
        for (word, _) in self.all.iter().filter(|(word, kind)| must_stand_alone(word, *kind) && is_wanted(*kind)) {
            let runs = visible.runs(word.chars().count()).filter(|(run, _)| run == word);
            found.extend(runs.map(|(_, place)| place).filter(|place| stands_alone(text, place)));
        }
        found.sort_by_key(|place| place.start);
        found
    }
}

/// The visible characters of a text, in lower case.
struct Visible {
    text: String,
    /// For each character, its place here and its place in the text.
    places: Vec<(usize, Range<usize>)>,
}

impl Visible {
    fn of(text: &str) -> Visible {
        let mut visible = Visible { text: String::with_capacity(text.len()), places: Vec::new() };
        for (start, c) in text.char_indices().filter(|(_, c)| text::is_visible(*c)) {
            visible.places.push((visible.text.len(), start..start + c.len_utf8()));
            visible.text.push(c.to_ascii_lowercase());
        }
        visible
    }

    /// All runs of so many characters, and where they are in the text.
    fn runs(&self, length: usize) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.places.windows(length).filter_map(|run| {
            let ((begin, first), (end, last)) = (run.first()?, run.last()?);
            Some((self.text.get(*begin..end + last.len())?, first.start..last.end))
        })
    }
}

fn must_stand_alone(secret: &str, kind: Kind) -> bool {
    kind == Kind::ProxyUser || secret.chars().count() < PIECE
}

/// Whether this range is not part of a longer word, name, host or id.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
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
        assert!(secrets.are_in("26587896") && !secrets.are_in("x26587896"));
        assert!(secrets.are_in("x26587896-1cez") && !secrets.are_in("x26587896-1cz"));
        assert!(Secrets::new(["aaaaaaaa"]).are_in("aaaaaaaaa"));
    }

    #[test]
    fn a_secret_is_found_with_anything_in_between_that_cannot_be_seen() {
        for echo in [
            KEY.replace('-', "-\r\n"),
            KEY.replace('8', "\u{ad}8\u{200b}"),
            KEY.replace('8', "8\u{e0001}\u{2063} \u{1b}"),
        ] {
            assert_eq!(Secrets::new([KEY]).redact(&format!("it was {echo}, yes")), "it was [secret], yes", "{echo}");
        }
    }

    fn escaped(text: &str, escape: impl Fn(u32) -> String) -> String {
        text.chars().map(|c| escape(c.into())).collect()
    }

    #[test]
    fn a_text_with_an_escaped_secret_is_withheld() {
        for echo in [
            escaped(KEY, |c| format!("\\u{c:04x}")),
            escaped(KEY, |c| format!("&#{c};")),
            escaped(KEY, |c| format!("&#x{c:x};")),
            escaped(KEY, |c| format!("%{c:02X}")),
            escaped(KEY, |c| format!("%25{c:02x}")),
            escaped(KEY, |c| format!("\\u0026#{c};")),
            escaped(KEY, |c| format!("&#{c};\n")),
            KEY.replace('-', "%2D"),
            escaped(&KEY[..8], |c| format!("%{c:02x}")),
        ] {
            assert_eq!(Secrets::new([KEY]).redact(&format!("it was {echo}, yes")), WITHHELD, "{echo}");
        }
        let innocent = r"C:\new\path &amp; 100 % of &lt;p&gt;%20";
        assert_eq!(Secrets::new([KEY]).redact(innocent), innocent);
    }

    #[test]
    fn a_secret_that_looks_like_an_escape_is_found_and_so_is_one_that_is_not_ascii() {
        for secret in ["p%41ss", r"a\-b\\c", "x&amp;y", "100%25&#49;", "pü%C3", "ünü€", "a b c d"] {
            let secrets = Secrets::new([secret]);
            assert_eq!(secrets.redact(&format!("<{secret}>")), "<[secret]>");
            let escaped = escaped(secret, |c| format!("&#{c};"));
            assert_eq!(secrets.redact(&format!("<{escaped}>")), WITHHELD, "{secret}");
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
    fn a_secret_that_is_a_part_of_another_does_not_end_it() {
        for (user, password, text) in [
            ("admin", "admin#2024!xyz", "denied to admin#2024!xyz."),
            ("svc-ci", "Q!svc-ci!secretpart", "denied to Q!svc-ci!secretpart."),
            ("none", "1cef", "denied to 26587896- 1cef -4483-accf-ad304e2673d6."),
        ] {
            let secrets = Secrets::of_request(KEY, Some(user), Some(password));
            assert_eq!(secrets.redact(text), "denied to [secret].", "{text}");
        }
        let secrets = Secrets::of_request(KEY, None, Some("26587896abc"));
        assert_eq!(secrets.sanitized_code("CODE_26587896"), "CODE_[secret]", "the key counts, not the password");
    }

    #[test]
    fn pieces_are_counted_in_characters() {
        let secrets = Secrets::new(["пароль12345"]);
        assert_eq!(secrets.redact("введите пароль"), "введите пароль");
        assert_eq!(secrets.redact("не ароль1234"), "не [secret]");
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
        let escaped = "the%20acceptance%20page, see %2Fhome%2Facceptance%2F";
        assert_eq!(secrets.redact(escaped), escaped, "a word next to an escape hides no text");
        let secrets_of = |user, password| Secrets::of_request(KEY, user, password);
        for secrets in [secrets_of(Some("1cef"), None), secrets_of(None, Some("1cef"))] {
            assert!(!secrets.are_in("x-1cef-4483-y"), "a piece by chance, with a word in it");
        }
        assert!(!secrets.are_in("Acceptance") && secrets.are_in("pack") && !secrets.are_in("pack-1"));
    }

    #[test]
    fn a_code_is_unchanged_unless_it_contains_the_key() {
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

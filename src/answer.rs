//! Describes a response in words: what the server said, read leniently and sanitized, and what it usually means.

use std::io;

use serde_json::Value;

use crate::credentials::Secrets;
use crate::error::{Error, ErrorKind};
use crate::event::Seconds;
use crate::http::{Failure, Reply, Stage};
use crate::json::{self, without_bom};
use crate::text;

/// The maximum length of server text in a message, in bytes.
const SANITIZED_MAX: usize = 2 * 1024;
const UNREADABLE: &str = "the rest of the response could not be read";

/// The body of a refusal, as far as it could be read.
#[derive(Debug, PartialEq)]
struct Refusal {
    /// `errorCode`, or `code` in newer versions of the API.
    code: Option<String>,
    /// `errorMessage` and `details`; the beginning of a body that is not the API's JSON; empty without a body.
    text: String,
}

/// A request, as its errors describe it.
pub(crate) struct Asked<'a> {
    pub(crate) secrets: &'a Secrets,
    /// For example "the upload of calc.mda to app calc".
    pub(crate) what: &'a str,
    /// A hint for a 404.
    pub(crate) not_found: &'a str,
    /// Whether the server may have carried it out even if the response says "later".
    pub(crate) may_be_done: bool,
}

impl Asked<'_> {
    /// The error for a request that ended without a usable success. Unless it is a refusal or a failure to connect,
    /// `open` makes it from what the server said, if it said anything.
    pub(crate) fn error(&self, end: Result<Reply, Failure>, open: impl FnOnce(Option<&str>) -> Error) -> Error {
        let reply = match end {
            Ok(reply) => reply,
            Err(Failure { stage: Stage::Connecting { target, reason, hint, transient }, cause, .. }) => {
                let message = format!("cannot connect to {target}: {reason}{hint}");
                return Error::new(ErrorKind::Connect, message)
                    .with_transient(transient)
                    .with_source(self.sanitized(&cause));
            }
            Err(failure) => return open(None).with_source(self.sanitized(&failure.cause)),
        };
        let status = reply.status;
        let (code, words) = if reply.is_success() {
            (None, no_use(&reply, self.secrets))
        } else {
            let said = Refusal::of_reply(&reply, self.secrets);
            let words = said.after_the_status();
            (said.code, words)
        };
        let error = if is_refusal(status) || (is_retryable_status(status) && !self.may_be_done) {
            Error::new(ErrorKind::Rejected, format!("{} was refused: {status}{words}", self.what))
                .with_note(&self.meaning(&reply))
                .with_transient(is_retryable_status(status))
        } else {
            open(Some(&format!("the server answered {status}{words}")))
        };
        let error = error.with_status(status).with_code(code).with_retry_after(reply.retry_after);
        match reply.cut_short {
            Some(cause) => error.with_source(self.sanitized(&cause).context("the response is incomplete")),
            None => error,
        }
    }

    /// A cause may contain foreign text, such as all the names in a certificate.
    fn sanitized(&self, cause: &io::Error) -> anyhow::Error {
        anyhow::Error::msg(sanitized(&cause.to_string(), self.secrets))
    }

    /// What such a refusal usually means, as the end of a sentence.
    fn meaning(&self, reply: &Reply) -> String {
        let meaning = match (reply.status, reply.retry_after) {
            (300..=399, _) => {
                let target =
                    reply.target.as_deref().map_or(String::new(), |to| format!(" to {}", sanitized(to, self.secrets)));
                format!("redirects{target} are not followed, to keep the API key from other hosts; check the base URL")
            }
            (401, _) => "check the user name and the API key".into(),
            (403, _) => "the user needs API Rights for this app (Permissions tab of its Environments page)".into(),
            (404, _) => self.not_found.to_owned(),
            (413, _) => "the package is larger than the server accepts; Mendix Cloud takes up to 1 GB".into(),
            (status, Some(wait)) if is_retryable_status(status) => {
                format!("the server asks to try again in {}", Seconds(wait))
            }
            (status, None) if is_retryable_status(status) => "try again later".into(),
            _ => return String::new(),
        };
        format!("; {meaning}")
    }
}

/// Whether a status is a definite refusal: a redirect, or a client error registered with IANA (RFC 9110 §16.2; 418 is
/// registered as unused). 408 is not: gateways send it, like 499, when they or their client ran out of time, which says
/// nothing about what the server behind them did.
fn is_refusal(status: u16) -> bool {
    matches!(status, 300..=407 | 409..=417 | 421..=426 | 428 | 429 | 431 | 451)
}

/// Statuses that mean "later".
fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 503)
}

impl Refusal {
    /// The server's words, to follow the status in a message.
    fn after_the_status(&self) -> String {
        let mut said = String::new();
        for part in [self.code.as_deref().unwrap_or_default(), &self.text] {
            if !part.is_empty() {
                said.push_str(", ");
                said.push_str(part);
            }
        }
        said
    }

    /// The body of a response, or a note that it could not be read.
    fn of_reply(reply: &Reply, secrets: &Secrets) -> Refusal {
        match &reply.cut_short {
            Some(_) if reply.body.is_empty() => Refusal { code: None, text: UNREADABLE.to_owned() },
            _ => Refusal::of(&reply.body, secrets),
        }
    }

    /// Reads the API's two shapes of an error body, or whatever a gateway sent instead.
    fn of(body: &[u8], secrets: &Secrets) -> Refusal {
        let inner = json::field(body, "error").filter(Value::is_object).map(|error| error.to_string());
        let object = inner.as_ref().map_or(body, String::as_bytes);
        let field = |name: &str, newer: &str| {
            let value = json::field(object, name).or_else(|| json::field(object, newer))?;
            let text = sanitized(&plain(&value)?, secrets);
            (!text.is_empty()).then_some(text)
        };
        let code = field("errorCode", "code");
        let text = match (field("errorMessage", "message"), field("details", "detail")) {
            (Some(message), Some(details)) => format!("{message} ({details})"),
            (Some(text), None) | (None, Some(text)) => text,
            (None, None) => {
                decoded(body).map_or_else(|| excerpt(body, secrets), |object| sanitized(&object.to_string(), secrets))
            }
        };
        Refusal { code, text }
    }
}

/// JSON without unnecessary escapes, in which the key could hide.
fn decoded(body: &[u8]) -> Option<Value> {
    std::str::from_utf8(without_bom(body)).ok()?.parse().ok()
}

/// A JSON value as text: a string without quotes, nothing for `null`.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Describes a success that is of no use, to follow the status in a message.
fn no_use(reply: &Reply, secrets: &Secrets) -> String {
    match excerpt(&reply.body, secrets) {
        text if !text.is_empty() => format!(" and said \"{text}\""),
        _ if reply.cut_short.is_some() => format!(", and {UNREADABLE}"),
        _ => " with an empty body".to_owned(),
    }
}

/// The beginning of a body of any kind, sanitized.
fn excerpt(body: &[u8], secrets: &Secrets) -> String {
    sanitized(&String::from_utf8_lossy(without_bom(body)), secrets)
}

/// Sanitizes foreign text: no secrets, no control characters or escapes, whitespace folded, at most 2 KiB.
pub(crate) fn sanitized(text: &str, secrets: &Secrets) -> String {
    // Redacted before the cut, which could leave a part of a secret.
    let mut text = secrets.redact(&text::sanitize(text));
    if text.len() > SANITIZED_MAX {
        let ellipsis = '…';
        let end = (0..=SANITIZED_MAX - ellipsis.len_utf8()).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push(ellipsis);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::is_whole_object;
    use crate::random::{self, below};

    fn key() -> Secrets {
        Secrets::new(["26587896-1CEF"])
    }

    #[test]
    fn both_shapes_of_an_error_body_are_read() {
        let read = |body: &str| Refusal::of(body.as_bytes(), &key());
        let said = |code: &str, text: &str| Refusal { code: Some(code.into()), text: text.into() };
        assert_eq!(
            read(r#"{"errorMessage":"Please log in","errorCode":"NOT ALLOWED"}"#),
            said("NOT ALLOWED", "Please log in")
        );
        assert_eq!(read(r#"{"error":{"code":400,"message":"bad"}}"#), said("400", "bad"));
        assert_eq!(
            read(r#"{"errorCode":"X","errorMessage":"bad","details":{"file":"missing"}}"#),
            said("X", r#"bad ({"file":"missing"})"#)
        );
        assert_eq!(read("\u{feff}{\"errorCode\":\"X\",\"errorMessage\":\"bad\"}"), said("X", "bad"));
    }

    #[test]
    fn a_body_that_is_not_the_apis_json_is_shown_from_its_beginning() {
        let read = |body: &[u8]| Refusal::of(body, &key());
        for (body, text) in [
            (&b"<html>\n <h1>502 Bad  Gateway</h1>"[..], "<html> <h1>502 Bad Gateway</h1>"),
            (b"", ""),
            (b"null", "null"),
            (b"[]", "[]"),
            (b"\xff\xfe!", "\u{fffd}\u{fffd}!"),
            (br#"{"errorCode":null,"x":1}"#, r#"{"errorCode":null,"x":1}"#),
        ] {
            assert_eq!(read(body), Refusal { code: None, text: text.into() });
        }
    }

    #[test]
    fn server_text_is_stripped_redacted_and_cut() {
        assert_eq!(sanitized("a\u{1b}[31mred\u{7}\r\nb\u{202e}c\u{9b}d", &key()), "a [31mred bc d");
        assert_eq!(sanitized("it was 26587896-1cef, or \"26587896-1CEF\"", &key()), "it was [secret], or \"[secret]\"");
        // A key that is spelled with escapes in JSON is plain once decoded.
        let body = br#"{"errorCode":"X","errorMessage":"\u0032\u0036587896-1cef"}"#;
        assert_eq!(Refusal::of(body, &key()).text, "[secret]");
        let long = sanitized(&"é".repeat(4000), &key());
        assert!((2000..=2048).contains(&long.len()) && long.ends_with("é…"), "{}", long.len());
        let at_the_cut = format!("{}26587896-1cef", "x".repeat(SANITIZED_MAX - 8));
        assert!(!sanitized(&at_the_cut, &key()).contains("2658"));
        let exact = "x".repeat(SANITIZED_MAX);
        assert_eq!(sanitized(&exact, &key()), exact);
    }

    /// Something between the API's JSON and noise: pieces of answers, cut, repeated and with bytes flipped.
    fn noise() -> Vec<u8> {
        #[rustfmt::skip]
        const PIECES: [&[u8]; 22] = [
            b"{", b"}", b"[", b"]", b"\"", b":", b",", b"null", b"\"PackageId\":\"p-1\"", b"\"JobId\":\"j-1\"",
            b"\"JobID\":\"../x\"", b"\"Status\":\"Completed\"", b"\"errorCode\":", b"\"errorMessage\":\"no\"",
            b"\"error\":{\"code\":400", b"\"details\":[1,2]", b"\\u0032\\ud800", b"\xef\xbb\xbf", b"\xff\xfe\x00",
            b"\x1b[31m<html>", b"s3cret-key", b" \r\n\t",
        ];
        let mut body: Vec<u8> = (0..below(12)).flat_map(|_| PIECES[below(PIECES.len())].to_vec()).collect();
        for _ in 0..below(3) {
            if !body.is_empty() {
                let at = below(body.len());
                body[at] = random::bits().to_le_bytes()[0];
            }
        }
        body.repeat(if below(50) == 0 { 300 } else { 1 })
    }

    #[test]
    fn no_answer_panics_leaks_the_key_or_escapes_the_limits() {
        let key = Secrets::new(["s3cret-key"]);
        for _ in 0..3_000 {
            let body = noise();
            let case = String::from_utf8_lossy(&body);
            let said = Refusal::of(&body, &key);
            for text in [said.text, said.code.unwrap_or_default(), excerpt(&body, &key), sanitized(&case, &key)] {
                // A message and its details are two texts.
                assert!(text.len() <= 2 * SANITIZED_MAX + 3, "{case}");
                assert!(!text.to_ascii_lowercase().contains("s3cret-key"), "{case}");
                assert!(!text.chars().any(char::is_control), "{case}");
            }
            let _ = json::field(&body, "JobId");
            if is_whole_object(&body) {
                // Broken text does not make an object less whole: bytes that are no UTF-8, half a surrogate pair, control
                // characters.
                let mended = case.trim_start_matches('\u{feff}').replace("\\u", "u").replace(char::is_control, " ");
                assert!(mended.parse::<Value>().is_ok_and(|value| value.is_object()), "{case}");
            }
        }
    }
}

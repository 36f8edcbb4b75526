//! Reads the body of an error response: in the API's format, or whatever a gateway sends in its place.

use serde_json::Value;

use crate::error::SaidBy;
use crate::http::Reply;
use crate::json::{Object, without_bom};
use crate::text;

const UNREADABLE: &str = "the rest of the response could not be read";
const FOREIGN: &str = " (not in the API's format: a proxy or gateway?)";
/// How much of the title of a web page is shown, in characters.
const TITLE_MAX: usize = 200;

/// The body of a response that is an error, or an unusable success.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    /// `errorCode`, or `error.code` in newer versions of the API.
    pub(super) code: Option<String>,
    /// What follows the status in a message.
    pub(super) words: String,
    pub(super) by: SaidBy,
}

impl Said {
    pub(super) fn of(reply: &Reply) -> Said {
        let secrets = &reply.secrets;
        let foreign = |words: String| Said { code: None, words: format!("{words}{FOREIGN}"), by: SaidBy::Others };
        let unclear = |words: String| Said { code: None, words, by: SaidBy::Nobody };
        if let Some(encoding) = encoding(reply) {
            return foreign(format!(", (a body in {encoding})"));
        }
        let text = String::from_utf8_lossy(without_bom(&reply.body));
        let text = text.trim();
        if text.is_empty() {
            return unclear(match (&reply.cut_short, reply.is_success()) {
                (Some(_), _) => format!(", {UNREADABLE}"),
                (None, true) => " with an empty body".to_owned(),
                (None, false) => String::new(),
            });
        }
        if let Some(title) = title_of_web_page(text) {
            let title = secrets.sanitized(&title);
            return foreign(match text::beginning(&title, TITLE_MAX) {
                "" => ", a web page".to_owned(),
                title => format!(", a web page, \"{title}\""),
            });
        }
        // A URL may be a secret in anything that is not one of the API's own messages.
        let without_urls = |text: &str| secrets.sanitized(&text::without_urls(text));
        if reply.is_success() && !has_error_code(reply) {
            return unclear(format!(" and said \"{}\"", without_urls(text)));
        }
        if let Some((code, words)) = api_error(&reply.json()) {
            return Said { code, words, by: SaidBy::Api };
        }
        // Without unnecessary escapes, if it is JSON.
        let plain = text.parse::<Value>().map_or_else(|_| text.to_owned(), |value| value.to_string());
        foreign(format!(", {}", without_urls(&plain)))
    }
}

/// Whether the object in a body is an error.
pub(crate) fn has_error_code(reply: &Reply) -> bool {
    reply.json().any_text("errorCode").is_some()
}

/// Code and words of an error in one of the API's two formats.
fn api_error(object: &Object) -> Option<(Option<String>, String)> {
    let (code, message, details) = match object.inner("error") {
        Some(error) => (error.code("code"), error.any_text("message"), error.any_text("detail")),
        None => (object.code("errorCode"), object.any_text("errorMessage"), object.any_text("details")),
    };
    if code.is_none() && message.is_none() {
        return None;
    }
    let details = details.map(|details| text::without_urls(&details));
    // Some messages begin with the code.
    let is_said = matches!((&code, &message), (Some(code), Some(message)) if message.starts_with(code.as_str()));
    let shown_code = code.clone().filter(|_| !is_said);
    let parts: Vec<_> = [shown_code, message, details].into_iter().flatten().collect();
    Some((code, format!(", {}", parts.join(", "))))
}

/// The encoding of a body that cannot be read as it is.
fn encoding(reply: &Reply) -> Option<&'static str> {
    let (body, declared) = (reply.body.as_slice(), reply.encoding.as_deref().unwrap_or_default());
    if body.is_empty() || std::str::from_utf8(body).is_ok() {
        return None;
    }
    if body.starts_with(b"\x1f\x8b") {
        return Some("gzip");
    }
    ["gzip", "br", "zstd", "deflate", "compress"]
        .into_iter()
        .find(|known| declared.to_ascii_lowercase().contains(known))
}

/// The title of a web page, or its first heading, or its text. `None` if it is not a web page.
fn title_of_web_page(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let is_page = ["<!doctype html", "<html", "<head>", "<title", "<body", "<h1"].iter().any(|tag| lower.contains(tag));
    if !is_page || lower.starts_with(['{', '[', '"']) {
        return None;
    }
    let content = |tag: &str| {
        let start = lower.find(tag)?;
        let start = start + lower.get(start..)?.find('>')? + 1;
        let content = text.get(start..)?.split("</").next()?.trim();
        (!content.is_empty()).then_some(content)
    };
    let all = || text.split('<').filter_map(|tag| Some(tag.split_once('>')?.1)).collect::<Vec<_>>().join(" ");
    Some(["<title", "<h1", "<h2"].into_iter().find_map(content).map_or_else(all, str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Handed;
    use crate::json::is_whole;
    use crate::random::{self, below};
    use crate::secrets::Secrets;

    fn reply(status: u16, body: &[u8]) -> Reply {
        let handed = Handed { bytes: 1, total: 1 };
        let secrets = Secrets::new(["26587896-1CEF", "s3cret-key"]);
        let body = body.into();
        Reply {
            status,
            retry_after: None,
            date: None,
            target: None,
            encoding: None,
            body,
            cut_short: None,
            handed,
            secrets,
        }
    }

    fn said(status: u16, body: impl AsRef<[u8]>) -> Said {
        Said::of(&reply(status, body.as_ref()))
    }

    #[test]
    fn both_formats_of_the_api_are_read() {
        for (body, code, words) in [
            (
                r#"{"errorMessage":"Please log in","errorCode":"NOT ALLOWED"}"#,
                "NOT ALLOWED",
                ", NOT ALLOWED, Please log in",
            ),
            (r#"{"error":{"code":400,"message":"bad"}}"#, "400", ", 400, bad"),
            (
                r#"{"errorCode":"X","errorMessage":"bad","details":{"file":"missing"}}"#,
                "X",
                r#", X, bad, {"file":"missing"}"#,
            ),
            ("\u{feff}{\"errorCode\":\"X\",\"errorMessage\":\"bad\"}", "X", ", X, bad"),
            (r#"{"errorCode":"X"}"#, "X", ", X"),
            (r#"{"errorMessage":"NO:Please log in","errorCode":"NO"}"#, "NO", ", NO:Please log in"),
        ] {
            let expected = Said { code: Some(code.into()), words: words.into(), by: SaidBy::Api };
            assert_eq!(said(400, body), expected);
        }
        // Empty, it may well be the API's.
        assert_eq!(said(401, ""), Said { code: None, words: String::new(), by: SaidBy::Nobody });
    }

    #[test]
    fn what_is_not_in_the_apis_format_is_shown_from_its_beginning_and_said_to_be_foreign() {
        for (body, words) in [
            (&b"RBAC: access denied"[..], ", RBAC: access denied"),
            (b"404 page not found\n", ", 404 page not found"),
            (br#"{"message":"Forbidden"}"#, r#", {"message":"Forbidden"}"#),
            (br#"{"code":403,"message":"no"}"#, r#", {"code":403,"message":"no"}"#),
            (br#"{"errorCode":null,"x":1}"#, r#", {"errorCode":null,"x":1}"#),
            (br#"{"message":"see <html>"}"#, r#", {"message":"see <html>"}"#),
            (br#"{"error":"unauthorized"}"#, r#", {"error":"unauthorized"}"#),
            (b"<?xml version=\"1.0\"?><Error/>", ", <?xml version=\"1.0\"?><Error/>"),
            (b"null", ", null"),
            (b"\xff\xfe!", ", \u{fffd}\u{fffd}!"),
        ] {
            let expected = Said { code: None, words: format!("{words}{FOREIGN}"), by: SaidBy::Others };
            assert_eq!(said(403, body), expected);
        }
    }

    #[test]
    fn of_a_web_page_only_the_title_is_shown() {
        let long = format!("<title>{}</title>", "é".repeat(3000));
        let cut = format!(", a web page, \"{}\"", "é".repeat(TITLE_MAX));
        for (body, words) in [
            ("<html><head><title>502 Bad\n Gateway</title></head><h1>x</h1>", ", a web page, \"502 Bad Gateway\""),
            ("\n<!DOCTYPE html><TITLE lang=en>Log in</TITLE>", ", a web page, \"Log in\""),
            ("<html><title></title><h1>No <b>way</b></h1>", ", a web page, \"No <b>way\""),
            ("<html>\n <h1>502 Bad  Gateway</h1>", ", a web page, \"502 Bad Gateway\""),
            ("Warning: x in y.php\n<html><title>Oops</title>", ", a web page, \"Oops\""),
            ("<html><body><p>x</p> y<br>", ", a web page, \"x y\""),
            ("<html><body>", ", a web page"),
            ("<title", ", a web page"),
            (&long, &cut),
        ] {
            for status in [200, 403, 502] {
                let expected = Said { code: None, words: format!("{words}{FOREIGN}"), by: SaidBy::Others };
                assert_eq!(said(status, body), expected, "{body}");
            }
        }
    }

    #[test]
    fn a_body_that_is_compressed_is_named() {
        let declared = |encoding: &str, body: &[u8]| {
            let reply = Reply { encoding: Some(encoding.into()), ..reply(403, body) };
            Said::of(&reply).words
        };
        assert_eq!(said(403, b"\x1f\x8b\x08\xff").words, format!(", (a body in gzip){FOREIGN}"));
        assert_eq!(declared("BR", b"\xff\x00"), format!(", (a body in br){FOREIGN}"));
        assert_eq!(declared("x-gzip, \u{1b}", b"\xff\x00"), format!(", (a body in gzip){FOREIGN}"));
        // It is what it is, whatever is declared.
        assert_eq!(declared("gzip", br#"{"errorCode":"X"}"#), ", X");
    }

    #[test]
    fn server_text_is_stripped_redacted_and_cut() {
        // A key that is spelled with escapes in JSON is plain once decoded.
        let body = br#"{"errorCode":"X","errorMessage":"\u0032\u0036587896-1cef\u001b[31m\r\n!"}"#;
        assert_eq!(said(400, body).words, ", X, [secret] [31m !");
        let long = said(400, "é".repeat(4000)).words;
        assert!((2000..=2200).contains(&long.len()), "{}", long.len());
    }

    /// Something between the API's JSON and noise: pieces of answers, cut, repeated and with bytes flipped.
    fn noise() -> Vec<u8> {
        #[rustfmt::skip]
        const PIECES: [&[u8]; 24] = [
            b"{", b"}", b"[", b"]", b"\"", b":", b",", b"null", b"\"PackageId\":\"p-1\"", b"\"JobId\":\"j-1\"",
            b"\"JobID\":\"../x\"", b"\"Status\":\"Completed\"", b"\"errorCode\":", b"\"errorMessage\":\"no\"",
            b"\"error\":{\"code\":400", b"\"details\":[1,2]", b"\\u0032\\ud800", b"\xef\xbb\xbf", b"\xff\xfe\x00",
            b"\x1b[31m<html>", b"s3cret-key", b" \r\n\t", b"<title>", b"</",
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
    fn no_response_panics_leaks_the_key_or_escapes_the_limits() {
        for _ in 0..3_000 {
            let body = noise();
            let case = String::from_utf8_lossy(&body);
            let said = Said::of(&reply([200, 403, 500][below(3)], &body));
            for text in [said.words, said.code.unwrap_or_default()] {
                // At most a code, a message and its details.
                assert!(text.len() <= 3 * 2100, "{case}");
                assert!(!text.to_ascii_lowercase().contains("s3cret-key"), "{case}");
                assert!(!text.chars().any(char::is_control), "{case}");
            }
            let reply = reply(200, &body);
            let _ = (reply.json().field("JobId"), reply.list(|object| object.text("Name")));
            if is_whole(&body) {
                // Broken text does not make it less whole: bytes that are no UTF-8, half a surrogate pair, control
                // characters.
                let fixed = case.trim_start_matches('\u{feff}').replace("\\u", "u").replace(char::is_control, " ");
                assert!(fixed.parse::<Value>().is_ok_and(|value| value.is_object() || value.is_array()), "{case}");
            }
        }
    }
}

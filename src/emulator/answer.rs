//! What the emulator says: the bodies of the API, and HTTP/1.1 around them.

use std::io;

use serde_json::json;

/// A recorded answer of the real service, byte for byte.
const UNAUTHORIZED: &str = r#"{"errorMessage":"UNAUTHORIZED:Please provide valid credentials or set up a Mendix user session","errorCode":"UNAUTHORIZED"}"#;

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    body: String,
    /// The method that the path does allow, which a 405 has to name (RFC 9110 §15.5.6).
    allow: Option<&'static str>,
}

/// Why a request is not carried out.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is answered with a refusal.
    Refused(Answer),
    /// There is nobody to answer: the connection ended, fell silent, or the emulator stops.
    Broken,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Stop::Broken
    }
}

/// A refusal, as an error to leave with.
pub(super) fn refused(status: u16, message: &str) -> Stop {
    Stop::Refused(Answer::error(status, message))
}

impl Answer {
    pub(super) fn ok(body: &serde_json::Value) -> Self {
        Answer { status: 200, body: body.to_string(), allow: None }
    }

    pub(super) fn error(status: u16, message: &str) -> Self {
        let body = if status == 401 {
            UNAUTHORIZED.to_owned()
        } else {
            json!({ "errorCode": reason(status).to_uppercase(), "errorMessage": message }).to_string()
        };
        Answer { status, body, allow: None }
    }

    pub(super) fn wrong_method(allow: &'static str) -> Self {
        let message = format!("only {allow} is allowed here");
        Answer { allow: Some(allow), ..Self::error(405, &message) }
    }

    /// The bytes on the wire. An answer to HEAD is `without_body`.
    pub(super) fn render(&self, closes: bool, without_body: bool) -> Vec<u8> {
        // These two end with their head, whatever it says (RFC 9112 §6.3).
        let (content, body) = if matches!(self.status, 204 | 304) {
            (String::new(), "")
        } else {
            let content = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", self.body.len());
            (content, if without_body { "" } else { self.body.as_str() })
        };
        let allow = self.allow.map(|method| format!("Allow: {method}\r\n")).unwrap_or_default();
        let connection = if closes { "Connection: close\r\n" } else { "" };
        let (status, reason) = (self.status, reason(self.status));
        format!("HTTP/1.1 {status} {reason}\r\n{content}{allow}{connection}\r\n{body}").into_bytes()
    }
}

/// The usual phrase. In capitals it is the `errorCode`: the codes that were seen are such phrases, spaces included.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        425 => "Too Early",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_body_is_json_whatever_the_message() {
        let answer = Answer::error(404, "no \"such\" job");
        assert_eq!(answer.body, r#"{"errorCode":"NOT FOUND","errorMessage":"no \"such\" job"}"#);
    }

    #[test]
    fn the_length_is_that_of_the_body() {
        let text = String::from_utf8(Answer::ok(&json!({ "Status": "é" })).render(true, false)).unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nConnection: close";
        assert_eq!(text, format!("{head}\r\n\r\n{{\"Status\":\"é\"}}"));
    }

    #[test]
    fn an_answer_that_must_not_have_a_body_has_none() {
        let text = String::from_utf8(Answer::error(204, "x").render(false, false)).unwrap();
        assert_eq!(text, "HTTP/1.1 204 No Content\r\n\r\n");
        let head = String::from_utf8(Answer::wrong_method("GET").render(false, true)).unwrap();
        assert!(head.ends_with("Allow: GET\r\n\r\n"), "{head}");
    }
}

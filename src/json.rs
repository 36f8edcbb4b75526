//! JSON that came from a server: leniently read.

use serde::de::IgnoredAny;
use serde_json::Value;

/// The text of a field of a JSON object, without regard to the case of its name: the specification itself spells
/// `JobId` and `JobID`.
pub(crate) fn field(body: &[u8], name: &str) -> Option<String> {
    let object = json_object(body)?;
    let mut found = None;
    for (key, value) in object.as_object()? {
        if key == name || (found.is_none() && key.eq_ignore_ascii_case(name)) {
            found = Some(value);
        }
    }
    Some(found?.as_str()?.trim().to_owned())
}

/// The body as a JSON object, if it is one. A byte order mark is ignored.
pub(crate) fn json_object(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(without_bom(body)).ok()?;
    // Unlike serde_json's functions, this one is compiled in serde_json already.
    text.parse().ok().filter(Value::is_object)
}

/// Whether `body` is a complete JSON object already, so that nothing of interest can follow.
pub(crate) fn is_whole_object(body: &[u8]) -> bool {
    let trimmed = body.trim_ascii_end();
    trimmed.ends_with(b"}") && serde_json::from_slice::<IgnoredAny>(without_bom(trimmed)).is_ok()
}

pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_any_case_and_must_be_text() {
        let read = |body: &str| Some([field(body.as_bytes(), "PackageId")?, field(body.as_bytes(), "JobId")?]);
        let both = Some(["p".to_owned(), "j".to_owned()]);
        assert_eq!(read(r#"{"extra":[1],"JobID":"j","PackageId":" p "}"#), both);
        assert_eq!(read(r#"{"jobId":"j","packageId":"p"}"#), both);
        assert_eq!(read(r#"{"JobID":"x","JobId":"j","PackageId":"p"}"#), both, "the documented spelling wins");
        assert_eq!(read("\u{feff}{\"PackageId\":\"p\",\"JobId\":\"j\"}"), both);
        assert_eq!(read(r#"{"PackageId":"p\u000b","JobId":"\u00a0j"}"#), both, "white space of any kind");
        for bad in ["", "null", "[]", "{}", "<html>", r#"{"PackageId":"p"}"#, r#"{"PackageId":"p","JobId":7}"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(r#"{"PackageId":"p","JobId":7,"JobiD":"j"}"#), None, "the documented one is no text");
        assert_eq!(read(r#"{"PackageId":"p","JOBID":7,"jobid":"j"}"#), None, "the first one is no text");
        assert_eq!(read(r#"{"PackageId":"p","JobId":"j""#), None, "cut short");
    }

    #[test]
    fn an_object_is_whole_only_with_its_last_brace() {
        for whole in [&br#"{"a":{"b":"}"}} "#[..], b"{\"a\":\"caf\xe9\"}", br#"{"a":"\ud800"}"#, br#"{"a":1e999}"#] {
            assert!(is_whole_object(whole), "{}", String::from_utf8_lossy(whole));
        }
        for part in [&br#"{"a":{"b":"}"}"#[..], b"{", b"", b"12", b"}", br#"{"a":"}"#] {
            assert!(!is_whole_object(part), "{}", String::from_utf8_lossy(part));
        }
    }
}

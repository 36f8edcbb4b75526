//! Reads JSON from a server leniently: fields that are not read may contain anything. Text is sanitized.

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::secrets::Secrets;

/// A name, and its value as unparsed JSON.
type Field = (String, Vec<u8>);

/// A JSON object. Its text may be cut off after the last field that is read.
pub(crate) struct Object<'a> {
    fields: Vec<Field>,
    secrets: &'a Secrets,
}

impl<'a> Object<'a> {
    /// The object in a body, without an array around it or a prefix such as `)]}',`.
    pub(crate) fn of(body: &[u8], secrets: &'a Secrets) -> Object<'a> {
        let text = plain(body);
        let inside = from_first_of(b"{", &text).and_then(|text| text.strip_prefix(b"{"));
        Object { fields: inside.map(|inside| fields(inside).0).unwrap_or_default(), secrets }
    }

    /// The value of a field; of several with one name, the last one. If no name matches exactly, case is ignored: the
    /// specification itself has both `JobId` and `JobID`.
    pub(crate) fn field(&self, name: &str) -> Option<Value> {
        self.find(|other| other == name).or_else(|| self.find(|other| other.eq_ignore_ascii_case(name)))
    }

    /// The same for a string field, trimmed but not sanitized: for comparisons, never for display.
    pub(crate) fn raw(&self, name: &str) -> Option<String> {
        Some(self.field(name)?.as_str()?.trim().to_owned())
    }

    /// The same, sanitized; `None` if nothing is left of it.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        Some(self.secrets.sanitized(&self.raw(name)?)).filter(|text| !text.is_empty())
    }

    /// The same for a value of any kind but `null`.
    pub(crate) fn any_text(&self, name: &str) -> Option<String> {
        Some(self.secrets.sanitized(&self.any_raw(name)?)).filter(|text| !text.is_empty())
    }

    /// The same for an error code, which programs compare.
    pub(crate) fn code(&self, name: &str) -> Option<String> {
        Some(self.secrets.sanitized_code(&self.any_raw(name)?)).filter(|text| !text.is_empty())
    }

    fn any_raw(&self, name: &str) -> Option<String> {
        match self.field(name)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    /// The object in a field.
    pub(crate) fn inner(&self, name: &str) -> Option<Object<'a>> {
        let value = self.field(name).filter(Value::is_object)?;
        Some(Object::of(value.to_string().as_bytes(), self.secrets))
    }

    /// An id. `None` if it contains a secret, because ids are shown.
    pub(crate) fn id<T: TryFrom<String> + AsRef<str>>(&self, name: &str) -> Option<T> {
        let id: T = self.raw(name)?.try_into().ok()?;
        (!self.secrets.are_in(id.as_ref())).then_some(id)
    }

    /// The text, sanitized, of the field `part`, or else of the last one whose name contains it, in any case. `None` if it is
    /// empty.
    pub(crate) fn text_like(&self, part: &str) -> Option<String> {
        let like_it = || self.find(|name| name.to_ascii_lowercase().contains(part));
        let text = self.raw(part).or_else(|| Some(like_it()?.as_str()?.to_owned()))?;
        Some(self.secrets.sanitized(&text)).filter(|text| !text.is_empty())
    }

    /// The value of the last field whose name is wanted and whose value can be parsed.
    fn find(&self, is_wanted: impl Fn(&str) -> bool) -> Option<Value> {
        let mut wanted = self.fields.iter().rev().filter(|(name, _)| is_wanted(name));
        wanted.find_map(|(_, value)| serde_json::from_slice(value).ok())
    }
}

/// The results of `read` for the objects of the JSON array in a body. `None` if it is not an array of objects, or has no end.
pub(crate) fn list<T>(body: &[u8], secrets: &Secrets, read: impl Fn(&Object) -> Option<T>) -> Option<Vec<T>> {
    let text = plain(body);
    let mut rest = from_first_of(b"[{", &text)?.strip_prefix(b"[")?;
    let mut list = Vec::new();
    loop {
        match rest.trim_ascii_start().split_first()? {
            (b']', _) => return Some(list),
            (b',', after) => rest = after,
            (b'{', inside) => {
                let (fields, after) = fields(inside);
                list.extend(read(&Object { fields, secrets }));
                rest = after?;
            }
            _ => return None,
        }
    }
}

/// The fields of an object as far as they are valid JSON, and what follows the object if it ends. `rest` starts after its
/// opening bracket.
fn fields(mut rest: &[u8]) -> (Vec<Field>, Option<&[u8]>) {
    let mut fields = Vec::new();
    if let Some(after) = rest.trim_ascii_start().strip_prefix(b"}") {
        return (fields, Some(after));
    }
    loop {
        let Some((field, after)) = field(rest) else { return (fields, None) };
        fields.push(field);
        match after.trim_ascii_start().split_first() {
            Some((b',', after)) => rest = after,
            Some((b'}', after)) => return (fields, Some(after)),
            _ => return (fields, None),
        }
    }
}

/// The field at the beginning of `text`, and what follows it.
fn field(text: &[u8]) -> Option<(Field, &[u8])> {
    let (name, after) = value(text.trim_ascii_start()).filter(|(name, _)| name.starts_with(b"\""))?;
    let (value, rest) = value(after.trim_ascii_start().strip_prefix(b":")?)?;
    // A name may contain half a surrogate pair.
    let name = serde_json::from_slice(name).unwrap_or_else(|_| String::from_utf8_lossy(name).into_owned());
    Some(((name, value.to_vec()), rest))
}

/// The value at the beginning of `text`, unparsed, and what follows it.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    text.split_at_checked(values.byte_offset())
}

/// Whether `body` is already a complete JSON object or array, so that nothing of interest can follow.
pub(crate) fn is_whole(body: &[u8]) -> bool {
    let trimmed = without_bom(body).trim_ascii();
    // Most need no copy.
    matches!(trimmed, [b'{' | b'[', ..]) && (is_json(trimmed) || is_json(&plain(trimmed)))
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A body without a byte order mark and the quotes and escapes of a string, which gateways put around it, and with spaces
/// in place of control characters, which JSON strings must not contain.
fn plain(body: &[u8]) -> Vec<u8> {
    let mut text = without_bom(body).to_vec();
    for byte in &mut text {
        if byte.is_ascii_control() {
            *byte = b' ';
        }
    }
    serde_json::from_slice::<String>(&text).map_or(text, String::into_bytes)
}

/// The text from the first of these brackets on, unless it is a web page, whose scripts have brackets of their own.
fn from_first_of<'a>(brackets: &[u8], text: &'a [u8]) -> Option<&'a [u8]> {
    let start = text.iter().position(|byte| brackets.contains(byte))?;
    text.get(start..).filter(|_| !text.trim_ascii_start().starts_with(b"<"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &[u8], name: &str) -> Option<String> {
        Object::of(body, &Secrets::new([])).text(name)
    }

    #[test]
    fn fields_are_found_in_any_case_and_must_be_text() {
        let read = |body: &str| Some([text(body.as_bytes(), "PackageId")?, text(body.as_bytes(), "JobId")?]);
        let both = Some(["p".to_owned(), "j".to_owned()]);
        assert_eq!(read(r#"{"extra":[1],"JobID":"j","PackageId":" p "}"#), both);
        assert_eq!(read(r#"{"jobId":"j","packageId":"p"}"#), both);
        assert_eq!(read(r#"{"JobID":"x","JobId":"j","PackageId":"p"}"#), both, "the documented spelling wins");
        assert_eq!(read("\u{feff}{\"PackageId\":\"p\",\"JobId\":\"j\"}"), both);
        assert_eq!(read(r#""{\"PackageId\":\"p\",\"JobId\":\"j\"}""#), both, "in a string");
        assert_eq!(read(r#"[{"PackageId":"p","JobId":"j"}]"#), both, "in an array");
        assert_eq!(read(")]}',\n{\"PackageId\":\"p\",\"JobId\":\"j\"}"), both, "behind a prefix");
        assert_eq!(read(r#"<script>{"PackageId":"p","JobId":"j"}"#), None, "in a web page");
        assert_eq!(read(r#"{"PackageId":"p\u000b","JobId":"\u00a0j"}"#), both, "white space of any kind");
        assert_eq!(read(r#"{"PackageId":"p","JobId":"j""#), both, "cut short behind them");
        for bad in ["", "null", "[]", "{}", "<html>", r#"{"PackageId":"p"}"#, r#"{"PackageId":"p","JobId":7}"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(r#"{"JobId":"x","PackageId":"p","JobId":"j"}"#), both, "the last one wins");
        assert_eq!(read(r#"{"JobId":"j","PackageId":"p","JobId":"\ud83d"}"#), both, "the last one that can be read");
        assert_eq!(read(r#"{"JobId":"x" "JobId":"j","PackageId":"p"}"#), None, "nothing is read behind an error");
        assert_eq!(read(r#"{"PackageId":"p","JobId":7,"JobiD":"j"}"#), None, "the documented one is not text");
        assert_eq!(read(r#"{"PackageId":"p","JobId":"j"#), None, "cut short within one");
    }

    #[test]
    fn a_field_that_nobody_asks_for_may_hold_anything() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for other in [
            r#""\ud83d.mda""#,
            "1e999",
            "-1E99999",
            "\"raw\ttab, raw\nbreak, \u{1}\"",
            &deep,
            &deep.replace('[', r#"{"a":"#).replace(']', "}").replacen(r#"{"a":}"#, r#"{"a":0}"#, 1),
        ] {
            for name in ["Name", r"\udc00", "caf\u{e9}\u{1}", ""] {
                let body = format!(r#"{{"{name}":{other},"Status":"Completed","{name}":{other}}}"#);
                assert_eq!(text(body.as_bytes(), "Status").as_deref(), Some("Completed"), "{body}");
                assert!(is_whole(body.as_bytes()), "{body}");
            }
        }
        assert_eq!(text(b"{\"x\":\"\xff\",\"\xfe\":1,\"Status\":\"Running\"}", "Status").as_deref(), Some("Running"));
    }

    #[test]
    fn an_object_or_array_is_whole_only_with_its_last_bracket() {
        for whole in [
            &br#"{"a":{"b":"}"}} "#[..],
            b"{\"a\":\"caf\xe9\"}",
            br#"{"a":"\ud800"}"#,
            br#"{"a":1e999}"#,
            b"[]",
            b"[{},\n{\"a\":[]}]",
        ] {
            assert!(is_whole(whole), "{}", String::from_utf8_lossy(whole));
        }
        for part in
            [&br#"{"a":{"b":"}"}"#[..], b"{", b"", b"12", b"}", br#"{"a":"}"#, b"[", b"[{}", b"[{\"a\":[]", b"]"]
        {
            assert!(!is_whole(part), "{}", String::from_utf8_lossy(part));
        }
    }

    #[test]
    fn a_list_is_taken_apart_whatever_its_objects_hold() {
        let names = |body: &[u8]| list(body, &Secrets::new([]), |object| Some(object.text("Name").unwrap_or_default()));
        let odd = r#"{"Name":"b","Description":"\ud83d","Size":1e999,"Deep":[[{}]]}"#;
        for (body, expected) in [
            ("[]".to_owned(), &[][..]),
            (format!(" [{{\"Name\":\"a]\"}} ,\n{odd},{{}}] "), &["a]", "b", ""]),
            (format!("\u{feff}[{odd}]"), &["b"]),
            (format!(")]}}',\n[{odd}]"), &["b"]),
            (r#""[{\"Name\":\"a\"}]""#.to_owned(), &["a"]),
            ("[{\"Name\":\"a\tb\"}]".to_owned(), &["a b"]),
        ] {
            assert_eq!(
                names(body.as_bytes()).as_deref(),
                Some(&expected.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..]),
                "{body}"
            );
        }
        for bad in [
            "", "null", "{}", "[1]", "[null]", "[[]]", "[", r#"[{"Name":"a"}"#, r#"[{"Name":"a"},{"Na"#,
            r#"{"errorCode":"X","details":[{}]}"#, "<html>[]", "[{,}]", r#"[{"a":1,}]"#, r#"[{"a":1 "b":2}]"#,
            "[{1:2}]",
        ] {
            assert_eq!(names(bad.as_bytes()), None, "{bad}");
        }
    }
}

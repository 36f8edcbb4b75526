//! The two headers of a form that matter: `Content-Type` of the request and `Content-Disposition` of the part.

use super::answer::{Stop, refused};

/// The boundary that a `Content-Type` announces (RFC 2046 §5.1.1).
pub(super) fn boundary(content_type: Option<&str>) -> Result<&str, Stop> {
    let wrong = || refused(400, "Content-Type must be multipart/form-data with a valid boundary");
    let (kind, rest) = split_value(content_type.ok_or_else(wrong)?);
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return Err(wrong());
    }
    let value = only(&parameters(rest).ok_or_else(wrong)?, "boundary").ok_or_else(wrong)?;
    let is_valid = (1..=70).contains(&value.len())
        && !value.ends_with(' ')
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b));
    if is_valid { Ok(value) } else { Err(wrong()) }
}

/// The file name in a part's headers, if it is the part that the service looks for (RFC 7578 §4.2).
pub(super) fn file_name(lines: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(lines).map_err(|_| "the head of the part is not UTF-8")?;
    let mut disposition = None;
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or("a header of the part has no colon")?;
        if name.eq_ignore_ascii_case("content-disposition") && disposition.replace(value.trim()).is_some() {
            return Err("the part has two Content-Disposition");
        }
    }
    let disposition = disposition.ok_or("the part has no Content-Disposition")?;
    let (kind, rest) = split_value(disposition);
    if !kind.eq_ignore_ascii_case("form-data") {
        return Err("the part is not form-data");
    }
    let parameters = parameters(rest).ok_or("the Content-Disposition of the part is malformed")?;
    if only(&parameters, "name") != Some("file") {
        return Err("the part must be named file");
    }
    let file_name = only(&parameters, "filename").filter(|name| !name.is_empty());
    let file_name = file_name.ok_or("the part must have a filename")?;
    if parameters.len() > 2 {
        return Err("the part must have no parameters but name and filename");
    }
    Ok(file_name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
}

/// A header's value and its parameters, which begin with the semicolon.
fn split_value(header: &str) -> (&str, &str) {
    let (value, rest) = header.split_at_checked(header.find(';').unwrap_or(header.len())).unwrap_or((header, ""));
    (value.trim(), rest)
}

/// Takes `; name=value; name="value"` apart; `None` if it is anything else. A backslash is itself, as in the names
/// that browsers and curl send.
fn parameters(mut rest: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(found);
        }
        let (name, after) = rest.strip_prefix(';')?.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at_checked(after.find([';', ' ', '\t']).unwrap_or(after.len()))?,
        };
        found.push((name.trim(), value));
        rest = after;
    }
}

/// The value of a parameter that is there exactly once.
fn only<'a>(parameters: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    let mut values = parameters.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_not_called_file_is_refused() {
        for name in ["File", "file ", "files", "", "\"file", "upload"] {
            let head = format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"x\"");
            assert!(file_name(head.as_bytes()).is_err(), "{name:?}");
        }
        for head in [
            "Content-Disposition: form-data;",
            "Content-Disposition: form-data",
            "Content-Disposition: form-data; filename=\"x\"",
            "Content-Disposition: form-data; name=\"file\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"\"",
            "Content-Disposition: form-data; name=\"file\"; name=\"file\"; filename=\"x\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"x\"; filename*=UTF-8''x",
            "Content-Disposition: form-data; name=\"file\"; filename=\"x",
            "Content-Disposition: attachment; name=\"file\"; filename=\"x\"",
            "Content-Type: application/octet-stream",
            "nonsense",
        ] {
            assert!(file_name(head.as_bytes()).is_err(), "{head}");
        }
        let good = "Content-Disposition: form-data; name=\"file\"; filename=\"x\"";
        assert!(file_name(good.as_bytes()).is_ok());
        assert!(file_name(format!("{good}\r\n{good}").as_bytes()).is_err());
        assert!(file_name(b"").is_err());
    }

    #[test]
    fn a_file_name_is_read_as_forms_write_it() {
        for (written, meant) in [
            ("\"a;b\\c.mda\"", "a;b\\c.mda"),
            ("\"a%22%0D%0A%2F.mda\"", "a\"\r\n%2F.mda"),
            ("x.mda", "x.mda"),
            ("\"é.mda\"", "é.mda"),
        ] {
            let head = format!("content-disposition: Form-Data ; name=file ;filename={written}\r\nX: y");
            assert_eq!(file_name(head.as_bytes()).unwrap(), meant);
        }
    }

    #[test]
    fn a_boundary_is_read_quoted_or_not_and_checked() {
        for (text, meant) in [
            ("multipart/form-data; boundary=AaB03x", "AaB03x"),
            ("Multipart/Form-Data;charset=\"a;b\";BOUNDARY=\"a b:'()+_,-./=?c\"", "a b:'()+_,-./=?c"),
            (&format!("multipart/form-data; boundary={}", "-".repeat(70)), &"-".repeat(70)),
        ] {
            assert_eq!(boundary(Some(text)).unwrap(), meant);
        }
        for bad in [
            "",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=\"a \"",
            "multipart/form-data; boundary=\"a",
            "multipart/form-data; boundary=a@b",
            "multipart/form-data; boundary=a; boundary=a",
            "multipart/mixed; boundary=a",
            "application/octet-stream",
            &format!("multipart/form-data; boundary={}", "-".repeat(71)),
        ] {
            assert!(boundary(Some(bad)).is_err(), "{bad}");
        }
        assert!(boundary(None).is_err());
    }
}

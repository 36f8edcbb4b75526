//! The responses, as the service sends them.

use std::time::SystemTime;

use serde_json::json;

use crate::http::reason;

/// A recorded response of the real service, byte for byte.
const UNAUTHORIZED: &str = r#"{"errorMessage":"UNAUTHORIZED:Please provide valid credentials or set up a Mendix user session","errorCode":"UNAUTHORIZED"}"#;

pub(super) fn error_body(status: u16, code: Option<&str>, message: &str) -> String {
    if status == 401 && code.is_none() {
        return UNAUTHORIZED.to_owned();
    }
    let code = code.map_or_else(|| reason(status).to_uppercase(), str::to_owned);
    json!({ "errorCode": code, "errorMessage": message }).to_string()
}

pub(super) fn render(status: u16, body: &str, now: SystemTime) -> String {
    let date = http_date(now);
    let head = format!("HTTP/1.1 {status} {}\r\nDate: {date}\r\nConnection: close\r\n", reason(status));
    match status {
        // These two have no body (RFC 9112 §6.3).
        204 | 304 => head + "\r\n",
        _ => {
            let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
            format!("{head}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
    }
}

/// RFC 9110 §5.6.7.
fn http_date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = DAYS.get(usize::try_from(days % 7).unwrap_or_default()).unwrap_or(&"Thu");
    // Years are counted from March 0000, so that the leap day comes last.
    let since = days + 719_468;
    let (era, of_era) = (since / 146_097, since % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year + u64::from(month < 2);
    let month = MONTHS.get(usize::try_from(month).unwrap_or_default()).unwrap_or(&"Jan");
    format!("{weekday}, {day:02} {month} {year} {:02}:{:02}:{:02} GMT", second / 3600, second / 60 % 60, second % 60)
}

//! The times in the head of a response: `Retry-After` (RFC 9110 §10.2.3), `Date` and `Age`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The average length of a year in seconds.
const YEAR: u64 = 31_556_952;

/// Reads seconds or a date, which is relative to the response's own `Date`, because the clocks of the server and this
/// machine may differ. A date in the past means zero; anything invalid counts as absent.
pub(super) fn parse(retry_after: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let value = retry_after?.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // A number with too many digits is still longer than any wait that is allowed.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = date.and_then(|date| http_date(date.trim(), here)).unwrap_or(here);
    Some(Duration::from_secs(http_date(value, now)?.saturating_sub(now)))
}

/// The server's own time when it responded, or when a cache did: `Date`, and the `Age` since then (RFC 9111 §5.1).
pub(super) fn date(date: Option<&str>, age: Option<&str>) -> Option<SystemTime> {
    let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let date = http_date(date?.trim(), here)?;
    let age = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    UNIX_EPOCH.checked_add(Duration::from_secs(date.saturating_add(age)))
}

/// Seconds since 1970 of a date in any of the three forms of RFC 9110 §5.6.7.
fn http_date(text: &str, now: u64) -> Option<u64> {
    let words: Vec<_> = text.split([' ', '-']).filter(|word| !word.is_empty()).collect();
    let ([_, day, month, year, time, "GMT"] | [_, month, day, time, year]) = words[..] else { return None };
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let day = number(day, 2).or_else(|| number(day, 1))?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    // A two-digit year is never more than 50 years ahead.
    let latest = 1970 + now / YEAR + 50;
    let year = number(year, 4).or_else(|| number(year, 2).map(|year| latest - (latest - year) % 100))?;
    if !(1..=31).contains(&day) || year < 1970 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years are counted from March, so that the leap day comes last.
    let (y, m) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    let since_1970 = days.checked_sub(719_468)?;
    Some(since_1970 * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// A number with exactly this many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let is_one = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    if is_one { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn a_value_is_read_as_seconds_or_as_a_date() {
        let read = |value| parse(Some(value), Some(NOW));
        assert_eq!(read("7"), Some(7 * S));
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(read(NOW), Some(Duration::ZERO));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60 * S));
        assert_eq!(read("Sat, 05 Nov 1994 08:50:37 GMT"), Some(Duration::ZERO));
        assert_eq!(read("Sun, 06 Nov 1994 23:59:60 GMT"), Some(54_623 * S), "a leap second");
        assert_eq!(read("Thu, 29 Feb 1996 00:00:00 GMT"), Some((825_552_000 - 784_111_777) * S));
        assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT"), Some(Duration::from_secs(253_402_300_799 - 784_111_777)));
        for garbage in [
            "", "-1", "+1", "1.5", "soon", "Sun, 06 Nov 1994", "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 0000 08:49:37 GMT", "Sun, 06 Jan 0000 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 PST", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT", "Sunday, 06-Nov-994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x",
            "Sun, 06 Foo 1994 08:49:37 GMT", "Sun Nov 006 08:49:37 1994", "Sun Nov 6 08:49 1994",
        ] {
            assert_eq!(read(garbage), None, "{garbage:?}");
        }
        assert_eq!(parse(None, Some(NOW)), None);
    }

    #[test]
    fn a_date_is_read_in_all_three_forms_and_measured_against_the_answers_own() {
        let dates = [NOW, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
        for now in dates {
            for later in ["Sun, 06 Nov 1994 08:51:17 GMT", "Sunday, 06-Nov-94 08:51:17 GMT", "Sun Nov  6 08:51:17 1994"]
            {
                assert_eq!(parse(Some(later), Some(now)), Some(100 * S), "{later} at {now}");
            }
            assert_eq!(parse(Some(now), None), Some(Duration::ZERO), "long past by the clock of this machine");
        }
        assert_eq!(parse(Some("Wed Nov 16 08:49:37 1994"), Some(NOW)), Some(864_000 * S), "a day of two digits");
        let far = parse(Some("Fri, 31 Dec 9999 23:59:59 GMT"), Some("yesterday")).unwrap();
        assert!(far > Duration::from_secs(251_000_000_000), "a date that cannot be read is none");
    }

    #[test]
    fn a_date_is_the_number_of_seconds_since_1970() {
        for (date, seconds) in [
            ("Thu, 01 Jan 1970 00:00:10 GMT", 10),
            ("Sat, 28 Feb 1970 23:59:59 GMT", 59 * 86_400 - 1),
            ("Sun, 01 Mar 1970 00:00:00 GMT", 59 * 86_400),
            ("Thu, 31 Dec 1970 23:59:59 GMT", 365 * 86_400 - 1),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Thu, 26 Nov 2026 12:34:56 GMT", 1_795_696_496),
        ] {
            assert_eq!(http_date(date, 0), Some(seconds), "{date}");
        }
    }

    #[test]
    fn two_digits_of_a_year_are_of_the_nearest_century() {
        let year = |two: &str, now: &str| {
            let now = http_date(now, 0).unwrap();
            let date = http_date(&format!("Sunday, 06-Nov-{two} 08:49:37 GMT"), now).unwrap();
            (1970..2200).find(|year| http_date(&format!("Sun, 06 Nov {year} 08:49:37 GMT"), 0) == Some(date)).unwrap()
        };
        let now = "Thu, 26 Nov 2026 12:00:00 GMT";
        assert_eq!([year("26", now), year("27", now), year("76", now), year("77", now)], [2026, 2027, 2076, 1977]);
        assert_eq!(year("01", "Sat, 31 Dec 2099 23:59:59 GMT"), 2101);
    }
}

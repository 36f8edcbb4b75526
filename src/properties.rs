//! Properties that must hold for whatever comes: ten thousand random cases each. A failure prints its case.

use std::time::{Duration, UNIX_EPOCH};

use crate::answer::{Refusal, SHOWN_MAX, excerpt, shown};
use crate::credentials::ApiKey;
use crate::error::Error;
use crate::json::{field, is_whole_object};
use crate::retry::{Decision, Retry, random_bits, retry_after};
use crate::wait::Poll;

const CASES: usize = 10_000;
const KEY: &str = "26587896-1cef";

fn below(limit: usize) -> usize {
    usize::try_from(random_bits() % limit as u64).unwrap()
}

fn pick<'a, T: ?Sized>(choices: &[&'a T]) -> &'a T {
    choices[below(choices.len())]
}

/// Something between the API's JSON and noise: pieces of answers, cut, repeated and with bytes flipped.
fn answer() -> Vec<u8> {
    const PIECES: [&[u8]; 22] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b":",
        b",",
        b"null",
        b"\"PackageId\":\"p-1\"",
        b"\"JobId\":\"j-1\"",
        b"\"JobID\":\"../x\"",
        b"\"Status\":\"Completed\"",
        b"\"errorCode\":",
        b"\"errorMessage\":\"no\"",
        b"\"error\":{\"code\":400",
        b"\"details\":[1,2]",
        b"\\u0032\\ud800",
        b"\xef\xbb\xbf",
        b"\xff\xfe\x00",
        b"\x1b[31m<html>",
        KEY.as_bytes(),
        b" \r\n\t",
    ];
    let mut body: Vec<u8> = (0..below(12)).flat_map(|_| pick(&PIECES).to_vec()).collect();
    for _ in 0..below(3) {
        if !body.is_empty() {
            let at = below(body.len());
            body[at] = random_bits().to_le_bytes()[0];
        }
    }
    body.repeat(if below(50) == 0 { 300 } else { 1 })
}

#[test]
fn no_answer_panics_leaks_the_key_or_escapes_the_limits() {
    let key = ApiKey::new(KEY).unwrap();
    for _ in 0..CASES {
        let body = answer();
        let case = String::from_utf8_lossy(&body);
        let said = Refusal::of(&body, &key);
        for text in [said.text, said.code.unwrap_or_default(), excerpt(&body, &key), shown(&case, &key)] {
            // A message and its details are two texts.
            assert!(text.len() <= 2 * SHOWN_MAX + 3, "{case}");
            assert!(!text.to_ascii_lowercase().contains(KEY), "{case}");
            assert!(!text.chars().any(char::is_control), "{case}");
        }
        let _ = field(&body, "JobId");
        if is_whole_object(&body) {
            // Broken text does not make an object less whole: bytes that are no UTF-8, or half a surrogate pair.
            let mended = case.trim_start_matches('\u{feff}').replace("\\u", "u");
            assert!(serde_json::from_str::<serde_json::Value>(&mended).is_ok_and(|value| value.is_object()), "{case}");
        }
    }
}

#[test]
fn no_retry_after_panics() {
    const PIECES: [&str; 16] = [
        "Sun, ",
        "06 ",
        "Nov ",
        "1994 ",
        "08:49:37 ",
        "GMT",
        "9999",
        "1970",
        "-1",
        "31",
        "Feb ",
        "60",
        ":",
        " ",
        "é",
        "7",
    ];
    for _ in 0..CASES {
        let value: String = (0..below(8)).map(|_| pick(&PIECES)).collect();
        let now = UNIX_EPOCH + Duration::from_secs(random_bits() % (1 << 40));
        let _ = retry_after(&value, now);
    }
}

/// Anything from nothing to the longest duration there is, with the extremes often enough.
fn duration() -> Duration {
    match below(8) {
        0 => Duration::ZERO,
        1 => Duration::MAX,
        2 => Duration::from_nanos(random_bits()),
        3 => Duration::from_secs(random_bits()),
        _ => Duration::from_millis(random_bits() % 3_600_000),
    }
}

#[test]
fn no_pause_is_beyond_the_time_left_or_so_short_that_it_spins() {
    for _ in 0..CASES {
        let (interval, longest, limit, elapsed) = (duration(), duration(), duration(), duration());
        let poll = Poll::default().with_interval(interval).with_max_interval(longest).with_timeout(limit);
        let case = format!("{poll:?} after {elapsed:?}");
        let left = limit.saturating_sub(elapsed);
        match poll.pause(elapsed) {
            None => assert_eq!(left, Duration::ZERO, "{case}"),
            Some(pause) => {
                assert!(pause <= left, "{case}");
                assert!(pause == left || pause >= Duration::from_millis(100).max(interval), "{case}");
            }
        }
    }
}

#[test]
fn no_retry_waits_longer_than_allowed_or_shorter_than_asked() {
    for _ in 0..CASES {
        let (first, longest, asked) = (duration(), duration(), duration());
        let attempt = u32::try_from(random_bits() >> 32).unwrap() >> below(32);
        let retry = Retry::default().with_attempts(u32::MAX).with_first_wait(first).with_max_wait(longest);
        let error = Error::rejected("later".into(), 503, true).with_retry_after(Some(asked));
        match retry.decide(attempt, &error, crate::retry::random_fraction()) {
            Decision::Wait(wait) => assert!(asked <= wait && wait <= longest, "{retry:?}, {asked:?}, {attempt}"),
            Decision::GiveUp(_) => assert!(asked > longest || attempt == u32::MAX, "{retry:?}, {asked:?}, {attempt}"),
        }
    }
}

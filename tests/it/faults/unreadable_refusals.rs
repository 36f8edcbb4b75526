//! The server refuses in a head that a strict parser does not take, or that never ends: its status counts all the same.

use std::time::Duration;

use mendix_deploy::{ErrorKind, Retry};

use super::caller::Caller;
use super::early_answers::trusting;
use crate::package::{KIB, MIB, Package};
use crate::server::{PLAIN_AND_TLS, Step, go_ahead, write};

/// Uploads to a server that refuses by `refusal`, while the body is sent and after it.
#[track_caller]
fn rejected_with_413(refusal: &[Step], answer_within: Duration) {
    let early = [&[Step::Head, go_ahead(), Step::Body(MIB)], refusal, &[Step::Hold]].concat();
    let late = [&[Step::Request], refusal].concat();
    for (script, size) in [(early, 64 * MIB), (late, 100 * KIB)] {
        for start in PLAIN_AND_TLS {
            let server = start(vec![script.clone()]);
            let caller = Caller::of(&server).with(trusting).with(|client| {
                client.with_response_timeout(answer_within).with_retry(Retry::default().with_attempts(2))
            });
            let outcome = caller.upload(Package::sparse(size));
            assert_eq!(outcome.error(ErrorKind::Rejected).status(), Some(413), "{outcome:?}");
            assert!(outcome.took < answer_within + Duration::from_secs(2), "{outcome:?}");
            assert_eq!(server.stop().connections, 1);
        }
    }
}

#[test]
fn a_refusal_whose_head_cannot_be_parsed_counts_by_its_status() {
    for fields in [
        "X-Many: 1\r\n".repeat(200),
        "Set-Cookie: a=b; Path=/\r\n".repeat(2000),
        format!("X-Large: {}\r\n", "x".repeat(70 << 10)),
        "X-Folded: a\r\n  b\r\n".to_owned(),
        ": no name\r\n".to_owned(),
        "X-Blank : a\r\n".to_owned(),
    ] {
        let refusal = format!("HTTP/1.1 413 Too Large\r\n{fields}Content-Length: 2\r\n\r\nno");
        rejected_with_413(&[write(refusal)], Duration::from_secs(5));
    }
}

#[test]
fn a_refusal_whose_head_never_ends_counts_by_its_status() {
    let drip = [write("X-Drip: 1\r\n"), Step::Pause(Duration::from_millis(20))];
    let drips: Vec<_> =
        [write("HTTP/1.1 413 Too Large\r\n")].into_iter().chain(drip.into_iter().cycle().take(80)).collect();
    let held = [write("HTTP/1.1 413 Too Large\r\nX-Half: "), Step::Hold];
    for refusal in [&held[..], &drips] {
        rejected_with_413(refusal, Duration::from_millis(300));
    }
}

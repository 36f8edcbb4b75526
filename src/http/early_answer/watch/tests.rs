use std::collections::VecDeque;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use ureq::unversioned::transport::LazyBuffers;

use super::super::exchange::tests::{connected, fill, take_in_until};
use super::*;

const GO_AHEAD: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const REFUSAL: &str = "HTTP/1.1 403 Forbidden\r\nX-Folded: a\r\n b\r\nRetry-After : 7\r\n\r\nno";

/// TLS as the watch sees it: records that are invisible until they are read, one at a time. An empty one cannot be
/// deciphered.
#[derive(Debug)]
struct Records(LazyBuffers, VecDeque<Vec<u8>>);

impl Transport for Records {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.0
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let Some(record) = self.1.pop_front() else {
            let nothing = io::Error::from(ErrorKind::WouldBlock);
            return Err(if timeout.reason == PROBE { nothing.into() } else { Error::Timeout(timeout.reason) });
        };
        if record.is_empty() {
            return Err(io::Error::from(ErrorKind::InvalidData).into());
        }
        self.0.input_append_buf()[..record.len()].copy_from_slice(&record);
        self.0.input_appended(record.len());
        Ok(true)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}

fn watched(records: &[&str]) -> (Watch, Exchange, TcpStream) {
    let (exchange, peer) = connected(Duration::from_millis(50));
    let records = records.iter().map(|record| record.as_bytes().to_vec()).collect();
    let inner = Records(LazyBuffers::new(128 << 10, 1024), records);
    (Watch::new(Box::new(inner), exchange.clone()), exchange, peer)
}

fn timeout(reason: Timeout) -> NextTimeout {
    NextTimeout { after: time::Duration::from_millis(200), reason, ..NextTimeout::default() }
}

#[test]
fn a_refusal_in_a_record_behind_the_100_continue_is_seen_before_the_body() {
    for records in [&[GO_AHEAD, REFUSAL][..], &[GO_AHEAD, "HTTP/1.1 4", "03 Forb", "idden\r\n"], &[REFUSAL]] {
        let (mut watch, exchange, _peer) = watched(records);
        let result = watch.await_input(timeout(Timeout::Await100));
        assert!(matches!(result, Err(Error::Timeout(Timeout::Await100))), "{result:?}");
        assert!(exchange.lock().is_answered && exchange.lock().status == 403, "{records:?}");
    }
}

#[test]
fn only_a_100_continue_ends_the_wait_for_it() {
    for (interim, is_invited) in [(GO_AHEAD, true), ("HTTP/1.1 103 Hints\r\n\r\n", false)] {
        let (mut watch, _, _peer) = watched(&[interim]);
        assert!(matches!(watch.await_input(timeout(Timeout::Await100)), Err(Error::Timeout(Timeout::Await100))));
        assert_eq!(watch.is_invited, is_invited, "{interim:?}");
    }
}

#[test]
fn an_acceptance_ends_the_sending_only_if_the_sending_has_failed() {
    let (mut watch, exchange, _peer) = watched(&["HTTP/1.1 201 Created\r\n\r\n"]);
    for has_failed in [false, true] {
        watch.probe(has_failed).unwrap();
        let state = exchange.lock();
        assert_eq!((state.is_answered, state.status), (has_failed, 201));
    }
}

#[test]
fn a_peer_that_has_closed_its_side_without_a_response_ends_the_sending() {
    for (record, has_responded) in [(GO_AHEAD, false), ("HTTP/1.1 20", false), ("HTTP/1.1 201 Created\r\n", true)] {
        let (mut watch, exchange, peer) = watched(&[record]);
        peer.shutdown(Shutdown::Write).unwrap();
        take_in_until(&mut exchange.lock(), |state| state.is_ended);
        assert!(exchange.lock().has_news);
        let probed = watch.probe(false);
        if has_responded {
            assert!(probed.is_ok() && !exchange.lock().is_answered);
        } else {
            assert!(matches!(probed, Err(Error::Io(error)) if error.kind() == ErrorKind::UnexpectedEof));
        }
    }
}

#[test]
fn a_record_that_cannot_be_deciphered_ends_the_sending() {
    let (mut watch, _, _peer) = watched(&["HTTP/1.1 ", ""]);
    let error = watch.probe(false).unwrap_err();
    assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::InvalidData));
}

#[test]
fn a_refusal_while_the_peer_takes_nothing_empties_the_queue_and_is_handed_on_in_a_form_that_ureq_takes() {
    let (mut watch, exchange, mut peer) = watched(&[&REFUSAL[..40], &REFUSAL[40..]]);
    fill(&mut exchange.lock());
    // Any bytes below TLS will do; the records are what TLS would make of them.
    let sign = thread::spawn(move || {
        thread::sleep(Duration::from_millis(10));
        peer.write_all(b"x").unwrap();
        peer
    });
    watch.transmit_output(0, timeout(Timeout::Global)).unwrap();
    assert!(exchange.lock().is_answered && exchange.lock().queue.is_empty());
    assert!(watch.await_input(timeout(Timeout::RecvResponse)).unwrap());
    assert_eq!(watch.input(), b"HTTP/1.1 403\r\n\r\nno");
    assert_eq!(exchange.lock().retry_after.as_deref(), Some("7"));
    sign.join().unwrap();
}

#[test]
fn input_that_ureq_cannot_parse_is_bounded() {
    let endless = "0".repeat(64 << 10);
    let is_bounded = |watch: &Watch| watch.input().len() <= INPUT_MAX + endless.len();
    for reason in [Timeout::RecvResponse, Timeout::RecvBody] {
        let (mut watch, _, _peer) = watched(&[&["HTTP/1.1 200 OK\r\n"][..], &[endless.as_str(); 9]].concat());
        let failed = std::iter::repeat_with(|| watch.await_input(timeout(reason))).find_map(Result::err).unwrap();
        assert!(matches!(failed, Error::Io(error) if error.kind() == ErrorKind::InvalidData));
        assert!(is_bounded(&watch));
    }
    // Nor does a probe while the body is being sent.
    let (mut watch, _, _peer) = watched(&[&["HTTP/1.1 103 Hints\r\nX: "][..], &[endless.as_str(); 9]].concat());
    watch.probe(false).unwrap();
    assert!(is_bounded(&watch));
}

#[test]
fn neither_a_long_head_nor_what_ureq_leaves_counts_as_a_body() {
    let head = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(100 << 10));
    let body = "z".repeat(100 << 10);
    let (mut watch, exchange, _peer) = watched(&[&head, &head[20..], "\r\n\r\n", &body, &body, "z"]);
    exchange.lock().body_max = body.len();
    assert!(watch.await_input(timeout(Timeout::RecvResponse)).unwrap());
    watch.input_consume(watch.input().len());
    for _ in 0..3 {
        assert!(watch.await_input(timeout(Timeout::RecvBody)).unwrap());
    }
    assert_eq!((watch.input().len(), watch.body_received), (2 * body.len() + 1, 2 * body.len() + 1));
}

#[test]
fn trailers_that_ureq_consumes_are_bounded() {
    let trailers = "X: y\r\n".repeat(10 << 10);
    let (mut watch, exchange, _peer) = watched(&[trailers.as_str(); 9]);
    exchange.lock().body_max = 100 << 10;
    let mut consumed = 0;
    while watch.await_input(timeout(Timeout::RecvBody)).is_ok() {
        consumed += watch.input().len();
        watch.input_consume(watch.input().len());
    }
    assert!((INPUT_MAX..INPUT_MAX + (170 << 10)).contains(&consumed), "{consumed}");
}

/// ureq asks again and again as long as there is input that it can use.
#[test]
fn input_of_which_ureq_consumes_nothing_is_an_error() {
    let (mut watch, _, _peer) = watched(&["HTTP/1.1 200 OK\r\n\r\n"]);
    assert!(watch.await_input(timeout(Timeout::RecvResponse)).unwrap());
    for (consumed, is_of_use) in [(0, false), (1, true), (0, false)] {
        watch.input_consume(consumed);
        assert_eq!(watch.can_use_input(), is_of_use);
    }
}

use std::net::TcpListener;

use super::*;

const STALL: Duration = Duration::from_millis(60);
const BLOCK: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(50);

/// An exchange that is connected, and the peer.
pub(in super::super) fn connected(stall_timeout: Duration) -> (Exchange, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let peer = listener.accept().unwrap().0;
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let exchange = Exchange::default();
    exchange.lock().connect(stream, stall_timeout, Instant::now() + LONGEST).unwrap();
    (exchange, peer)
}

/// Sends blocks until the buffers on the way are full and the stall timeout expires. One large block would not do,
/// because Windows accepts any amount as long as there is room at all.
pub(in super::super) fn fill(state: &mut State) -> Error {
    let started = Instant::now();
    let error = loop {
        if state.queue.is_empty() {
            (state.body_read, state.queue) = (state.body_read + BLOCK as u64, vec![0; BLOCK]);
        }
        match state.advance_or_stall() {
            Ok(()) => pause(started, LONGEST),
            Err(error) => break error,
        }
    };
    state.blocked_since = None;
    error
}

/// Takes in until there is enough.
pub(in super::super) fn take_in_until(state: &mut State, is_enough: fn(&State) -> bool) {
    let started = Instant::now();
    while !is_enough(state) {
        assert!(started.elapsed() < PATIENCE);
        pause(started, LONGEST);
        state.take_in().unwrap();
    }
}

#[test]
fn a_peer_that_takes_nothing_stalls_a_write_and_only_what_left_the_queue_counts_as_sent() {
    let (exchange, mut peer) = connected(STALL);
    let mut state = exchange.lock();
    (state.body_read, state.queue) = (10, vec![0; 10]);
    state.advance_or_stall().unwrap();
    assert_eq!((state.handed.bytes, state.queue.len()), (10, 0));

    peer.write_all(b"news").unwrap();
    let started = Instant::now();
    let error = fill(&mut state);
    assert!(matches!(error, Error::Timeout(Timeout::PerWrite)) && started.elapsed() >= STALL, "{error}");
    assert_eq!(state.handed.bytes, state.body_read - BLOCK as u64);
    assert_eq!((state.received.as_slice(), state.has_news), (&b"news"[..], true));
    state.stop_sending();
    assert!(state.is_answered && state.queue.is_empty());
    assert_eq!(format!("{exchange:?}"), "Exchange { .. }", "over plain HTTP the key is in the queue");
}

#[test]
fn unread_input_is_bounded() {
    let (exchange, mut peer) = connected(STALL);
    peer.write_all(&vec![0; UNREAD_MAX * 2]).unwrap();
    let mut state = exchange.lock();
    take_in_until(&mut state, |state| state.received.len() >= UNREAD_MAX);
    state.take_in().unwrap();
    assert!(state.received.len() < UNREAD_MAX + 4096, "{}", state.received.len());
}

#[test]
fn a_reset_is_an_error_and_no_end() {
    let (exchange, peer) = connected(STALL);
    let mut state = exchange.lock();
    (state.body_read, state.queue) = (10, vec![0; 10]);
    state.advance_or_stall().unwrap();
    let mut first = [0];
    peer.peek(&mut first).unwrap();
    // With unread input.
    drop(peer);
    let started = Instant::now();
    let error = loop {
        match state.take_in() {
            Ok(()) => pause(started, LONGEST),
            Err(error) => break error,
        }
        assert!(!state.is_ended && started.elapsed() < PATIENCE);
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_pause_is_longer_the_longer_the_wait() {
    let started = Instant::now();
    pause(started, LONGEST);
    assert!(started.elapsed() >= SHORTEST_PAUSE);
    thread::sleep(LONGEST_PAUSE / 2);
    let before = Instant::now();
    pause(started, LONGEST);
    assert!(before.elapsed() >= LONGEST_PAUSE);
}

#[test]
fn a_request_may_be_handled_once_something_came_or_some_of_its_body_or_an_empty_one_went() {
    let mut state = State::default();
    assert!(!state.may_be_handled(), "without a body");
    state.expect_body(7, Box::new(|_| ()));
    assert!(!state.may_be_handled(), "nothing was sent");
    state.handed.bytes = 1;
    assert!(state.may_be_handled());
    state.expect_body(0, Box::new(|_| ()));
    state.handed.bytes = 0;
    assert!(state.may_be_handled(), "an empty body");
    let state = State { has_heard: true, ..State::default() };
    assert!(state.may_be_handled());
}

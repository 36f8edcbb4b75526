//! Resolves a name and connects to one of its addresses (RFC 8305): a dead address costs a quarter of a second.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use ureq::{Error as UreqError, Timeout};

/// How long an address is tried before the next one is tried as well (RFC 8305 §5).
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// Resolves `host:port`. If no thread can be started, the limit is that of the system's resolver.
pub(super) fn resolve(host_and_port: &str, limit: Duration) -> Result<Vec<SocketAddr>, UreqError> {
    if let Ok(address) = host_and_port.parse() {
        return Ok(vec![address]);
    }
    let (sender, answer) = mpsc::channel();
    let name = host_and_port.to_owned();
    let resolve = move || sender.send(name.to_socket_addrs().map(Vec::from_iter));
    let found = match thread::Builder::new().spawn(resolve) {
        Ok(_) => match answer.recv_timeout(limit) {
            Ok(found) => found.map_err(Unresolved::mark)?,
            Err(RecvTimeoutError::Timeout) => return Err(UreqError::Timeout(Timeout::Resolve)),
            Err(RecvTimeoutError::Disconnected) => return Err(UreqError::HostNotFound),
        },
        Err(_) => host_and_port.to_socket_addrs().map_err(Unresolved::mark)?.collect(),
    };
    Ok(families_in_turn(found))
}

/// Marks an error of the resolver, whose words differ from one system to the next.
#[derive(Debug)]
pub(super) struct Unresolved(io::Error);

impl Unresolved {
    pub(super) fn mark(error: io::Error) -> io::Error {
        io::Error::new(error.kind(), Unresolved(error))
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unresolved {}

/// Alternates between IPv6 and IPv4, beginning with what the system prefers (RFC 8305 §4).
fn families_in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let begins_with_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == begins_with_v6);
    let (mut preferred, mut others) = (preferred.into_iter(), others.into_iter());
    let mut turns = Vec::new();
    loop {
        match (preferred.next(), others.next()) {
            (None, None) => return turns,
            (one, other) => turns.extend(one.into_iter().chain(other)),
        }
    }
}

/// The loopback addresses; an error if there are none.
pub(super) fn loopback_only(addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, UreqError> {
    let loopback: Vec<_> = addresses.into_iter().filter(|address| address.ip().is_loopback()).collect();
    if loopback.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, NotLoopback).into());
    }
    Ok(loopback)
}

/// Marks the refusal of plain http to another machine.
#[derive(Debug)]
pub(super) struct NotLoopback;

impl fmt::Display for NotLoopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its name resolves to another machine")
    }
}

impl std::error::Error for NotLoopback {}

/// Connects to the first address that answers. The next one is tried as soon as one has failed, and after
/// [`NEXT_AFTER`] in parallel. If no thread can be started, one after the other, with an equal share of the time each.
pub(super) fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, UreqError> {
    let (sender, outcomes) = mpsc::channel();
    let mut failure = UreqError::ConnectionFailed;
    let (mut untried, mut pending) = (addresses.iter(), 0);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(UreqError::Timeout(Timeout::Connect));
        }
        if let Some(address) = untried.next() {
            let share = left / u32::try_from(untried.len() + 1).unwrap_or(u32::MAX);
            try_address(*address, left, share, &sender);
            pending += 1;
        } else if pending == 0 {
            return Err(failure);
        }
        let wait = if untried.len() > 0 { NEXT_AFTER.min(left) } else { left };
        match outcomes.recv_timeout(wait) {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                pending -= 1;
                failure = match error.kind() {
                    io::ErrorKind::TimedOut => UreqError::Timeout(Timeout::Connect),
                    _ => UreqError::Io(error),
                };
            }
            Err(_) => {}
        }
    }
}

/// Sends the outcome when it is known: from a thread, or if none can be started, before this returns.
fn try_address(address: SocketAddr, limit: Duration, share: Duration, outcomes: &Sender<io::Result<TcpStream>>) {
    let sender = outcomes.clone();
    // Sending fails if another address was faster.
    let attempt = move || drop(sender.send(TcpStream::connect_timeout(&address, limit)));
    if thread::Builder::new().spawn(attempt).is_err() {
        drop(outcomes.send(TcpStream::connect_timeout(&address, share)));
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn families_take_turns_from_what_the_system_prefers() {
        let addresses = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        for (given, turns) in [
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"][..],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"][..],
            ),
            (&["1.1.1.1:1", "[::1]:1", "1.1.1.2:1", "1.1.1.3:1"], &["1.1.1.1:1", "[::1]:1", "1.1.1.2:1", "1.1.1.3:1"]),
            (&["1.1.1.1:1", "1.1.1.2:1"], &["1.1.1.1:1", "1.1.1.2:1"]),
            (&["[::1]:1"], &["[::1]:1"]),
            (&[], &[]),
        ] {
            assert_eq!(families_in_turn(addresses(given)), addresses(turns));
        }
    }

    #[test]
    fn only_loopback_addresses_are_this_machine() {
        let addresses: Vec<SocketAddr> =
            ["10.0.0.1:1", "[::1]:1", "127.9.9.9:1", "0.0.0.0:1", "[2001:db8::1]:1"].map(|a| a.parse().unwrap()).into();
        assert_eq!(loopback_only(addresses.clone()).unwrap(), [addresses[1], addresses[2]]);
        let error = loopback_only(vec![addresses[0], addresses[4]]).unwrap_err();
        assert!(matches!(error, UreqError::Io(error) if error.get_ref().unwrap().is::<NotLoopback>()));
    }

    #[test]
    fn an_address_literal_needs_no_lookup_and_an_unknown_name_is_an_error() {
        for literal in ["127.0.0.1:80", "[::1]:443"] {
            assert_eq!(resolve(literal, Duration::ZERO).unwrap(), [literal.parse().unwrap()]);
        }
        let long = format!("{}.invalid:1", "x".repeat(64));
        assert!(matches!(resolve(&long, Duration::from_secs(60)), Err(UreqError::Io(_))));
    }

    /// A port whose queue of connections is full, so that Linux ignores further attempts.
    #[cfg(target_os = "linux")]
    fn dead() -> (TcpListener, Vec<thread::JoinHandle<Option<TcpStream>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let fill = move || TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok();
        let queue: Vec<_> = (0..200).map(|_| thread::spawn(fill)).collect();
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {}
        (listener, queue)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_dead_address_costs_a_quarter_of_a_second_and_all_dead_ones_the_timeout() {
        let (dead, queue) = dead();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let (dead_address, good_address) = (dead.local_addr().unwrap(), good.local_addr().unwrap());
        for addresses in [vec![dead_address, good_address], vec![dead_address, dead_address, good_address]] {
            let started = Instant::now();
            let stream = connect(&addresses, started + Duration::from_secs(60)).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good_address);
            let took = started.elapsed();
            assert!(took >= NEXT_AFTER && took < Duration::from_secs(30), "{took:?}");
        }
        let timeout = connect(&[dead_address, dead_address], Instant::now() + Duration::from_millis(400)).unwrap_err();
        assert!(matches!(timeout, UreqError::Timeout(Timeout::Connect)), "{timeout}");
        drop(queue);
    }

    #[test]
    fn the_next_address_is_tried_at_once_if_one_refuses() {
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        // Nobody listens on the port of a client, and while it is connected, no other test gets it.
        let client = TcpStream::connect(good.local_addr().unwrap()).unwrap();
        let refusing = client.local_addr().unwrap();
        let minute = || Instant::now() + Duration::from_secs(60);
        let stream = connect(&[refusing, refusing, good.local_addr().unwrap()], minute()).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good.local_addr().unwrap());
        let refused = connect(&[refusing, refusing], minute()).unwrap_err();
        assert!(matches!(refused, UreqError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused));
        assert!(matches!(connect(&[], minute()), Err(UreqError::ConnectionFailed)));
    }
}

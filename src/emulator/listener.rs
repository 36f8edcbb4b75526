//! The port: a thread that accepts connections, one more for each of them, and the end of them all.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::connection;
use super::service::Service;

/// How long accepting pauses after a failure, such as too many open files, which time may cure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// The longest a drop waits to reach its own listener, which takes microseconds.
const WAKE_LIMIT: Duration = Duration::from_secs(1);

/// Accepts connections until it is dropped.
pub(super) struct Listener {
    address: SocketAddr,
    service: Arc<Service>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Opens a free port of 127.0.0.1.
    pub(super) fn start(service: &Arc<Service>) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = port.local_addr()?;
        let shared = Arc::clone(service);
        let thread = thread::Builder::new().name("mendix-deploy emulator".into());
        let thread = Some(thread.spawn(move || accept(&port, &shared))?);
        Ok(Listener { address, service: Arc::clone(service), thread })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.service.stop();
        // Nothing but a connection wakes a thread that waits for one. Should there be none to be had, the thread
        // is left behind rather than waited for.
        let woken = TcpStream::connect_timeout(&self.address, WAKE_LIMIT).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

/// Accepts until stopped. The scope also waits for the connections, which notice the stop within a moment.
fn accept(port: &TcpListener, service: &Service) {
    thread::scope(|scope| {
        for stream in port.incoming() {
            if service.is_stopped() {
                break;
            }
            match stream {
                Ok(stream) => {
                    // Without a thread there is nobody to answer: the connection is closed, nothing else.
                    let _ = thread::Builder::new().spawn_scoped(scope, move || connection::serve(&stream, service));
                }
                Err(_) => thread::sleep(ACCEPT_PAUSE),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Instant;

    use super::super::Emulator;
    use super::super::raw::{Raw, form, get_job, upload_head};
    use super::*;

    #[test]
    fn a_drop_does_not_wait_for_clients() {
        let emulator = Emulator::start().unwrap();
        let mut idle = Raw::to(&emulator);
        assert_eq!(idle.ask(&get_job("calc", "j")).status, 404);
        let mut uploading = Raw::to(&emulator);
        uploading.send(&upload_head("", 1 << 30, ""));
        uploading.send("--B\r\nContent-Disposition");
        let silent = Raw::to(&emulator);
        let mut refused = Raw::to(&emulator);
        assert_eq!(refused.ask("nonsense\r\n\r\n").status, 400);

        let begun = Instant::now();
        drop(emulator);
        assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
        for mut raw in [idle, uploading, silent, refused] {
            assert!(matches!(raw.0.read(&mut [0]), Ok(0) | Err(_)), "the connection is closed");
        }
    }

    #[test]
    fn a_drop_in_the_middle_of_a_stream_ends_it() {
        let form = form("|");
        let part = form.split('|').next().unwrap();
        // The second is refused at once, and only drained.
        for beginning in [part, "nonsense"] {
            let emulator = Emulator::start().unwrap();
            let mut raw = Raw::to(&emulator);
            raw.send(&(upload_head("", 1 << 30, "") + beginning));
            let sender = thread::spawn(move || while raw.0.write_all(&[b'-'; 4096]).is_ok() {});
            thread::sleep(Duration::from_millis(20));
            drop(emulator);
            sender.join().unwrap();
        }
    }
}

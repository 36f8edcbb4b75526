//! One connection of the server: performs its steps, and records what the client sends.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::limited::{Limited, TICK, is_tick};
use super::{Request, Shared, Step};

/// How much of a request's body is kept, in bytes.
const KEPT: usize = 4 << 20;

enum Wire {
    Plain(Limited),
    Tls(Box<StreamOwned<ServerConnection, Limited>>),
}

pub(super) struct Connection {
    number: usize,
    wire: Wire,
    tcp: Limited,
    shared: Arc<Shared>,
    /// The index of the current request.
    request: Option<usize>,
}

impl Connection {
    pub(super) fn new(
        number: usize,
        tcp: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        shared: Arc<Shared>,
    ) -> Connection {
        let tcp = Limited::new(tcp, shared.clone()).unwrap();
        let stream = tcp.try_clone().unwrap();
        let wire = match tls {
            Some(config) => Wire::Tls(Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream))),
            None => Wire::Plain(stream),
        };
        Connection { number, wire, tcp, shared, request: None }
    }

    /// A client that disconnects is not a failure of the server.
    pub(super) fn play(mut self, script: &[Step]) {
        let played = script.iter().try_for_each(|step| self.take(step));
        if played.is_ok() && !matches!(script.last(), Some(Step::Reset | Step::Cut)) {
            let _ = self.finish();
        }
    }

    fn take(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Head => self.read_head(),
            Step::Body(length) => self.read_body(*length),
            Step::RestOfBody => self.read_body(self.left()),
            Step::BodyButOneByte => self.read_body(self.left() - 1),
            Step::SlowBody(piece, pause) => {
                while self.left() > 0 {
                    self.read_body(self.left().min(*piece))?;
                    self.pause(*pause);
                }
                Ok(())
            }
            Step::Request => {
                self.read_head()?;
                if self.note(|request| request.header("Expect").is_some()) {
                    self.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                }
                self.read_body(self.left())
            }
            Step::Write(bytes) => self.write(bytes),
            Step::WriteTogether(records) => match &mut self.wire {
                Wire::Plain(_) => self.write(&records.concat()),
                Wire::Tls(stream) => {
                    records.iter().try_for_each(|record| stream.conn.writer().write_all(record))?;
                    stream.flush()
                }
            },
            Step::Flood(bytes) => loop {
                self.write(bytes)?;
                self.shared.flooded.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            },
            Step::Pause(pause) => {
                self.pause(*pause);
                Ok(())
            }
            Step::Drain => self.read_body(u64::MAX),
            Step::Finish => self.finish(),
            Step::Hold => {
                self.pause(Duration::MAX);
                Ok(())
            }
            Step::Reset => {
                let started = Instant::now();
                while !self.tcp.has_input() {
                    assert!(started.elapsed().as_secs() < 5, "nothing is left unread, so there can be no reset");
                }
                Ok(())
            }
            Step::Cut => self.tcp.shutdown(Shutdown::Both),
            Step::Tunnel(target) => self.tunnel(*target),
        }
    }

    /// Byte by byte, so that none of the body is read.
    fn read_head(&mut self) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.read(&mut byte)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            head.extend_from_slice(&byte);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut requests = self.shared.requests.lock().unwrap();
        self.request = Some(requests.len());
        requests.push(Request { connection: self.number, head, ..Request::default() });
        Ok(())
    }

    fn read_body(&mut self, length: u64) -> io::Result<()> {
        let (mut left, mut block) = (length, vec![0; 256 << 10]);
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            let n = self.read(&mut block[..wanted])?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= n as u64;
            if self.request.is_some() {
                self.note(|request| {
                    request.body_bytes += n as u64;
                    let kept = n.min(KEPT - request.body.len());
                    request.body.extend_from_slice(&block[..kept]);
                });
            }
        }
        Ok(())
    }

    /// Unread bytes of the body.
    fn left(&self) -> u64 {
        self.note(|request| request.content_length() - request.body_bytes)
    }

    fn note<T>(&self, note: impl FnOnce(&mut Request) -> T) -> T {
        note(&mut self.shared.requests.lock().unwrap()[self.request.unwrap()])
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.wire {
            Wire::Plain(stream) => stream.read(buf),
            Wire::Tls(stream) => stream.read(buf),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(stream) => stream.write_all(bytes),
            Wire::Tls(stream) => stream.write_all(bytes),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Wire::Tls(stream) = &mut self.wire {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.tcp.shutdown(Shutdown::Write)
    }

    fn pause(&self, pause: Duration) {
        let started = Instant::now();
        while !self.tcp.is_over() && started.elapsed() < pause {
            thread::sleep(TICK.min(pause.saturating_sub(started.elapsed())));
        }
    }

    fn tunnel(&mut self, target: SocketAddr) -> io::Result<()> {
        let server = Limited::new(TcpStream::connect(target)?, self.shared.clone())?;
        match &mut self.wire {
            Wire::Plain(client) => tunnel_in_plain(client, &server),
            Wire::Tls(client) => tunnel_in_tls(client, server),
        }
    }
}

/// One direction after the other, because both share the state of TLS.
fn tunnel_in_tls(client: &mut StreamOwned<ServerConnection, Limited>, mut server: Limited) -> io::Result<()> {
    let mut block = vec![0; 64 << 10];
    while !server.is_over() {
        client.sock.waits_for_input = false;
        let from_client = client.read(&mut block);
        client.sock.waits_for_input = true;
        match from_client {
            Ok(0) => break,
            Ok(n) => server.write_all(&block[..n])?,
            Err(error) if is_tick(&error) => {}
            Err(error) => return Err(error),
        }
        server.waits_for_input = false;
        match server.read(&mut block) {
            Ok(0) => break,
            Ok(n) => client.write_all(&block[..n])?,
            Err(error) if is_tick(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn tunnel_in_plain(client: &Limited, server: &Limited) -> io::Result<()> {
    let pump = |from: io::Result<Limited>, to: io::Result<Limited>| {
        let (mut from, mut to) = (from?, to?);
        // However one direction ends, the other ends, too.
        let _ = io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Both)
    };
    thread::scope(|scope| {
        scope.spawn(|| pump(server.try_clone(), client.try_clone()));
        pump(client.try_clone(), server.try_clone())
    })
}

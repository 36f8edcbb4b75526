//! One connection of the server: carries out its steps, and notes what the client sent.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Request, Shared, Step};

/// No more of a request's body is kept.
const KEPT: usize = 4 << 20;
/// How often a connection that waits looks whether the test is over.
const TICK: Duration = Duration::from_millis(10);

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

pub(super) struct Connection {
    number: usize,
    wire: Wire,
    tcp: TcpStream,
    shared: Arc<Shared>,
    /// The place of the request that is being read.
    request: Option<usize>,
}

impl Connection {
    pub(super) fn new(
        number: usize,
        tcp: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        shared: Arc<Shared>,
    ) -> Connection {
        tcp.set_nonblocking(false).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(TICK)).unwrap();
        tcp.set_write_timeout(Some(TICK)).unwrap();
        let stream = tcp.try_clone().unwrap();
        let wire = match tls {
            Some(config) => Wire::Tls(Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream))),
            None => Wire::Plain(stream),
        };
        Connection { number, wire, tcp, shared, request: None }
    }

    /// A client that goes away in the middle is a fact to be noted, and no failure of the server's.
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
                while !self.tcp.peek(&mut [0]).is_ok_and(|n| n > 0) {
                    assert!(started.elapsed().as_secs() < 5, "nothing is left unread, so there can be no reset");
                }
                Ok(())
            }
            Step::Cut => self.tcp.shutdown(Shutdown::Both),
            Step::Tunnel(target) => self.tunnel(*target),
        }
    }

    /// Byte by byte, so that nothing of the body is taken along.
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

    /// Bytes of the body that have not been read.
    fn left(&self) -> u64 {
        self.note(|request| request.content_length() - request.body_bytes)
    }

    fn note<T>(&self, note: impl FnOnce(&mut Request) -> T) -> T {
        note(&mut self.shared.requests.lock().unwrap()[self.request.unwrap()])
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.wire {
                Wire::Plain(stream) => stream.read(buf),
                Wire::Tls(stream) => stream.read(buf),
            };
            match read {
                Err(error) if is_tick(&error) && !self.is_over() => {}
                result => return result,
            }
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = match &mut self.wire {
                Wire::Plain(stream) => stream.write(bytes),
                Wire::Tls(stream) => stream.write(bytes),
            };
            match written {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if is_tick(&error) && !self.is_over() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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
        while !self.is_over() && started.elapsed() < pause {
            thread::sleep(TICK.min(pause.saturating_sub(started.elapsed())));
        }
    }

    fn tunnel(&mut self, target: SocketAddr) -> io::Result<()> {
        let server = TcpStream::connect(target)?;
        match &self.wire {
            Wire::Plain(_) => self.tunnel_in_plain(&server),
            Wire::Tls(_) => self.tunnel_in_tls(&server),
        }
    }

    /// One way after the other, as the two share the state of TLS.
    fn tunnel_in_tls(&mut self, mut server: &TcpStream) -> io::Result<()> {
        server.set_read_timeout(Some(Duration::from_millis(1)))?;
        // A server that has stopped reading must not keep the test from its end.
        server.set_write_timeout(Some(Duration::from_secs(5)))?;
        let mut block = vec![0; 64 << 10];
        while !self.is_over() {
            let Wire::Tls(client) = &mut self.wire else { unreachable!() };
            match client.read(&mut block) {
                Ok(0) => break,
                Ok(n) => server.write_all(&block[..n])?,
                Err(error) if is_tick(&error) => {}
                Err(error) => return Err(error),
            }
            match server.read(&mut block) {
                Ok(0) => break,
                Ok(n) => self.write(&block[..n])?,
                Err(error) if is_tick(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn tunnel_in_plain(&self, server: &TcpStream) -> io::Result<()> {
        let client = &self.tcp;
        client.set_read_timeout(None)?;
        let pump = |mut from: &TcpStream, mut to: &TcpStream| {
            // Whichever way ends, and however it does, the other one learns of it.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        };
        thread::scope(|scope| {
            scope.spawn(|| pump(server, client));
            pump(client, server);
        });
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Relaxed)
    }
}

fn is_tick(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

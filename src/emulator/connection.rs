//! One connection: request after request, from the head to the answer.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::answer::Stop;
use super::call;
use super::head;
use super::service::Service;
use super::wire::{Socket, Wire};

/// How long a client that still sends may take to notice that it was refused.
const LINGER: Duration = Duration::from_secs(1);

/// Answers one client until it or the emulator has had enough.
pub(super) fn serve(mut stream: &TcpStream, service: &Service) {
    let Ok(socket) = Socket::new(stream, service) else { return };
    let mut wire = Wire::new(socket);
    loop {
        let (keeps_alive, without_body, result) = match head::read(&mut wire) {
            Ok(None) | Err(Stop::Broken) => return,
            Ok(Some(head)) => {
                service.count_request();
                let result = call::answer(&mut wire, &mut stream, &head, service);
                // What is left of a refused body cannot be told from the next request.
                (head.keeps_alive && wire.body_left() == 0, head.method == "HEAD", result)
            }
            Err(stop) => {
                service.count_request();
                (false, false, Err(stop))
            }
        };
        let (Ok(answer) | Err(Stop::Refused(answer))) = result else { return };
        if stream.write_all(&answer.render(!keeps_alive, without_body)).is_err() {
            return;
        }
        if !keeps_alive {
            let _ = stream.shutdown(Shutdown::Write);
            return wire.drain(LINGER);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::Emulator;
    use super::super::raw::{Raw, form, get_job, upload, upload_head};
    use super::*;

    #[test]
    fn a_body_that_ends_early_is_not_recorded() {
        let emulator = Emulator::start().unwrap();
        let mut raw = Raw::to(&emulator);
        raw.send(&upload("", &form("x")).replace("--B--\r\n", "--B-"));
        raw.0.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        assert_eq!(raw.0.read_to_end(&mut rest).unwrap_or(0), 0, "no answer");
        assert_eq!((emulator.uploads().len(), emulator.requests()), (0, 1));
    }

    #[test]
    fn the_body_is_invited_once_the_head_is_good() {
        let emulator = Emulator::start().unwrap();
        let mut raw = Raw::to(&emulator);
        let body = form("x");
        raw.send(&upload_head("", body.len() as u64, "Expect: 100-continue\r\n"));
        assert_eq!(raw.head(), "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(raw.ask(&body).status, 200);
        assert_eq!(raw.ask(&get_job("calc", "j")).status, 404, "kept alive");
    }

    #[test]
    fn a_bad_head_is_refused_instead_of_inviting_the_body() {
        let emulator = Emulator::start().unwrap();
        for (right, wrong, status) in
            [(Emulator::API_KEY, "x", 401), ("multipart/form-data", "text/plain", 400), ("100-continue", "200-ok", 417)]
        {
            let head = upload_head("", 1 << 20, "Expect: 100-continue\r\n").replace(right, wrong);
            let answer = Raw::to(&emulator).ask(&head);
            assert_eq!(answer.status, status);
            assert!(answer.head.contains("\r\nConnection: close\r\n"), "{}", answer.head);
        }
    }

    #[test]
    fn a_refused_client_that_goes_on_sending_still_gets_the_answer() {
        let emulator = Emulator::start().unwrap();
        emulator.refuse_next(1, 403);
        let mut raw = Raw::to(&emulator);
        raw.send(&upload_head("", 8 << 20, ""));
        for _ in 0..8 {
            raw.0.write_all(&vec![b'-'; 1 << 20]).unwrap();
        }
        assert_eq!(raw.answer().status, 403);
        assert_eq!(raw.0.read(&mut [0]).unwrap(), 0, "closed, and not reset");
    }

    #[test]
    fn a_connection_serves_pipelined_requests_until_one_says_close() {
        let emulator = Emulator::start().unwrap();
        let mut raw = Raw::to(&emulator);
        let last = get_job("calc", "j").replace("Host", "Connection: close\r\nHost");
        raw.send(&(upload("", &form("x")) + &get_job("calc", "j").replace("GET", "HEAD") + &last));
        assert_eq!(raw.answer().status, 200);
        assert!(raw.head().starts_with("HTTP/1.1 405 "), "and no body after it");
        assert_eq!(raw.answer().status, 404);
        assert_eq!(raw.0.read(&mut [0]).unwrap(), 0);
        assert_eq!(emulator.requests(), 3);
    }

    #[test]
    fn what_is_not_http_is_refused_and_counted() {
        let emulator = Emulator::start().unwrap();
        assert_eq!(Raw::to(&emulator).ask("\u{16}\u{3}\u{1}\r\n\r\n").status, 400);
        assert_eq!(Raw::to(&emulator).ask(&"x".repeat(80 << 10)).status, 431);
        assert_eq!(emulator.requests(), 2);
    }
}

//! Shows how far an upload is, as the file is read.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::event::Event;

/// Tells the client's watch how far the file has been read: at the start and the end, and in between at most once
/// a second and a percent, so that neither a log nor the upload suffers.
pub(crate) struct Progress<'a, R> {
    file: R,
    client: &'a Client,
    sent: u64,
    total: u64,
    /// When and at how many bytes it was told last.
    shown: Option<(Instant, u64)>,
}

impl<R: Read> Read for Progress<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.shown.is_none() {
            self.show();
        }
        let n = self.file.read(buf)?;
        self.sent = self.sent.saturating_add(n as u64);
        let due = |(when, bytes): (Instant, u64)| {
            self.sent - bytes >= self.total / 100 && when.elapsed() >= Duration::from_secs(1)
        };
        if n > 0 && (self.sent >= self.total || self.shown.is_some_and(due)) {
            self.show();
        }
        Ok(n)
    }
}

impl<'a, R> Progress<'a, R> {
    pub(crate) fn of(file: R, total: u64, client: &'a Client) -> Self {
        Progress { file, client, sent: 0, total, shown: None }
    }

    fn show(&mut self) {
        self.shown = Some((Instant::now(), self.sent));
        self.client.notify(&Event::Uploading { sent: self.sent, total: self.total });
    }
}

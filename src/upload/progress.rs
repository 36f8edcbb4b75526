//! Reports the progress of an upload.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::event::Event;

/// Notifies the client's observer how much of the file the kernel has accepted: at the start and the end, and in
/// between at most once a second and once per percent, so that neither a log nor the upload suffers.
pub(crate) struct Progress<'a, R> {
    file: R,
    client: &'a Client,
    /// Bytes read before. A block is read only after the one before it was sent, so the kernel has all of them.
    sent: u64,
    total: u64,
    /// The time and the bytes of the last notification.
    shown: Option<(Instant, u64)>,
}

impl<R: Read> Read for Progress<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let is_due = self.shown.is_none_or(|(when, bytes)| {
            let is_news = self.sent - bytes >= self.total / 100 && when.elapsed() >= Duration::from_secs(1);
            is_news || (self.sent == self.total && bytes < self.total)
        });
        if is_due {
            self.shown = Some((Instant::now(), self.sent));
            self.client.notify(&Event::Uploading { sent: self.sent, total: self.total });
        }
        let n = self.file.read(buf)?;
        self.sent += n as u64;
        Ok(n)
    }
}

impl<'a, R> Progress<'a, R> {
    pub(crate) fn of(file: R, total: u64, client: &'a Client) -> Self {
        Progress { file, client, sent: 0, total, shown: None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_block_counts_as_sent_when_the_next_one_is_read() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = told.clone();
        let client =
            Client::new("me", "key").unwrap().on_event(move |event| into.lock().unwrap().push(event.to_string()));
        let mut progress = Progress::of(&b"abc"[..], 3, &client);
        let mut told_after = |length: usize| {
            let mut piece = vec![0; length];
            progress.read_exact(&mut piece).unwrap();
            told.lock().unwrap().len()
        };
        assert_eq!([told_after(1), told_after(2)], [1, 1], "only the start");
        assert_eq!((progress.read(&mut [0]).unwrap(), told.lock().unwrap().len()), (0, 2));
        assert_eq!(
            *told.lock().unwrap(),
            ["uploading: 0 bytes of 3 bytes (0 %)", "uploading: 3 bytes of 3 bytes (100 %)"]
        );
    }
}

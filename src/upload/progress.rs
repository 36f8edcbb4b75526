//! Reports the progress of an upload.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::event::{Event, QUIET};
use crate::id::AppId;

/// How often progress is reported: a bar moves smoothly, and the upload is not slowed.
const INTERVAL: Duration = Duration::from_millis(200);

/// Notifies the client's observer how much of a file the kernel has accepted.
pub(super) struct Progress {
    pub(super) client: Client,
    pub(super) app: AppId,
    pub(super) file: PathBuf,
    /// The size of the file in bytes.
    pub(super) total: u64,
    /// Bytes of the request's body that are not the file's.
    pub(super) envelope: u64,
    pub(super) response_timeout: Duration,
    /// When the observer last returned, and when it was last notified of something that is not routine.
    pub(super) notified: Option<(Instant, Instant)>,
}

impl Progress {
    /// `body_bytes` is how much of the request's body has been sent.
    pub(super) fn report(&mut self, body_bytes: u64, clock: impl Fn() -> Instant) {
        // The envelope counts first, so that all of the file has been sent when all of the body has.
        let sent = body_bytes.saturating_sub(self.envelope).min(self.total);
        if self.notified.is_none() {
            self.notify(0, false, &clock);
        }
        let now = clock();
        let Some((last, news)) = self.notified else { return };
        let is_complete = sent == self.total;
        if is_complete || now.saturating_duration_since(last) >= INTERVAL {
            let routine = !is_complete && now.saturating_duration_since(news) < QUIET;
            self.notify(sent, routine, &clock);
        }
    }

    fn notify(&mut self, sent: u64, routine: bool, clock: &impl Fn() -> Instant) {
        let news = self.notified.filter(|_| routine).map_or_else(clock, |(_, news)| news);
        self.client.notify(&Event::Uploading {
            app: self.app.clone(),
            file: self.file.clone(),
            sent,
            total: self.total,
            response_timeout: self.response_timeout,
            routine,
        });
        // Measured after the call, so that a slow observer takes little of the upload's time.
        self.notified = Some((clock(), news));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The numbers of bytes that are reported, and whether they are routine, when `body_bytes(n)` have been sent after `n`
    /// steps of `step` each.
    fn reported(total: u64, envelope: u64, step: Duration, body_bytes: &[u64]) -> Vec<(u64, bool)> {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let into = reported.clone();
        let client = Client::new("me", "key").unwrap().on_event(move |event| match event {
            Event::Uploading { sent, routine, .. } => into.lock().unwrap().push((*sent, *routine)),
            other => panic!("{other}"),
        });
        let mut progress = Progress { client, ..progress(total, envelope) };
        let start = Instant::now();
        for (n, bytes) in body_bytes.iter().enumerate() {
            progress.report(*bytes, || start + step * u32::try_from(n).unwrap());
        }
        reported.lock().unwrap().clone()
    }

    fn progress(total: u64, envelope: u64) -> Progress {
        Progress {
            client: Client::new("me", "key").unwrap(),
            app: "calc".parse().unwrap(),
            file: "calc.mda".into(),
            total,
            envelope,
            response_timeout: Duration::ZERO,
            notified: None,
        }
    }

    #[test]
    fn progress_starts_at_zero_and_ends_with_the_body() {
        let step = Duration::from_millis(1);
        assert_eq!(reported(100, 10, step, &[0, 50, 100, 109, 110]), [(0, false), (100, false)]);
        assert_eq!(reported(100, 10, step, &[110]), [(0, false), (100, false)]);
    }

    #[test]
    fn a_slow_observer_is_called_again_only_after_an_interval_of_its_own() {
        let clock = Arc::new(Mutex::new(Instant::now()));
        let (now, calls) = (clock.clone(), Arc::new(Mutex::new(0)));
        let counted = calls.clone();
        let client = Client::new("me", "key").unwrap().on_event(move |_| {
            *counted.lock().unwrap() += 1;
            *now.lock().unwrap() += Duration::from_millis(250);
        });
        let mut progress = Progress { client, ..progress(100, 0) };
        let read = || *clock.lock().unwrap();
        for bytes in 0..100 {
            progress.report(bytes, read);
            *clock.lock().unwrap() += Duration::from_millis(20);
        }
        // Once at the start, and then every tenth time.
        assert_eq!(*calls.lock().unwrap(), 10);
    }

    #[test]
    fn a_bar_moves_five_times_a_second_and_a_log_once_a_minute() {
        let sent: Vec<u64> = (0..=13_000).map(|n| n * 10).collect();
        let reported = reported(130_000, 0, Duration::from_millis(10), &sent);
        assert_eq!(reported.len(), 130 * 5 + 1);
        let news: Vec<_> = reported.iter().filter(|(_, routine)| !routine).map(|(sent, _)| *sent).collect();
        assert_eq!(news, [0, 60_000, 120_000, 130_000]);
    }
}

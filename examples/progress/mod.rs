//! A progress display on stderr: a redrawn line on a terminal; in a log file, a line now and then.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mendix_deploy::Event;

/// In a log, the same kind of line is repeated no sooner than this.
const QUIET: Duration = Duration::from_secs(30);

/// An observer for `Client::on_event`.
pub(crate) fn display() -> impl Fn(&Event) + Send + Sync + 'static {
    let is_terminal = stderr().is_terminal();
    let last: Mutex<Option<(String, Instant)>> = Mutex::new(None);
    move |event| {
        let Ok(mut last) = last.lock() else { return };
        // Lines of the same kind share a line on a terminal, and are rare in a log.
        let news = match event {
            Event::Uploading { .. } => "uploading".to_owned(),
            Event::Polled { status, .. } => format!("polled {status}"),
            Event::PollFailed { .. } => "poll failed".to_owned(),
            other => other.to_string(),
        };
        let repeated = last.as_ref().is_some_and(|(earlier, _)| *earlier == news);
        let complete = matches!(event, Event::Uploading { sent, total, .. } if sent == total);
        let mut out = stderr().lock();
        // A progress display is no reason to fail, so write errors are ignored.
        let _ = match (is_terminal, repeated) {
            (true, true) => write!(out, "\r\x1b[K{}{event}", bar(event)),
            (true, false) if last.is_some() => write!(out, "\n{}{event}", bar(event)),
            (true, false) => write!(out, "{}{event}", bar(event)),
            (false, true) if !complete && last.as_ref().is_some_and(|(_, when)| when.elapsed() < QUIET) => return,
            (false, _) => writeln!(out, "{event}"),
        };
        let _ = out.flush();
        *last = Some((news, Instant::now()));
        let ended = matches!(event, Event::Polled { next_poll: None, .. });
        if is_terminal && ended {
            let _ = writeln!(out);
        }
    }
}

fn bar(event: &Event) -> String {
    match event {
        Event::Uploading { sent, total, .. } => {
            let filled = usize::try_from(sent.saturating_mul(24) / (*total).max(1)).unwrap_or(0);
            format!("[{:<24}] ", "#".repeat(filled))
        }
        _ => String::new(),
    }
}

//! Progress on stderr: a bar on a terminal, whatever its width; elsewhere the lines that are worth keeping.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mendix_deploy::{Client, Event};
use serde_json::Value;

const BAR: &str = "{wide_bar} {binary_bytes} of {binary_total_bytes}, {eta} left";
/// For what takes as long as it takes. The message is cut to the width of the terminal.
const SPINNER: &str = "{spinner} {wide_msg}";

/// Clones show the same bar.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress(ProgressBar::new(0))
    }

    /// A client that shows what it does.
    pub(crate) fn watching(&self, client: Client) -> Client {
        let progress = self.clone();
        client.on_event(move |event| progress.show(event))
    }

    fn show(&self, event: &Event) {
        let Progress(bar) = self;
        match event {
            // Unless stderr is a terminal.
            _ if bar.is_hidden() => event.log_to_stderr(),
            Event::Uploading { sent: 0, total, .. } => {
                bar.println(event.to_string());
                set_style(bar, BAR);
                bar.set_length(*total);
                bar.reset();
            }
            Event::Uploading { sent, total, .. } if sent < total => bar.set_position(*sent),
            Event::Uploading { .. } | Event::Polled { .. } | Event::PollFailed { routine: true, .. } => {
                spin(bar, event);
            }
            other => bar.println(other.to_string()),
        }
    }

    /// Removes the bar, so that what is printed next has a line of its own.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

fn spin(bar: &ProgressBar, event: &Event) {
    set_style(bar, SPINNER);
    bar.set_message(event.to_string());
    bar.enable_steady_tick(Duration::from_millis(100));
}

fn set_style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

/// What `main` returns: one line of JSON, or the error with its causes and without a backtrace, whatever `RUST_BACKTRACE` says.
pub(crate) fn exit_code(result: anyhow::Result<Value>) -> ExitCode {
    let error = match result {
        Ok(answer) => {
            // `println!` would panic if nobody reads it, and what was done is done.
            let _ = writeln!(stdout(), "{answer}");
            return ExitCode::SUCCESS;
        }
        Err(error) => error,
    };
    let _ = writeln!(stderr(), "error: {error}");
    for cause in error.chain().skip(1) {
        let _ = writeln!(stderr(), "  caused by: {cause}");
    }
    ExitCode::FAILURE
}

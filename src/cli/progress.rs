//! Progress on stderr: a bar on a terminal, of any width; elsewhere the lines that are worth keeping.

use std::io::{Write, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mendix_deploy::{Client, DeployStep, Event};

use super::words;

const BAR: &str = "{wide_bar} {binary_bytes} of {binary_total_bytes}, {eta} left";
/// For waits of unknown length. The message is cut to the width of the terminal.
const SPINNER: &str = "{spinner} {wide_msg}";

/// Clones show the same bar.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress(ProgressBar::new(0))
    }

    /// A client whose events are shown.
    pub(crate) fn watching(&self, client: Client) -> Client {
        let progress = self.clone();
        client.on_event(move |event| progress.show(event))
    }

    fn show(&self, event: &Event) {
        let Progress(bar) = self;
        match event {
            // Unless stderr is a terminal.
            _ if bar.is_hidden() => {
                if !event.is_routine() {
                    // One write, so that lines of several commands do not mix. A failed write is ignored.
                    let _ = stderr().write_all(format!("{}\n", line(event)).as_bytes());
                }
            }
            Event::Uploading { sent: 0, total, .. } => {
                bar.println(line(event));
                set_style(bar, BAR);
                bar.set_length(*total);
                bar.reset();
            }
            Event::Uploading { sent, total, .. } if sent < total => bar.set_position(*sent),
            Event::Uploading { .. } | Event::Polled { .. } | Event::PollFailed { routine: true, .. } => {
                spin(bar, event);
            }
            _ => bar.println(line(event)),
        }
    }

    /// Removes the bar, so that what is printed next has a line of its own.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// The event in the words of the command.
fn line(event: &Event) -> String {
    let text = event.to_string();
    match event {
        Event::Deploying { step: DeployStep::Begun { .. }, .. } => {
            let deploying = text.split("; ").next().unwrap_or_default();
            format!("{deploying}; if interrupted, deploy --package resumes")
        }
        _ => words::of_the_command(&text),
    }
}

fn spin(bar: &ProgressBar, event: &Event) {
    set_style(bar, SPINNER);
    bar.set_message(line(event));
    bar.enable_steady_tick(Duration::from_millis(100));
}

fn set_style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

//! Faults that a test can configure.

use crate::id::PackageId;

/// How a call fails; see [`Emulator::fail_uploads`](super::Emulator::fail_uploads) and
/// [`Emulator::fail_polls`](super::Emulator::fail_polls), and for the calls about environments
/// [`Emulator::fail_stops`](super::Emulator::fail_stops), [`Emulator::fail_transports`](super::Emulator::fail_transports) and
/// [`Emulator::fail_starts`](super::Emulator::fail_starts).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Responds with this status, an `errorCode` and an `errorMessage` after the whole request has been read. An upload
    /// is not recorded, but the client cannot know that: after a 500 or 503 its outcome is unknown. A status outside
    /// 200 to 599 counts as 500.
    Status(u16),
    /// The same as soon as the head of the request has been read: nothing of an upload is sent.
    StatusAtOnce(u16),
    /// Carries the call out, recording an upload and creating its job, but closes the connection without a response.
    NoAnswer,
    /// The same, but an upload is carried out twice, as by a gateway that repeats a request without a response.
    NoAnswerButTwice,
    /// Closes the connection without a response after this many bytes of the request's body. If the body is longer, the
    /// upload is interrupted; if not, its outcome is unknown. If less than 64 MiB would be left, the client gets no
    /// `100 Continue`, because the buffers of both systems could hold the rest.
    DisconnectAfter(u64),
    /// Carries the call out, and responds with 200 and this body, such as an empty body or a web page.
    Body(&'static str),
    /// Refuses a call with this `errorCode`, once the whole request has been read, and with the status and message that are
    /// documented for the code: `"SERVICE UNAVAILABLE"` is a package that is still being processed. A code of a start job,
    /// such as `"INVALID_DB_STRUCTURE"`, is what a start ends with. Setting one that is not documented panics.
    Code(&'static str),
    /// Carries out a stop, transport or start, but this many polls do not show it yet. Has no effect on other calls.
    Slow(u32),
    /// The same, but no poll ever shows it.
    NeverEnds,
    /// Starts the app, then forgets the start job.
    Forgotten,
    /// Carries out a stop, transport or start, but for this many polls the environment has the status from before its last
    /// change, as from a cache. Has no effect on other calls.
    StaleStatus(u32),
    /// Reads no more than the head of the request, and never responds. The connection stays open.
    Hang,
}

/// What somebody else does to an environment; see [`Emulator::meanwhile`](super::Emulator::meanwhile).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meanwhile {
    /// Stops the app.
    Stop,
    /// Transports a package, even while the app runs.
    Transport(PackageId),
    /// Starts the app, which this many polls do not show yet.
    Start(u32),
}

/// The kinds of calls that faults are configured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Upload,
    /// Any call that only reads.
    Poll,
    Stop,
    Transport,
    Start,
}

/// The configured faults, in order: for which calls, and how many remain.
#[derive(Default)]
pub(super) struct Faults(Vec<(Kind, u32, Fault)>);

impl Faults {
    pub(super) fn push(&mut self, kind: Kind, times: u32, fault: Fault) {
        self.0.push((kind, times, fault));
    }

    pub(super) fn take(&mut self, kind: Kind) -> Option<Fault> {
        let (_, left, fault) = self.0.iter_mut().find(|(of, left, _)| *of == kind && *left > 0)?;
        *left -= 1;
        Some(*fault)
    }
}

//! Faults that a test can ask for.

use std::collections::VecDeque;

/// How a call fails; see [`Emulator::fail_uploads`](super::Emulator::fail_uploads) and
/// [`Emulator::fail_polls`](super::Emulator::fail_polls).
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
    /// The same, but an upload is carried out twice, as by a gateway that repeats what was not answered.
    NoAnswerButTwice,
    /// Closes the connection without a response after this many bytes of the request's body. If the body is longer, the
    /// upload is interrupted; if not, its outcome is unknown. If less than 64 MiB would be left, the client gets no
    /// `100 Continue`, because the buffers of both systems could hold the rest.
    DisconnectAfter(u64),
}

/// The faults still to come, in order.
#[derive(Default)]
pub(super) struct Faults(VecDeque<(u32, Fault)>);

impl Faults {
    pub(super) fn push(&mut self, times: u32, fault: Fault) {
        self.0.push_back((times, fault));
    }

    pub(super) fn take(&mut self) -> Option<Fault> {
        while let Some((times, fault)) = self.0.front_mut() {
            if *times > 0 {
                *times -= 1;
                return Some(*fault);
            }
            self.0.pop_front();
        }
        None
    }
}

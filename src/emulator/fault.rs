//! What can go wrong with a call, if a test wants it to.

use std::collections::VecDeque;

/// What happens to a call instead of what should; see [`Emulator::fail_uploads`](super::Emulator::fail_uploads) and
/// [`Emulator::fail_polls`](super::Emulator::fail_polls).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Answered with this status, an `errorCode` and an `errorMessage`, after the whole request was read. An upload is
    /// not recorded, but the client cannot know that: a 500 or a 503 leaves its outcome open. A status that cannot end a
    /// call (not 200 to 599) is taken for 500.
    Status(u16),
    /// The same, but as soon as the head of the request was read: of an upload nothing is sent.
    StatusAtOnce(u16),
    /// Carried out, so that an upload is recorded and its job created, but the connection ends without an answer.
    NoAnswer,
    /// Closed after so many bytes of the request's body were read, without an answer. If the body is longer, the upload
    /// is interrupted; if not, its outcome is open. Where less than 64 MiB would be left, a client that waits to be asked
    /// for its body is not asked: the systems on both ends have buffers, and would send the rest for it.
    DisconnectAfter(u64),
}

/// The faults that were asked for and did not happen yet, in order.
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

//! The environments of v1, against servers that answer as its documentation says, and otherwise.

mod reading;

//! Random numbers without a crate. The standard library seeds every `RandomState` from the operating system, which is
//! good enough for a boundary and for jitter.

use std::hash::{BuildHasher, Hasher, RandomState};

pub(crate) fn bits() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// From 0 up to 1.
#[allow(clippy::cast_precision_loss)] // 53 bits fit an f64 exactly
pub(crate) fn fraction() -> f64 {
    (bits() >> 11) as f64 / (1_u64 << 53) as f64
}

/// From 0 up to `limit`.
#[cfg(test)]
pub(crate) fn below(limit: usize) -> usize {
    usize::try_from(bits() % limit as u64).unwrap()
}

/// Any duration, with the extremes often enough.
#[cfg(test)]
pub(crate) fn duration() -> std::time::Duration {
    use std::time::Duration;
    match below(8) {
        0 => Duration::ZERO,
        1 => Duration::MAX,
        2 => Duration::from_nanos(bits()),
        3 => Duration::from_secs(bits()),
        _ => Duration::from_millis(bits() % 3_600_000),
    }
}

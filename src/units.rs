//! Sizes, numbers and durations, formatted for people.

use std::fmt;
use std::time::Duration;

/// A size in bytes, formatted for people; with `{:#}` also exactly.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    #[allow(clippy::cast_precision_loss)] // one decimal is shown
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ 0..0x400 => return write!(f, "{bytes} bytes"),
            bytes @ 0x400..0x10_0000 => write!(f, "{:.1} KiB", bytes as f64 / f64::from(1 << 10))?,
            bytes @ 0x10_0000..0x4000_0000 => write!(f, "{:.1} MiB", bytes as f64 / f64::from(1 << 20))?,
            bytes => write!(f, "{:.1} GiB", bytes as f64 / f64::from(1 << 30))?,
        }
        if f.alternate() { write!(f, " ({} bytes)", Grouped(self.0)) } else { Ok(()) }
    }
}

/// A number with a comma after every thousand.
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            small @ 0..1000 => write!(f, "{small}"),
            large => write!(f, "{},{:03}", Grouped(large / 1000), large % 1000),
        }
    }
}

/// A duration, formatted for people: tenths below ten seconds; minutes, hours and days from two of them on.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0..10 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            whole @ 10..120 => write!(f, "{whole} s"),
            whole @ 120..7200 if whole % 60 == 0 => write!(f, "{} min", whole / 60),
            whole @ 120..7200 => write!(f, "{} min {} s", whole / 60, whole % 60),
            whole @ 7200..172_800 if whole % 3600 < 60 => write!(f, "{} h", whole / 3600),
            whole @ 7200..172_800 => write!(f, "{} h {} min", whole / 3600, whole / 60 % 60),
            whole => write!(f, "{} days", whole / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_where_that_is_wanted() {
        let exact = [1023, 1024, (1 << 30) + 1].map(|bytes| format!("{:#}", Bytes(bytes)));
        assert_eq!(exact, ["1023 bytes", "1.0 KiB (1,024 bytes)", "1.0 GiB (1,073,741,825 bytes)"]);
        assert_eq!(Grouped(1_000_007).to_string(), "1,000,007");
    }

    #[test]
    fn durations_are_as_exact_as_people_need_them() {
        let shown = |seconds: &[f64]| {
            let shown = seconds.iter().map(|s| Seconds(Duration::from_secs_f64(*s)).to_string());
            shown.collect::<Vec<_>>()
        };
        assert_eq!(shown(&[0.04, 9.96, 65.9, 119.0]), ["0.0 s", "10.0 s", "65 s", "119 s"]);
        assert_eq!(shown(&[120.0, 125.0, 7199.0, 7230.0]), ["2 min", "2 min 5 s", "119 min 59 s", "2 h"]);
        assert_eq!(shown(&[7260.0, 172_799.0, 172_800.0]), ["2 h 1 min", "47 h 59 min", "2 days"]);
        assert_eq!(Seconds(Duration::MAX).to_string(), "213503982334601 days");
    }
}

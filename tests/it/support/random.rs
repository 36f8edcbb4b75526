//! Random numbers from a seed, so that a failure can be reproduced.

/// `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// 0 to 3.
    pub(crate) fn few(&mut self) -> u32 {
        u32::try_from(self.below(4)).unwrap()
    }
}

/// The seeds to play: `default` or `SEEDS` of them, from `FROM` on.
pub(crate) fn seeds(default: u64) -> Vec<u64> {
    let number = |name: &str, default| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    let from = number("FROM", 0);
    (from..from + number("SEEDS", default)).collect()
}

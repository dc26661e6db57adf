//! Chance that can be had again: everything drawn follows from one seed, and a failing test names it.

use std::fmt;
use std::io::Write;

use privaflow::sandbox::{Effect, Fault, Faults};

/// The seed of a run that does not say another.
const SEED: u64 = 20_261_122;

/// Draws numbers (splitmix64).
#[derive(Clone)]
pub struct Chance {
    seed: u64,
    state: u64,
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PRIVAFLOW_SEED={}", self.seed)
    }
}

impl Chance {
    /// From `PRIVAFLOW_SEED`, or the usual seed.
    pub fn new() -> Chance {
        let seed = std::env::var("PRIVAFLOW_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
        Chance { seed, state: seed }
    }

    /// A chance of its own for one of many runs, with the same seed.
    pub fn of(&self, run: u64) -> Chance {
        let mut other = Chance { seed: self.seed, state: self.seed ^ (run + 1).wrapping_mul(0x9e37_79b9) };
        other.next();
        other
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }
}

impl Drop for Chance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A test that fails anyway loses only the hint.
            drop(writeln!(std::io::stderr(), "again with {self:?}"));
        }
    }
}

/// Whether the long mode is asked for.
fn is_long() -> bool {
    std::env::var_os("PRIVAFLOW_LONG").is_some_and(|value| value == "1")
}

/// A bit of everything that a service does wrong while it works on a request.
pub fn storm() -> Faults {
    let of = |effect, probability| Fault::new(effect).by_chance(probability);
    let faults = vec![
        of(Effect::DropAfterApplying, 0.08),
        of(Effect::DropBeforeApplying, 0.04),
        of(Effect::FailAfterApplying { status: 503 }, 0.06),
        of(Effect::FailBeforeApplying { status: 500 }, 0.06),
        of(Effect::TooManyRequests { retry_after_s: 1 }, 0.04),
        of(Effect::Stall { for_ms: 5 }, 0.1),
    ];
    Faults { faults }
}

/// The same where waits are real and nobody shares them: a few of each kind, and fewer of those that
/// make everybody wait.
pub fn squall() -> Faults {
    let mut faults = storm();
    for fault in &mut faults.faults {
        let is_rest = matches!(fault.effect, Effect::TooManyRequests { .. });
        fault.at_most = Some(if is_rest { 3 } else { 12 });
    }
    faults
}

/// How many runs of the same test with chances of their own: one, or ten in the long mode.
pub fn runs() -> u64 {
    if is_long() { 10 } else { 1 }
}

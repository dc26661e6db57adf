//! How many calls a hook still takes in this minute.
//!
//! It holds no clock. A minute begins with the first call that comes after the last one is over.

/// Length of a minute.
const MINUTE_MS: i64 = 60_000;

/// Counts the calls of one hook.
#[derive(Debug)]
pub(super) struct Rate {
    most: u32,
    began_ms: i64,
    taken: u32,
}

impl Rate {
    /// A hook that takes so many calls a minute.
    pub fn new(most: u32) -> Rate {
        Rate { most, began_ms: i64::MIN, taken: 0 }
    }

    /// Takes a call at a moment of steady time, or says after how many seconds to come again.
    pub fn take(&mut self, now_ms: i64) -> Result<(), u64> {
        if now_ms.saturating_sub(self.began_ms) >= MINUTE_MS {
            self.began_ms = now_ms;
            self.taken = 0;
        }
        if self.taken < self.most {
            self.taken += 1;
            return Ok(());
        }
        let left_ms = MINUTE_MS - now_ms.saturating_sub(self.began_ms);
        Err(u64::try_from(left_ms).unwrap_or(0).div_ceil(1000).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_takes_so_many_calls_and_the_next_one_as_many() {
        let mut rate = Rate::new(2);

        let answers = [1_000, 2_000, 3_000, 60_500, 61_000].map(|now| rate.take(now));

        assert_eq!(answers, [Ok(()), Ok(()), Err(58), Err(1), Ok(())]);
    }
}

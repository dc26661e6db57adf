//! A sample of an input whose length is not known before its end.
//!
//! Every record has the same chance to be in it (reservoir sampling, Vitter's algorithm R), and the same
//! seed takes the same places of the same input.

/// Which of the records that pass are kept.
#[derive(Debug, Clone)]
pub struct Sample {
    size: usize,
    seen: u64,
    state: u64,
}

impl Sample {
    /// Of at most `size` records.
    pub fn new(size: usize, seed: u64) -> Sample {
        Sample { size, seen: 0, state: seed }
    }

    /// Where the next record is kept, in place of the one that stands there; `None`: it is not.
    pub fn place(&mut self) -> Option<usize> {
        let number = self.seen;
        self.seen += 1;
        let place = if number < self.size as u64 { number } else { self.random() % self.seen };
        usize::try_from(place).ok().filter(|place| *place < self.size)
    }

    /// Records that passed.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): every seed is a good one.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(size: usize, of: u64, seed: u64) -> Vec<u64> {
        let mut sample = Sample::new(size, seed);
        let mut kept = Vec::new();
        for record in 0..of {
            match sample.place() {
                Some(place) if place == kept.len() => kept.push(record),
                Some(place) => kept[place] = record,
                None => {}
            }
        }
        kept
    }

    #[test]
    fn the_same_seed_takes_the_same_records() {
        assert_eq!(taken(5, 1000, 7), taken(5, 1000, 7));
        assert_ne!(taken(5, 1000, 7), taken(5, 1000, 8));
        assert_eq!(taken(5, 3, 7), [0, 1, 2]);
        assert!(taken(0, 10, 7).is_empty());
    }

    #[test]
    fn late_records_are_taken_as_often_as_early_ones() {
        let all: Vec<u64> = (0..400).flat_map(|seed| taken(10, 100, seed)).collect();

        let late = all.iter().filter(|record| **record >= 50).count();

        assert_eq!(all.len(), 4000);
        assert!((1800..2200).contains(&late), "{late} of {}", all.len());
    }
}

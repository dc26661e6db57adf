//! Members of records that nobody knows, counted once per name for the whole job.
//!
//! A name comes from the input, so it can be anything: what does not look like a member's name is
//! counted but not shown, and beyond [`Warnings::MOST_NAMES`] names are only counted together.

/// What was ignored in the records read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings {
    unknown: Vec<Unknown>,
    others: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Unknown {
    /// Where it stood: ``, `subject.`, `consents[].`, …
    within: &'static str,
    /// As written.
    name: String,
    /// In how many places.
    count: u64,
}

impl Warnings {
    /// Enough for any real mistake; a file whose member names are data must not fill the memory.
    pub const MOST_NAMES: usize = 64;

    /// Nothing ignored yet.
    pub fn new() -> Warnings {
        Warnings::default()
    }

    /// Counts a member that was ignored.
    pub(super) fn ignored(&mut self, within: &'static str, name: &str) {
        self.add(within, name, 1);
    }

    /// Adds what another reader of the same job counted.
    pub fn merge(&mut self, other: Warnings) {
        for unknown in other.unknown {
            self.add(unknown.within, &unknown.name, unknown.count);
        }
        self.others += other.others;
    }

    /// Each ignored member with the number of times it was seen, in the order of first sight.
    pub fn unknown_members(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        self.unknown.iter().map(|unknown| (format!("{}{}", unknown.within, unknown.name), unknown.count))
    }

    /// How many more were ignored whose names are not shown.
    pub fn unnamed(&self) -> u64 {
        self.others
    }

    /// Nothing was ignored.
    pub fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.others == 0
    }

    fn add(&mut self, within: &'static str, name: &str, count: u64) {
        let known = self.unknown.iter_mut().find(|known| known.name == name && known.within == within);
        if let Some(known) = known {
            known.count += count;
        } else if self.unknown.len() < Warnings::MOST_NAMES && looks_like_a_name(name) {
            self.unknown.push(Unknown { within, name: name.to_owned(), count });
        } else {
            self.others += count;
        }
    }
}

/// Words as people name members; an address, a number or a sentence is none.
fn looks_like_a_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_counted() {
        let mut warnings = Warnings::new();

        warnings.ignored("subject.", "vip");
        warnings.ignored("", "vip");
        warnings.ignored("subject.", "vip");

        let seen: Vec<_> = warnings.unknown_members().collect();
        assert_eq!(seen, [("subject.vip".to_owned(), 2), ("vip".to_owned(), 1)]);
    }

    #[test]
    fn names_that_may_be_data_are_counted_and_not_shown() {
        let mut warnings = Warnings::new();

        for name in ["a@example.com", "+15551234567", "", &"x".repeat(41)] {
            warnings.ignored("", name);
        }

        assert_eq!((warnings.unknown_members().count(), warnings.unnamed()), (0, 4));
    }

    #[test]
    fn memory_is_bounded_and_merging_loses_no_count() {
        let (mut one, mut other) = (Warnings::new(), Warnings::new());
        for number in 0..1000 {
            one.ignored("", &format!("name{number}"));
            other.ignored("", &format!("name{}", number + 500));
        }

        one.merge(other);

        assert_eq!(one.unknown_members().count(), Warnings::MOST_NAMES);
        let counted: u64 = one.unknown_members().map(|(_, count)| count).sum();
        assert_eq!(counted + one.unnamed(), 2000);
    }
}

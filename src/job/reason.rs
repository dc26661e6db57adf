//! Why somebody decided something, in their own words: kept in the journal and the ledger for years.
//!
//! The rule that keeps it right: nobody's name is asked for, and what looks like an identifier is refused,
//! since nothing in a ledger can be taken out again.

use serde::{Deserialize, Serialize};

/// Most letters of a reason: a sentence or two.
const MOST_LETTERS: usize = 300;
/// So many digits in a row, or with signs between them, are a number of somebody.
const DIGITS_OF_A_NUMBER: usize = 7;

/// Why somebody decided something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason(String);

/// Why a text cannot be kept as a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReason {
    /// It says nothing.
    #[error("the reason is empty: say why, in a few words")]
    Empty,
    /// It is longer than a reason.
    #[error("the reason is longer than {MOST_LETTERS} letters: say it shorter")]
    TooLong,
    /// It holds an address.
    #[error(
        "the reason holds an `@`, as an address does: it is kept for years, so write a case number instead of who it is about"
    )]
    Address,
    /// It holds a number that may be somebody's.
    #[error(
        "the reason holds a number of {DIGITS_OF_A_NUMBER} digits or more, as a telephone has: it is kept for years, so write a shorter case number instead of who it is about"
    )]
    Number,
}

impl Reason {
    /// Takes a text that looks like no identifier of anybody.
    pub fn parse(text: &str) -> Result<Reason, BadReason> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return Err(BadReason::Empty);
        }
        if text.chars().count() > MOST_LETTERS {
            return Err(BadReason::TooLong);
        }
        if text.contains('@') {
            return Err(BadReason::Address);
        }
        let is_between = |letter: char| matches!(letter, ' ' | '-' | '.' | '(' | ')' | '/' | '+');
        let mut digits = 0;
        for letter in text.chars() {
            digits = match letter {
                letter if letter.is_ascii_digit() => digits + 1,
                letter if is_between(letter) => digits,
                _ => 0,
            };
            if digits >= DIGITS_OF_A_NUMBER && !is_day(&text) {
                return Err(BadReason::Number);
            }
        }
        Ok(Reason(text))
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the only long number in a text is a day, such as 2026-11-22.
fn is_day(text: &str) -> bool {
    let long = |word: &&str| word.chars().filter(char::is_ascii_digit).count() >= DIGITS_OF_A_NUMBER;
    let day = |word: &str| {
        let word = word.trim_matches(|letter: char| !letter.is_ascii_digit());
        word.parse::<jiff::civil::Date>().is_ok()
    };
    let mut words = text.split(' ').filter(long).peekable();
    words.peek().is_some() && words.all(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_and_a_day_are_reasons() {
        for text in ["legal hold, case 4711", "asked by counsel on 2026-11-22", "Rechtsstreit 12/2026"] {
            assert_eq!(Reason::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Reason::parse("  two\n lines ").unwrap().as_str(), "two lines");
    }

    #[test]
    fn what_looks_like_an_identifier_is_no_reason() {
        assert_eq!(Reason::parse("a@example.com sued us"), Err(BadReason::Address));
        assert_eq!(Reason::parse("call +1 555 777 0001"), Err(BadReason::Number));
        assert_eq!(Reason::parse("customer 12345678"), Err(BadReason::Number));
        assert_eq!(Reason::parse(" "), Err(BadReason::Empty));
        assert_eq!(Reason::parse(&"x".repeat(301)), Err(BadReason::TooLong));
    }
}

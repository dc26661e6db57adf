//! A word of our own: the name of a workflow or a job, a reason, a code.
//!
//! It is the only text that a message can hold, so that none can hold a person's. What does not look
//! like such a word becomes `other`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest word; names of workflows and codes are far shorter.
const MOST_BYTES: usize = 64;

/// Lower-case letters, digits, `-`, `_` and `.`, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Word(String);

impl Word {
    /// The word of a text, or `other`.
    pub fn of(text: &str) -> Word {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let is_word = text.len() <= MOST_BYTES
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(fits);
        Word(if is_word { text.to_owned() } else { "other".to_owned() })
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// A book that somebody wrote into must not bring other words in.
impl From<String> for Word {
    fn from(text: String) -> Word {
        Word::of(&text)
    }
}

impl From<Word> for String {
    fn from(word: Word) -> String {
        word.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_be_a_persons_is_a_word() {
        for word in ["user-deletion", "job-12", "needs_attention", "users.delete"] {
            assert_eq!(Word::of(word).as_str(), word);
        }
        for text in ["ada@example.com", "Ada", "ada lovelace", "+15551234567", "15551234567", "", "é", "a\nb"]
        {
            assert_eq!(Word::of(text).as_str(), "other", "{text}");
        }
        assert_eq!(serde_json::from_str::<Word>("\"ada@example.com\"").unwrap().as_str(), "other");
    }
}

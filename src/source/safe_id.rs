//! How the id of a record may be written where people and machines read it.
//!
//! Ids come from outside and may hold an e-mail address, so only a plain pattern is shown as it
//! stands; anything else becomes a digest, the same for the same id.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// Longest id shown as it stands, in bytes.
const LONGEST: usize = 128;

/// The id itself if it is plain (`[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`, so without `@`), else
/// `sha256:` and the first twelve hexadecimal digits of its digest.
pub fn safe_id(id: &str) -> Cow<'_, str> {
    if is_plain(id.as_bytes()) {
        return Cow::Borrowed(id);
    }
    let digest = Sha256::digest(id.as_bytes());
    let mut text = String::from("sha256:");
    for byte in digest.iter().take(6) {
        text.push_str(&format!("{byte:02x}"));
    }
    Cow::Owned(text)
}

fn is_plain(id: &[u8]) -> bool {
    let Some((first, rest)) = id.split_first() else { return false };
    first.is_ascii_alphanumeric()
        && rest.len() < LONGEST
        && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_is_shown_as_it_stands() {
        let longest = "a".repeat(128);

        assert_eq!(safe_id("SL244HWD6D:7f3c"), "SL244HWD6D:7f3c");
        assert_eq!(safe_id(&longest), longest.as_str());
    }

    #[test]
    fn any_other_id_becomes_a_short_digest() {
        let shown = safe_id("jane@example.com");

        assert_eq!(shown.len(), "sha256:".len() + 12);
        assert!(shown.starts_with("sha256:"));
        assert_eq!(shown, safe_id("jane@example.com"));
        assert_ne!(shown, safe_id("john@example.com"));
        for id in ["", "-a", "a b", "ä", &"a".repeat(129), "a/b", "a\n"] {
            assert!(safe_id(id).starts_with("sha256:"), "{id:?}");
        }
    }
}

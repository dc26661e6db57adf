//! Tokens that lead to the next page of a feed: opaque JSON text, to be sent back as it is.
//!
//! A token names the last row that was given by what rows are sorted by, so rows that come or go between
//! two pages neither repeat others nor push them out. It is good for the filters it was made with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::reply::Refusal;

/// What rows are sorted by: a moment or nothing, then a number of their own.
pub(super) type Place = (i64, u64);

/// The token of the last row of a page.
pub(super) fn token((primary, own): Place, filters: u64) -> String {
    let place = format!("{primary}:{own:x}:{filters:x}");
    json!({ "compositeToken": STANDARD.encode(place) }).to_string()
}

/// The row that a token names.
pub(super) fn place(token: &str, filters: u64) -> Result<Place, Refusal> {
    let read = || {
        let value: Value = serde_json::from_str(token).ok()?;
        let text = String::from_utf8(STANDARD.decode(value["compositeToken"].as_str()?).ok()?).ok()?;
        let mut parts = text.split(':');
        let primary = parts.next()?.parse().ok()?;
        let own = u64::from_str_radix(parts.next()?, 16).ok()?;
        (u64::from_str_radix(parts.next()?, 16).ok()? == filters).then_some((primary, own))
    };
    read().ok_or_else(|| Refusal::bad("requestContinuation is not a token of this feed and these filters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_row_under_its_own_filters_only() {
        let text = token((-5, 77), 9);

        assert_eq!(place(&text, 9), Ok((-5, 77)));
        assert!(place(&text, 8).is_err());
        assert!(place("x", 9).is_err());
    }
}

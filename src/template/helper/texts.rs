//! Texts, digests, lists and identifiers.

use std::fmt::Write as _;

use ::hmac::{Hmac, KeyInit, Mac};
use phonenumber::{Mode, country};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::given::{Given, append};
use crate::template::RenderError;
use crate::template::text::as_text;

type Answer = Result<Value, RenderError>;

/// The value as JSON text.
pub(super) fn json(given: &Given<'_>) -> Answer {
    Ok(given.value(0).to_string().into())
}

pub(super) fn lower(given: &Given<'_>) -> Answer {
    Ok(given.text(0)?.to_lowercase().into())
}

pub(super) fn upper(given: &Given<'_>) -> Answer {
    Ok(given.text(0)?.to_uppercase().into())
}

pub(super) fn trim(given: &Given<'_>) -> Answer {
    Ok(given.text(0)?.trim().into())
}

pub(super) fn concat(given: &Given<'_>) -> Answer {
    let mut text = String::new();
    for place in 0..given.values.len() {
        append(&mut text, &given.text(place)?)?;
    }
    Ok(text.into())
}

/// Every occurrence of the second in the first becomes the third.
pub(super) fn replace(given: &Given<'_>) -> Answer {
    let (whole, from, to) = (given.text(0)?, given.text(1)?, given.text(2)?);
    if from.is_empty() {
        return Err(given.refuse("the text to replace is empty"));
    }
    let mut text = String::new();
    for (number, piece) in whole.split(from.as_ref()).enumerate() {
        if number > 0 {
            append(&mut text, &to)?;
        }
        append(&mut text, piece)?;
    }
    Ok(text.into())
}

/// One member of every map of a list.
pub(super) fn pluck(given: &Given<'_>) -> Answer {
    let key = given.text(1)?;
    let values: Option<Vec<Value>> =
        given.list(0)?.iter().map(|item| item.as_object()?.get(key.as_ref()).cloned()).collect();
    match values {
        Some(values) => Ok(values.into()),
        None => Err(RenderError::Missing { path: format!("pluck {} {}", given.name(0), given.name(1)) }),
    }
}

pub(super) fn join(given: &Given<'_>) -> Answer {
    let between = given.text(1)?;
    let mut text = String::new();
    for (number, item) in given.list(0)?.iter().enumerate() {
        if number > 0 {
            append(&mut text, &between)?;
        }
        append(&mut text, &as_text(item, given.name(0))?)?;
    }
    Ok(text.into())
}

pub(super) fn sha256(given: &Given<'_>) -> Answer {
    Ok(hexadecimal(&Sha256::digest(given.text(0)?.as_bytes())).into())
}

/// HMAC-SHA-256; the key comes first.
pub(super) fn hmac(given: &Given<'_>) -> Answer {
    let (key, text) = (given.text(0)?, given.text(1)?);
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|_| given.refuse(format!("`{}` cannot be a key", given.name(0))))?;
    mac.update(text.as_bytes());
    Ok(hexadecimal(&mac.finalize().into_bytes()).into())
}

/// A phone number as `+15551234567`; the second argument is the country of national numbers.
pub(super) fn e164(given: &Given<'_>) -> Answer {
    let country = match given.values.len() {
        0 | 1 => None,
        _ => {
            let code = given.text(1)?;
            let unknown = |_| given.refuse(format!("`{}` is no two-letter country code", given.name(1)));
            Some(code.parse::<country::Id>().map_err(unknown)?)
        }
    };
    let number = phonenumber::parse(country, given.text(0)?).ok().filter(|number| number.is_valid());
    match number {
        Some(number) => Ok(number.format().mode(Mode::E164).to_string().into()),
        None => Err(given.refuse(format!("`{}` is no valid phone number", given.name(0)))),
    }
}

/// An identifier that is the same when the run is carried out again.
pub(super) fn uuid(given: &Given<'_>) -> Answer {
    Ok(given.extra.next_uuid().to_string().into())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a `String` cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

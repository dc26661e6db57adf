//! Whether a caller has shown who it is: tokens, passwords and signatures, compared in constant time.
//!
//! Both sides are digested before they are compared, so that neither content nor length can be found
//! out by timing. A header that stands twice proves nothing: nobody knows which one others look at.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use hmac::{KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{Auth, Encoding, Hmac, Signed};
use crate::secret::Secret;

/// Why a call is not let in. Callers are told nothing of it but that it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unproved {
    /// No header with a proof, or one that cannot be read.
    #[error("no proof in the call")]
    Missing,
    /// Not what was expected.
    #[error("wrong secret or signature")]
    Wrong,
    /// The time of the signature is missing, unreadable or too far from now.
    #[error("the time of the signature is missing or not near enough to now")]
    Time,
}

/// Checks what stands in headers alone; a signature needs the body and is checked by [`signed`].
pub(super) fn shown(auth: &Auth, headers: &HeaderMap, secret: &Secret) -> Result<(), Unproved> {
    let presented = match auth {
        Auth::Nobody | Auth::Hmac(_) => return Ok(()),
        Auth::Bearer(_) => scheme(headers, "bearer")?.as_bytes().to_vec(),
        Auth::Header { name, .. } => only(headers, name)?.to_vec(),
        Auth::Basic { username, .. } => {
            let given = decode_base64(scheme(headers, "basic")?).ok_or(Unproved::Missing)?;
            let expected = zeroize::Zeroizing::new(format!("{username}:{}", secret.expose()));
            return is_same(&given, expected.as_bytes());
        }
    };
    is_same(&presented, secret.expose().as_bytes())
}

/// Checks the signature over a body; `now_ms` is the wall clock.
pub(super) fn signed(
    hmac: &Hmac,
    headers: &HeaderMap,
    body: &[u8],
    secret: &Secret,
    now_ms: i64,
) -> Result<(), Unproved> {
    let written = only(headers, &hmac.header)?;
    let written = std::str::from_utf8(written).map_err(|_| Unproved::Missing)?;
    let written = written.strip_prefix(hmac.prefix.as_str()).ok_or(Unproved::Missing)?;
    let signature = match hmac.encoding {
        Encoding::Hex => decode_hex(written),
        Encoding::Base64 => decode_base64(written),
    };
    let signature = signature.ok_or(Unproved::Missing)?;
    let mut mac =
        hmac::Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| Unproved::Wrong)?;
    if let Some(signed) = &hmac.timestamp {
        let time = only(headers, &signed.header).map_err(|_| Unproved::Time)?;
        for part in &signed.before_body {
            mac.update(part.as_ref().map_or(time, |text| text.as_bytes()));
        }
        mac.update(body);
        is_same(&signature, &mac.finalize().into_bytes())?;
        return is_near(signed, time, now_ms);
    }
    mac.update(body);
    is_same(&signature, &mac.finalize().into_bytes())
}

fn is_same(given: &[u8], expected: &[u8]) -> Result<(), Unproved> {
    let is_same = Sha256::digest(given).ct_eq(&Sha256::digest(expected));
    if bool::from(is_same) { Ok(()) } else { Err(Unproved::Wrong) }
}

/// The value of a header that stands exactly once.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h [u8], Unproved> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        _ => Err(Unproved::Missing),
    }
}

/// What follows a scheme in `Authorization`; schemes are the same in any case (RFC 9110, 11.1).
fn scheme<'h>(headers: &'h HeaderMap, scheme: &str) -> Result<&'h str, Unproved> {
    let value = std::str::from_utf8(only(headers, AUTHORIZATION.as_str())?).map_err(|_| Unproved::Missing)?;
    match value.split_once(' ') {
        Some((given, rest)) if given.eq_ignore_ascii_case(scheme) => Ok(rest.trim_start_matches(' ')),
        _ => Err(Unproved::Missing),
    }
}

/// Whether the time of a signature is near enough to now.
fn is_near(signed: &Signed, time: &[u8], now_ms: i64) -> Result<(), Unproved> {
    let time = std::str::from_utf8(time).ok().and_then(moment_ms).ok_or(Unproved::Time)?;
    let tolerance = u64::try_from(signed.tolerance.as_millis()).unwrap_or(u64::MAX);
    if now_ms.abs_diff(time) <= tolerance { Ok(()) } else { Err(Unproved::Time) }
}

/// Milliseconds since 1970, from seconds, milliseconds or RFC 3339.
fn moment_ms(written: &str) -> Option<i64> {
    let written = written.trim();
    if !written.is_empty() && written.len() <= 15 && written.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = written.parse().ok()?;
        // Seconds have eleven digits in three thousand years; milliseconds had twelve in 1973.
        return if written.len() <= 11 { number.checked_mul(1000) } else { Some(number) };
    }
    written.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

fn decode_hex(written: &str) -> Option<Vec<u8>> {
    let bytes = written.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    bytes
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// Either alphabet, with or without padding.
fn decode_base64(written: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let written = written.trim();
    let alphabet = if written.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, config).decode(written).ok()
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;

//! Proofs, right and wrong in every way; signatures against the vectors of RFC 4231.

use std::time::Duration;

use super::*;
use crate::config::Token;

/// RFC 4231, test case 2.
const BODY: &[u8] = b"what do ya want for nothing?";
const HEX: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
const BASE64: &str = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
const KEY: &str = "Jefe";

fn secret(value: &str) -> Secret {
    Secret::new(value.to_owned())
}

fn token() -> Token {
    Token::fixed(secret("unused"))
}

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn hmac(encoding: Encoding, prefix: &str, timestamp: Option<&[Option<&str>]>) -> Hmac {
    let timestamp = timestamp.map(|before| Signed {
        header: "x-time".to_owned(),
        tolerance: Duration::from_secs(300),
        before_body: before.iter().map(|part| part.map(str::to_owned)).collect(),
    });
    Hmac { secret: token(), header: "x-signature".to_owned(), encoding, prefix: prefix.to_owned(), timestamp }
}

fn check(hmac: &Hmac, list: &[(&'static str, &str)]) -> Result<(), Unproved> {
    signed(hmac, &headers(list), BODY, &secret(KEY), 1_700_000_000_000)
}

#[test]
fn a_signature_is_known_in_either_encoding_and_spelling() {
    let unpadded = BASE64.trim_end_matches('=');
    for (encoding, written) in [
        (Encoding::Hex, HEX.to_owned()),
        (Encoding::Hex, HEX.to_uppercase()),
        (Encoding::Base64, BASE64.to_owned()),
        (Encoding::Base64, unpadded.to_owned()),
    ] {
        assert_eq!(check(&hmac(encoding, "", None), &[("x-signature", &written)]), Ok(()), "{written}");
    }
    let prefixed = format!("sha256={HEX}");
    assert_eq!(check(&hmac(Encoding::Hex, "sha256=", None), &[("x-signature", &prefixed)]), Ok(()));
}

#[test]
fn long_keys_and_binary_bodies_sign_as_the_standard_says() {
    // RFC 4231, test cases 1 and 6; their keys are the bytes 0b and aa, which no header carries, so the
    // same function is asked of `hmac` with keys of text and compared with digests made elsewhere.
    let key = "k".repeat(131);
    let expected = {
        // HMAC(K, m) = H((K' ^ opad) || H((K' ^ ipad) || m)), K' = H(K) for keys longer than a block.
        let mut block = [0_u8; 64];
        block[..32].copy_from_slice(&Sha256::digest(key.as_bytes()));
        let pad = |byte: u8| block.map(|key| key ^ byte);
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update([0, 255, 10]).finalize();
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize()
    };
    let written: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = headers(&[("x-signature", &written)]);

    let checked = signed(&hmac(Encoding::Hex, "", None), &headers, &[0, 255, 10], &secret(&key), 0);

    assert_eq!(checked, Ok(()));
}

#[test]
fn a_wrong_signature_of_any_kind_is_no_proof() {
    let plain = hmac(Encoding::Hex, "", None);
    let prefixed = hmac(Encoding::Hex, "sha256=", None);
    let other = HEX.replace('5', "6");
    let long = format!("{HEX}00");
    for (hmac, list, expected) in [
        (&plain, vec![], Unproved::Missing),
        (&plain, vec![("x-signature", "")], Unproved::Wrong),
        (&plain, vec![("x-signature", other.as_str())], Unproved::Wrong),
        (&plain, vec![("x-signature", &HEX[..62])], Unproved::Wrong),
        (&plain, vec![("x-signature", &HEX[..63])], Unproved::Missing),
        (&plain, vec![("x-signature", long.as_str())], Unproved::Wrong),
        (&plain, vec![("x-signature", BASE64)], Unproved::Missing),
        (&plain, vec![("x-signature", HEX), ("x-signature", HEX)], Unproved::Missing),
        (&prefixed, vec![("x-signature", HEX)], Unproved::Missing),
    ] {
        assert_eq!(check(hmac, &list), Err(expected), "{list:?}");
    }
    let wrong_key = signed(&plain, &headers(&[("x-signature", HEX)]), BODY, &secret("Jefé"), 0);
    assert_eq!(wrong_key, Err(Unproved::Wrong));
    let wrong_body = signed(&plain, &headers(&[("x-signature", HEX)]), b"nothing", &secret(KEY), 0);
    assert_eq!(wrong_body, Err(Unproved::Wrong));
}

/// The signature of a text that stands before the body, by the standard library of hashes alone.
fn signature(before: &str) -> String {
    let mut mac = hmac::Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(before.as_bytes());
    mac.update(BODY);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_time_is_read_as_seconds_milliseconds_or_a_date_and_must_be_near() {
    for time in ["1700000000", "1699999701", "1700000300", "1700000000000", "2023-11-14T22:13:20Z"] {
        let signature = signature(&format!("v0:{time}:"));
        let hmac = hmac(Encoding::Hex, "", Some(&[Some("v0:"), None, Some(":")]));
        assert_eq!(check(&hmac, &[("x-signature", &signature), ("x-time", time)]), Ok(()), "{time}");
    }
    for time in ["1699999699", "1700000301", "0", "-1", "", "now", "1e9", "2023-11-14", "99999999999999999"] {
        let signature = signature(&format!("v0:{time}:"));
        let hmac = hmac(Encoding::Hex, "", Some(&[Some("v0:"), None, Some(":")]));
        let checked = check(&hmac, &[("x-signature", &signature), ("x-time", time)]);
        assert_eq!(checked, Err(Unproved::Time), "{time}");
    }
}

#[test]
fn a_time_that_was_not_signed_or_stands_twice_is_no_proof() {
    let signed_at = signature("1699999000.");
    let hmac = hmac(Encoding::Hex, "", Some(&[None, Some(".")]));
    for (list, expected) in [
        (vec![("x-signature", signed_at.as_str()), ("x-time", "1700000000")], Unproved::Wrong),
        (vec![("x-signature", signed_at.as_str())], Unproved::Time),
        (vec![("x-signature", &signed_at), ("x-time", "1"), ("x-time", "1")], Unproved::Time),
    ] {
        assert_eq!(check(&hmac, &list), Err(expected), "{list:?}");
    }
}

#[test]
fn a_token_must_be_the_whole_value_of_its_only_header() {
    let bearer = Auth::Bearer(token());
    let header = Auth::Header { name: "x-key".to_owned(), value: token() };
    let s = secret("s3cret");
    for good in ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret"] {
        assert_eq!(shown(&bearer, &headers(&[("authorization", good)]), &s), Ok(()), "{good}");
    }
    for bad in
        ["s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Basic s3cret", "Bearer S3CRET"]
    {
        assert!(shown(&bearer, &headers(&[("authorization", bad)]), &s).is_err(), "{bad}");
    }
    let twice = headers(&[("authorization", "Bearer s3cret"), ("authorization", "Bearer s3cret")]);
    assert_eq!(shown(&bearer, &twice, &s), Err(Unproved::Missing));
    assert_eq!(shown(&header, &headers(&[("x-key", "s3cret")]), &s), Ok(()));
    assert_eq!(shown(&header, &headers(&[("x-key", "s3cret2")]), &s), Err(Unproved::Wrong));
    assert_eq!(shown(&header, &headers(&[]), &s), Err(Unproved::Missing));
}

#[test]
fn basic_needs_the_name_and_the_password() {
    let basic = Auth::Basic { username: "onetrust".to_owned(), password: token() };
    let given = |text: &str| {
        let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
        shown(&basic, &headers(&[("authorization", &value)]), &secret("pä:ss"))
    };
    assert_eq!(given("onetrust:pä:ss"), Ok(()));
    for wrong in ["onetrust:pä:s", "OneTrust:pä:ss", "onetrust", ":pä:ss", ""] {
        assert_eq!(given(wrong), Err(Unproved::Wrong), "{wrong}");
    }
    assert_eq!(
        shown(&basic, &headers(&[("authorization", "Basic %%%")]), &secret("x")),
        Err(Unproved::Missing)
    );
}

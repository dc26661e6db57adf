//! Arguments of a GET, as they stand in an address.
//!
//! Everything but unreserved characters is percent-encoded: a raw `+` in a phone number would be read
//! as a space.

use serde_json::Value;

/// Percent-encodes one value of a query.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.extend(['%', hex(byte >> 4), hex(byte & 15)]),
        }
    }
    out
}

fn hex(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase()
}

/// Appends `name=value`, or `name[]=value` for each item of a longer list.
pub(super) fn append(out: &mut Vec<u8>, name: &str, value: &Value) {
    match value {
        Value::Array(items) => {
            let encoded: Vec<String> = items.iter().map(text).collect();
            pairs(out, name, encoded.iter().map(String::as_bytes));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            pairs(out, name, [text(value).as_bytes()].into_iter());
        }
    }
}

/// Appends encoded values of one argument.
pub(super) fn pairs<'v>(out: &mut Vec<u8>, name: &str, values: impl ExactSizeIterator<Item = &'v [u8]>) {
    let list: &[u8] = if values.len() > 1 { b"[]=" } else { b"=" };
    for value in values {
        if !out.is_empty() && !out.ends_with(b"?") {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(list);
        out.extend_from_slice(value);
    }
}

/// One value, encoded.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => encode(text),
        other => encode(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn a_plus_a_space_and_an_accent_travel_as_themselves() {
        assert_eq!(encode("+1 555&é"), "%2B1%20555%26%C3%A9");
        assert_eq!(encode("a-b.c_d~9"), "a-b.c_d~9");
    }
}

//! Many numbered texts as one, packed by what differs: entries of the ledger.
//!
//! ```text
//! how many │ length │ digests │ how many bytes │ deflate( templates │ which │ numbers │ moments │ columns )
//! ```
//!
//! One entry is much like another: only numbers and digests differ. A text is taken apart into a template with
//! places and what stands in them. A place has a column of what stands there in all texts of its template: a
//! number as its distance from the one before, which is mostly the same again, so that little is left of it; a
//! digest as the bytes that its hexadecimal digits stand for, which nothing makes smaller. What is put together
//! again is the same to the byte: a run of digits becomes a number only where it can be written in one way.

use super::bytes::{Input, put_bytes, put_signed, put_varint};
use super::pack::{MOST, deflated, put_deflated, summed};
use super::{CodecError, Packed};

/// Bytes of texts that a reader believes in, and a writer stays below by far.
const MOST_BYTES: usize = 16 << 20;

/// Bytes of a template that stand for a place; no JSON has them. A text that does is a template by itself.
const NUMBER: u8 = 0;
/// A number of so many digits, with zeros in front; the count follows.
const PADDED: u8 = 1;
/// So many bytes in twice as many hexadecimal digits; the count follows.
const DIGEST: u8 = 2;
/// The next byte stands for itself.
const ITSELF: u8 = 3;

/// Digits of a number at most, and of a digest at least and at most.
const MOST_DIGITS: usize = 18;
const LEAST_DIGEST: usize = 16;
const MOST_DIGEST: usize = 128;

/// What stands in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part<'t> {
    Number(i64),
    Digest(&'t [u8]),
}

/// Takes a text apart.
fn template_of<'t>(text: &'t [u8], template: &mut Vec<u8>, parts: &mut Vec<Part<'t>>) {
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        let hex = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
        let digest = hex.min(MOST_DIGEST) & !1;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let length = if digest >= LEAST_DIGEST {
            template.extend([DIGEST, (digest / 2) as u8]);
            digest
        } else if (1..=MOST_DIGITS).contains(&digits) {
            // Two or three digits are mostly those of a clock: one template for all minutes.
            let is_padded = matches!(digits, 2 | 3) || digits > 1 && byte == b'0';
            match is_padded {
                true => template.extend([PADDED, digits as u8]),
                false => template.push(NUMBER),
            }
            digits
        } else {
            // All that is no number and no digest stands for itself.
            digits.max(1)
        };
        let (part, behind) = rest.split_at(length.min(rest.len()));
        if digest >= LEAST_DIGEST {
            parts.push(Part::Digest(part));
        } else if (1..=MOST_DIGITS).contains(&digits) {
            let add = |number: i64, digit: &u8| number * 10 + i64::from(digit - b'0');
            parts.push(Part::Number(part.iter().fold(0, add)));
        } else {
            for &byte in part {
                if byte <= ITSELF {
                    template.push(ITSELF);
                }
                template.push(byte);
            }
        }
        rest = behind;
    }
}

/// A template with its columns, while texts are packed.
struct Columns {
    template: Vec<u8>,
    /// Of each place that is a number: its column, and the number that stood there last.
    numbers: Vec<(Vec<u8>, i64)>,
}

/// Packs texts behind what `out` already holds.
pub(in crate::journal) fn pack_texts(texts: &[Packed], out: &mut Vec<u8>) {
    let mut all: Vec<Columns> = Vec::new();
    let (mut which, mut numbers, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    let mut digests = Vec::new();
    let (mut id, mut at_ms, mut last) = (0_i64, 0_i64, 0);
    let (mut template, mut parts) = (Vec::new(), Vec::new());
    for text in texts {
        template.clear();
        parts.clear();
        template_of(&text.body, &mut template, &mut parts);
        let index = match all.get(last).filter(|columns| columns.template == template) {
            Some(_) => last,
            None => all.iter().position(|columns| columns.template == template).unwrap_or_else(|| {
                let count = parts.iter().filter(|part| matches!(part, Part::Number(_))).count();
                all.push(Columns { template: template.clone(), numbers: vec![(Vec::new(), 0); count] });
                all.len() - 1
            }),
        };
        last = index;
        put_varint(index as u64, &mut which);
        put_signed(text.id.wrapping_sub(id), &mut numbers);
        put_signed(text.at_ms.wrapping_sub(at_ms), &mut moments);
        (id, at_ms) = (text.id, text.at_ms);
        let mut columns = all.get_mut(index).into_iter().flat_map(|columns| &mut columns.numbers);
        for part in &parts {
            match part {
                Part::Number(number) => {
                    if let Some((column, before)) = columns.next() {
                        put_signed(number.wrapping_sub(*before), column);
                        *before = *number;
                    }
                }
                Part::Digest(digits) => digests.extend(digits.chunks(2).map(byte_of)),
            }
        }
    }
    let mut plain = Vec::new();
    put_varint(all.len() as u64, &mut plain);
    all.iter().for_each(|columns| put_bytes(&columns.template, &mut plain));
    for stream in [&which, &numbers, &moments] {
        plain.extend_from_slice(stream);
    }
    for (column, _) in all.iter().flat_map(|columns| &columns.numbers) {
        plain.extend_from_slice(column);
    }
    put_varint(texts.len() as u64, out);
    put_bytes(&digests, out);
    put_deflated(&plain, out);
}

/// Reads what [`pack_texts`] wrote.
pub(in crate::journal) fn unpack_texts(packed: &[u8]) -> Result<Vec<Packed>, CodecError> {
    let mut input = Input::new(packed);
    let count: usize = input.number()?;
    let mut digests = Input::new(input.bytes()?);
    let plain = deflated(&mut input)?;
    let mut input = Input::new(&plain);
    let templates = input.count(1)?;
    let templates = (0..templates).map(|_| input.bytes()).collect::<Result<Vec<_>, _>>()?;
    if count > input.left().min(MOST) {
        return Err(CodecError::CutOff);
    }
    let which = (0..count).map(|_| input.number::<usize>()).collect::<Result<Vec<_>, _>>()?;
    let numbers = summed(count, &mut input)?;
    let moments = summed(count, &mut input)?;
    let mut columns = Vec::with_capacity(templates.len());
    let mut uses = vec![0_usize; templates.len()];
    for index in &which {
        *uses.get_mut(*index).ok_or(CodecError::NotValid("template"))? += 1;
    }
    for (template, uses) in templates.iter().zip(&uses) {
        let places = places_of(template)?;
        let of_template = (0..places).map(|_| summed(*uses, &mut input)).collect::<Result<Vec<_>, _>>()?;
        columns.push((0_usize, of_template));
    }
    input.end()?;
    let (mut texts, mut bytes) = (Vec::with_capacity(count), 0);
    for ((index, id), at_ms) in which.into_iter().zip(numbers).zip(moments) {
        let (template, (used, columns)) =
            templates.get(index).zip(columns.get_mut(index)).ok_or(CodecError::NotValid("template"))?;
        let body = put_together(template, columns, *used, &mut digests)?;
        *used += 1;
        bytes += body.len();
        if bytes > MOST_BYTES {
            return Err(CodecError::NotValid("length"));
        }
        texts.push(Packed { id, at_ms, body });
    }
    digests.end()?;
    Ok(texts)
}

/// How many places of a template are numbers.
fn places_of(template: &[u8]) -> Result<usize, CodecError> {
    let (mut rest, mut places) = (Input::new(template), 0);
    while rest.left() > 0 {
        match rest.byte()? {
            NUMBER => places += 1,
            PADDED => {
                rest.byte()?;
                places += 1;
            }
            DIGEST | ITSELF => drop(rest.byte()?),
            _ => {}
        }
    }
    Ok(places)
}

/// A text of a template, with what stands in the columns for it.
fn put_together(
    template: &[u8],
    columns: &[Vec<i64>],
    row: usize,
    digests: &mut Input<'_>,
) -> Result<Vec<u8>, CodecError> {
    let mut body = Vec::with_capacity(template.len() * 2);
    let mut rest = Input::new(template);
    let mut columns = columns.iter();
    let mut number = || {
        let column = columns.next().and_then(|column| column.get(row));
        column.copied().ok_or(CodecError::NotValid("number"))
    };
    while rest.left() > 0 {
        match rest.byte()? {
            NUMBER => body.extend_from_slice(number()?.to_string().as_bytes()),
            PADDED => {
                let digits = usize::from(rest.byte()?);
                body.extend_from_slice(format!("{:0digits$}", number()?).as_bytes());
            }
            DIGEST => {
                for _ in 0..rest.byte()? {
                    let byte = digests.byte()?;
                    body.extend([byte >> 4, byte & 15].map(|half| b"0123456789abcdef"[usize::from(half)]));
                }
            }
            ITSELF => body.push(rest.byte()?),
            byte => body.push(byte),
        }
    }
    Ok(body)
}

/// The byte of two hexadecimal digits.
fn byte_of(digits: &[u8]) -> u8 {
    let half = |digit: &u8| if digit.is_ascii_digit() { digit - b'0' } else { digit.wrapping_sub(b'a') + 10 };
    digits.iter().fold(0, |byte, digit| byte << 4 | half(digit) & 15)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn packed(texts: &[Packed]) -> Vec<u8> {
        let mut out = Vec::new();
        pack_texts(texts, &mut out);
        out
    }

    fn numbered(bodies: Vec<Vec<u8>>) -> Vec<Packed> {
        let text = |(id, body): (i64, Vec<u8>)| Packed { id, at_ms: 1_800_000_000_000 + id / 7, body };
        (1..).zip(bodies).map(text).collect()
    }

    proptest! {
        #[test]
        fn every_text_comes_back_to_the_byte(
            texts in vec(prop_oneof![
                vec(any::<u8>(), 0..60),
                "[0-9a-f\":,]{0,80}".prop_map(String::into_bytes),
                "(00|0|7|007|[0-9]{1,24}|[0-9a-f]{14,18}|x|-|\u{1}|é){0,9}".prop_map(String::into_bytes),
            ], 0..20),
            at: prop::sample::Index, to: u8,
        ) {
            let texts = numbered(texts);

            let bytes = packed(&texts);

            prop_assert_eq!(unpack_texts(&bytes), Ok(texts));
            prop_assert!(unpack_texts(&bytes[..bytes.len() - 1]).is_err());
            prop_assert!(unpack_texts(&[bytes.as_slice(), b"x"].concat()).is_err());
            let mut damaged = bytes.clone();
            damaged[at.index(bytes.len())] = to;
            drop(unpack_texts(&damaged));
        }

        #[test]
        fn noise_never_panics(noise in vec(any::<u8>(), 0..200)) {
            drop(unpack_texts(&noise));
        }
    }

    #[test]
    fn an_entry_about_one_person_takes_its_digests_and_a_few_bytes() {
        use sha2::{Digest, Sha256};
        let entry = |seq: u64| {
            let digest = crate::ledger::to_hex(&Sha256::digest(seq.to_le_bytes()));
            let (request, subject) = digest.split_at(32);
            let (minute, second, milli) = (seq / 60 % 60, seq % 60, seq * 3 % 1000);
            let text = format!(
                r#"{{"seq":{seq},"at":"2026-11-22T17:25:58.{milli:03}Z","fact":"planned","job":"job-1","batch":{seq},"runs":["job-1:{seq}"],"asked":[{{"request":"{request}","subject":["{subject}"],"received_at":"2026-11-20T10:{minute:02}:{second:02}Z"}}]}}"#
            );
            text.into_bytes()
        };

        let bytes = packed(&numbered((100_000..102_000).map(entry).collect())).len();

        assert!(bytes < 2000 * 35, "{bytes} bytes");
    }
}

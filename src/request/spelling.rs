//! How one address, or one number, is written so that it can be compared, however people wrote it.
//!
//! The rules have versions. A newer one finds more spellings equal and never fewer; keys that were kept under an
//! older version are looked for in both, see `plan::PersonKey::before`. No rule makes equal what a
//! mail or phone system holds apart: dots and a plus in an address are kept, and a number without a sign that
//! says it is international counts as one only if it can be nothing else.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use phonenumber::Mode;

/// The version of these rules: 2 took more ways to write an address or number for the same, 3 letters of an address
/// with marks on them however they are put together.
pub const VERSION: u32 = 3;

/// Digits of a whole international number, without its plus (ITU-T E.164); shorter ones, which a country may give
/// out itself, only if their beginning and length are those of a country.
const WHOLE: std::ops::RangeInclusive<usize> = 11..=15;
const PERHAPS_WHOLE: std::ops::RangeInclusive<usize> = 8..=10;

/// An address: spaces around it, characters that nobody sees, a dot behind it and full width do not count, nor does
/// case (as far as small letters go: Unicode's lower case, which holds `ß` and `ss` apart), nor how a domain in other letters is written, nor whether a letter and the marks on it are one character or
/// several (Unicode, canonical equivalence): keyboards and systems differ in that, and nobody sees it.
pub fn address(value: &str) -> Cow<'_, str> {
    // Marks last: a letter and its mark may be one character in small letters and only there.
    match second::address(value) {
        plain if plain.is_ascii() => plain,
        marked => Cow::Owned(composed(&marked)),
    }
}

/// What versions from this one on kept an address as, and the newest does not. It may have been spelled in another way
/// when it was kept, so that each way to put letters and marks together counts. Nothing for most addresses.
pub fn addresses_before(value: &str, since: u32) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    if value.is_ascii() {
        // The second and the third version agree.
        if since < 2 {
            let (now, first) = (address(value), first::address(value));
            found.extend((now != first).then(|| first.into_owned()));
        }
        return found;
    }
    let now = address(value);
    let mut note = |kept: Cow<'_, str>| {
        if *kept != *now && !found.iter().any(|known| *known == *kept) {
            found.push(kept.into_owned());
        }
    };
    let spellings = [composed(value), decomposed(value), with_capitals(value)].map(Cow::Owned);
    for spelled in std::iter::once(Cow::Borrowed(value)).chain(spellings) {
        note(second::address(&spelled));
        if since < 2 {
            note(first::address(&spelled));
        }
    }
    found
}

/// What versions from this one on kept a number as, and the newest does not. Nothing for most numbers.
pub fn numbers_before(value: &str, since: u32) -> Vec<String> {
    if since >= 2 {
        return Vec::new();
    }
    let (now, first) = (number(value), first::number(value));
    Vec::from_iter((now != first).then(|| first.into_owned()))
}

/// Each letter with its marks as one character, where there is one (Unicode Standard Annex 15, form C).
fn composed(text: &str) -> String {
    const { ComposingNormalizerBorrowed::new_nfc() }.normalize(text).into_owned()
}

/// Letters and their marks apart (form D).
fn decomposed(text: &str) -> String {
    const { DecomposingNormalizerBorrowed::new_nfd() }.normalize(text).into_owned()
}

/// The letters whose capitals have a mark apart that they have not themselves, as those: `ΐ` as `Ϊ` and a mark. That
/// mark stays apart in lower case.
fn with_capitals(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    for letter in composed(text).chars() {
        let apart = decomposed(letter.encode_utf8(&mut [0; 4]));
        let capital = apart.to_uppercase();
        match capital.to_lowercase() == apart.to_lowercase() && apart.chars().nth(1).is_some() {
            true => spelled.push_str(&composed(&capital)),
            false => spelled.push(letter),
        }
    }
    spelled
}

/// A phone number in E.164: what stands between its digits does not count, nor whether it begins with a plus, with
/// `00`, or, where it can be nothing else, with neither. What is no number stays as it is.
pub fn number(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    if value.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Cow::Borrowed(value);
    }
    let seen: String = value.chars().filter(|letter| !is_unseen(*letter)).map(narrow).collect();
    let seen = seen.trim();
    if !seen.chars().all(|letter| letter.is_ascii_digit() || letter == '+' || is_between(letter)) {
        return Cow::Owned(seen.to_owned());
    }
    let international = match seen.strip_prefix("00") {
        Some(rest) => Some(Cow::Owned(format!("+{rest}"))),
        None => seen.starts_with('+').then_some(Cow::Borrowed(seen)),
    };
    if let Some(international) = international {
        return Cow::Owned(e164(&international).unwrap_or_else(|| digits(&international)));
    }
    let digits = digits(seen);
    let with_plus = format!("+{digits}");
    let is_whole = !digits.starts_with('0')
        && (WHOLE.contains(&digits.len())
            || (PERHAPS_WHOLE.contains(&digits.len()) && e164(&with_plus).is_some()));
    Cow::Owned(if is_whole { with_plus } else { digits })
}

/// What only keys of the second version were made of.
mod second {
    use std::borrow::Cow;

    use super::{is_unseen, narrow};

    /// An address, but for how letters and their marks are put together.
    pub fn address(value: &str) -> Cow<'_, str> {
        let value = value.trim();
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase();
        if value.bytes().all(is_plain) && !value.ends_with('.') {
            return Cow::Borrowed(value);
        }
        let seen: String = value.chars().filter(|letter| !is_unseen(*letter)).map(narrow).collect();
        let lower = seen.trim().to_lowercase();
        let Some((name, domain)) = lower.rsplit_once('@') else { return Cow::Owned(lower) };
        let is_dot = |letter: char| matches!(letter, '.' | '\u{3002}' | '\u{ff61}');
        let domain = domain.trim_end_matches(is_dot);
        let parsed = if domain.is_ascii() { None } else { url::Host::parse(domain).ok() };
        let ascii = parsed.map(|domain| domain.to_string());
        let domain = ascii.as_deref().unwrap_or(domain);
        Cow::Owned(format!("{name}@{}", domain.trim_end_matches('.')))
    }
}

/// What only keys of the first version were made of.
mod first {
    use std::borrow::Cow;

    /// An address: spaces around it and case do not count, nor how a domain in other letters is written.
    pub fn address(value: &str) -> Cow<'_, str> {
        let value = value.trim();
        if !value.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
            return Cow::Borrowed(value);
        }
        let lower = value.to_lowercase();
        match lower.rsplit_once('@') {
            Some((name, domain)) if !domain.is_ascii() => match url::Host::parse(domain) {
                Ok(domain) => Cow::Owned(format!("{name}@{domain}")),
                Err(_) => Cow::Owned(lower),
            },
            _ => Cow::Owned(lower),
        }
    }

    /// A phone number: what stands between its digits does not count.
    pub fn number(value: &str) -> Cow<'_, str> {
        let value = value.trim();
        let is_plain = |byte: u8| byte == b'+' || byte.is_ascii_digit();
        let is_between = |letter: char| matches!(letter, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
        if value.bytes().all(is_plain)
            || !value.chars().all(|letter| letter.is_ascii_digit() || letter == '+' || is_between(letter))
        {
            return Cow::Borrowed(value);
        }
        let digits = || value.chars().filter(|letter| !is_between(*letter)).collect();
        Cow::Owned(super::e164(value).unwrap_or_else(digits))
    }
}

fn e164(value: &str) -> Option<String> {
    let number = phonenumber::parse(None, value).ok().filter(phonenumber::PhoneNumber::is_valid)?;
    Some(number.format().mode(Mode::E164).to_string())
}

fn digits(value: &str) -> String {
    value.chars().filter(|letter| !is_between(*letter)).collect()
}

/// What people put between the digits of a number.
fn is_between(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Characters that are shown as nothing (Unicode, `Default_Ignorable_Code_Point`), and controls.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A full-width form of an ASCII character as that character (Unicode, "Halfwidth and Fullwidth Forms").
fn narrow(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        '\u{3000}' => ' ',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_spelled() {
        for spelled in [
            "bob.1+tag@example.com",
            " BOB.1+TAG@EXAMPLE.COM ",
            "bob.1+tag@example.com.",
            "Bob.1+Tag@Example.com..",
            "\u{200b}bob.1+tag@example.com",
            "bob.1\u{200d}+tag@exam\u{ad}ple.com\u{feff}",
            "bob.1+tag@EXAMPLE\u{3002}com",
            "bob.1+tag@example\u{ff0e}com",
            "\u{ff42}\u{ff4f}\u{ff42}.1+tag\u{ff20}example.com",
            "\tbob.1+tag@example.com\r\n",
        ] {
            assert_eq!(address(spelled), "bob.1+tag@example.com", "{spelled:?}");
        }
        for spelled in
            ["a@xn--bcher-kva.example", "a@bücher.example.", "A@BÜCHER.EXAMPLE", "a@XN--BCHER-KVA.example"]
        {
            assert_eq!(address(spelled), "a@xn--bcher-kva.example", "{spelled:?}");
        }
    }

    #[test]
    fn an_address_is_the_same_however_its_letters_and_their_marks_are_put_together() {
        for spelled in [
            "m\u{fc}\u{1d8}\u{1f0}@example.com",
            "mu\u{308}u\u{308}\u{301}j\u{30c}@example.com",
            "M\u{dc}\u{dc}\u{301}J\u{30c}@EXAMPLE.com",
            " MU\u{308}\u{200b}\u{1d7}\u{34f}J\u{30c}@example.com. ",
        ] {
            assert_eq!(address(spelled), "m\u{fc}\u{1d8}\u{1f0}@example.com", "{spelled:?}");
        }
        assert_ne!(address("e\u{300}@example.com"), address("e\u{301}@example.com"));
        assert_ne!(address("\u{e9}@example.com"), address("e@example.com"));
    }

    /// Of every character there is, so that no order of the rules lets one spelling through.
    #[test]
    fn what_unicode_calls_equal_is_one_address_and_a_spelling_that_is_compared_is_its_own() {
        for letter in '\0'..'\u{30000}' {
            let one = format!("x{letter}.y@example.com");
            let apart = decomposed(&one);
            let (capital, now) = (apart.to_uppercase(), address(&one));
            assert_eq!(now, address(&apart), "{letter:?}");
            assert_eq!(address(&now), now, "{letter:?}");
            if capital.to_lowercase() == apart.to_lowercase() {
                assert_eq!(address(&composed(&capital)), now, "{letter:?}");
            }
            let known = addresses_before(&one, 2);
            let is_one = capital.to_lowercase() == apart.to_lowercase();
            let capital = if is_one { composed(&capital) } else { one.clone() };
            for before in [one.as_str(), &composed(&one), &apart, &capital].map(second::address) {
                assert!(before == now || known.iter().any(|known| *known == before), "{letter:?}");
            }
        }
    }

    #[test]
    fn capitals_count_as_their_small_letters_and_nothing_else_does() {
        let same = |one: &str, other: &str| {
            let at = |name: &str| address(&format!("{name}@example.com")).into_owned();
            at(one) == at(other)
        };
        for (capital, small) in [
            ("\u{c9}MILE", "\u{e9}mile"),
            ("E\u{301}MILE", "\u{e9}mile"),
            ("STRA\u{1e9e}E", "stra\u{df}e"),
            ("\u{41f}\u{401}\u{422}\u{420}", "\u{43f}\u{451}\u{442}\u{440}"),
            ("\u{39f}\u{394}\u{39f}\u{3a3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c2}"),
            ("\u{3aa}\u{301}", "\u{390}"),
            ("\u{212a}im", "kim"),
        ] {
            assert!(same(capital, small), "{capital} {small}");
        }
        for (one, other) in [
            ("stra\u{df}e", "strasse"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{17f}am", "sam"),
            ("\u{131}lker", "ilker"),
            ("\u{130}lker", "ilker"),
            ("\u{3bf}\u{3b4}\u{3bf}\u{3c2}", "\u{3bf}\u{3b4}\u{3bf}\u{3c3}"),
            ("\u{fb01}nn", "finn"),
            ("\u{e9}mile", "emile"),
            ("m\u{fc}ller", "mueller"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
        // In a domain IDNA decides.
        assert_eq!(address("a@STRA\u{1e9e}E.example"), address("a@stra\u{df}e.example"));
        assert_ne!(address("a@stra\u{df}e.example"), address("a@strasse.example"));
        assert_eq!(address("a@\u{17f}am.example"), address("a@sam.example"));
    }

    #[test]
    fn what_an_earlier_version_kept_of_capitals_is_found_by_small_letters_and_not_by_others() {
        let capital = "\u{3aa}\u{301}ANNIS@example.com";
        let kept = second::address(capital).into_owned();
        for typed in ["\u{390}annis@example.com", "\u{3b9}\u{308}\u{301}annis@example.com", capital] {
            assert!(addresses_before(typed, 2).contains(&kept), "{typed}");
        }
        assert!(!addresses_before("\u{3ca}annis@example.com", 2).contains(&kept));
        assert!(!addresses_before("stra\u{df}e@example.com", 2).contains(&"strasse@example.com".to_owned()));
    }

    #[test]
    fn only_what_is_spelled_oddly_was_kept_as_something_else() {
        for plain in ["a.b+c@example.com", " A@Example.com ", "a@example.com.", "a@B\u{fc}cher.example"] {
            assert!(addresses_before(plain, 2).is_empty(), "{plain:?}");
        }
        assert_eq!(addresses_before("a@example.com.", 1), ["a@example.com."]);
        assert_eq!(addresses_before("\u{e9}@example.com", 2), ["e\u{301}@example.com"]);
        assert_eq!(addresses_before("E\u{301}@example.com", 2), ["e\u{301}@example.com"]);
        assert_eq!(numbers_before("0015550000010", 1), ["0015550000010"]);
        assert!(numbers_before("0015550000010", 2).is_empty());
    }

    #[test]
    fn what_mail_systems_hold_apart_stays_apart() {
        for other in
            ["bob1+tag@example.com", "bob.1@example.com", "bob.1+tag@example.org", "bob.1+tag.@example.com"]
        {
            assert_ne!(address(other), "bob.1+tag@example.com", "{other}");
        }
        assert_ne!(address("müller@example.com"), address("mueller@example.com"));
    }

    #[test]
    fn a_number_is_the_same_however_its_beginning_and_its_digits_are_written() {
        for spelled in [
            "+15550000010",
            "+1 (555) 000-0010",
            "0015550000010",
            "001 555 000 0010",
            "15550000010",
            "1-555-000-0010",
            "+1\u{2011}555\u{2009}000\u{2011}0010\u{200e}",
            "\u{ff0b}\u{ff11}5550000010",
        ] {
            assert_eq!(number(spelled), "+15550000010", "{spelled:?}");
        }
        for spelled in ["+442079460000", "+44 (0) 20 7946 0000", "0044 (0) 20 7946 0000", "442079460000"] {
            assert_eq!(number(spelled), "+442079460000", "{spelled:?}");
        }
        assert_eq!(number("47 22 12 34 56"), "+4722123456");
    }

    #[test]
    fn a_number_that_may_be_of_any_country_stays_as_it_is() {
        assert_eq!(number("(555) 000-0010"), "5550000010");
        assert_eq!(number("020 7946 0000"), "02079460000");
        assert_eq!(number("+1 555 777 0001 ext"), "+1 555 777 0001 ext");
    }

    /// What the first version found equal is equal: what it kept must not be forgotten.
    #[test]
    fn no_version_holds_apart_what_an_earlier_one_found_equal() {
        let same =
            [(" A.b+c@BÜCHER.example ", "a.b+c@xn--bcher-kva.example"), ("A@X.example", "a@x.example")];
        for (one, other) in same {
            assert_eq!(first::address(one), first::address(other));
            assert_eq!(address(one), address(other));
        }
        assert_eq!(first::number("+44 (0) 20 7946 0000"), number("+44 (0) 20 7946 0000"));
    }
}

//! What the scalars of a YAML text mean, by the one reader whose word counts.
//!
//! Maps keep every entry in order, so that a duplicate key is the other pass's to report.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::Number;

/// A value as YAML 1.2 understands it.
#[derive(Debug)]
pub(super) enum Meaning {
    Null,
    Bool(bool),
    Number(Number),
    /// A number that JSON cannot carry exactly.
    Unfit,
    Text(String),
    List(Vec<Meaning>),
    Map(Vec<(Meaning, Meaning)>),
    /// A value with a tag of somebody's own, which the other pass has reported.
    Tagged,
}

/// Decodes a text that the events pass has accepted and bounded.
pub(super) fn read(text: &str) -> Result<Meaning, serde_yaml::Error> {
    // A byte order mark is a document of its own to this reader.
    serde_yaml::from_str(text.trim_start_matches('\u{feff}'))
}

impl<'de> Deserialize<'de> for Meaning {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Meaning, D::Error> {
        deserializer.deserialize_any(AsItStands)
    }
}

struct AsItStands;

impl<'de> Visitor<'de> for AsItStands {
    type Value = Meaning;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Meaning, E> {
        Ok(Meaning::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Meaning, E> {
        Ok(Meaning::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Meaning, D::Error> {
        inner.deserialize_any(AsItStands)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Meaning, E> {
        Ok(Meaning::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Meaning, E> {
        Ok(Meaning::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Meaning, E> {
        Ok(Meaning::Number(value.into()))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Meaning, E> {
        Ok(Meaning::Unfit)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Meaning, E> {
        Ok(Meaning::Unfit)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Meaning, E> {
        Ok(Number::from_f64(value).map_or(Meaning::Unfit, Meaning::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Meaning, E> {
        Ok(Meaning::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Meaning, E> {
        Ok(Meaning::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Meaning, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Meaning::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Meaning, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Meaning::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Meaning, A::Error> {
        let (_tag, value) = tagged.variant::<String>()?;
        let _inner: Meaning = value.newtype_variant()?;
        Ok(Meaning::Tagged)
    }
}

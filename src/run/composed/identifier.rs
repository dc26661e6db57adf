//! An identifier that a profile is looked up by, and which of them are asked for together.
//!
//! Up to 50 external ids and aliases go into one request, and calls of other people join them there; of
//! everything else a request takes one (Braze docs, "Export user profile by identifier"). What is asked for
//! is what was given, letter for letter.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::catalogue::Identifier as By;
use crate::plan::PersonKey;
use crate::request::identifiers;
use crate::workflow::Kind;

/// Most external ids and aliases of one request.
const TOGETHER: usize = 50;

/// One identifier.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::run) enum Identifier {
    /// Of any kind but an alias.
    Plain(Kind, String),
    /// Its label and its name.
    Alias(String, String),
}

impl Identifier {
    /// An identifier of one text; none for an empty one.
    pub fn of(kind: Kind, value: Option<&Value>) -> Option<Identifier> {
        let text = value?.as_str().filter(|text| !text.trim().is_empty())?;
        Some(Identifier::Plain(kind, text.to_owned()))
    }

    /// The alias that an object holds.
    pub fn alias(value: &Value) -> Option<Identifier> {
        let text = |member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
        Some(Identifier::Alias(text("alias_label")?, text("alias_name")?))
    }

    pub fn kind(&self) -> Kind {
        match self {
            Identifier::Plain(kind, _) => *kind,
            Identifier::Alias(..) => Kind::UserAlias,
        }
    }

    /// Its texts, to be put in order.
    pub fn texts(&self) -> [&str; 2] {
        match self {
            Identifier::Plain(_, text) => [text, ""],
            Identifier::Alias(label, name) => [label, name],
        }
    }

    /// What a profile as Braze exports it is known by, but its devices.
    pub fn of_profile(person: &Value) -> impl Iterator<Item = Identifier> {
        let plain = [Kind::ExternalId, Kind::BrazeId, Kind::Email, Kind::Phone];
        let plain = plain.into_iter().filter_map(|kind| Identifier::of(kind, person.get(kind.word())));
        let aliases = person.get("user_aliases").and_then(Value::as_array).into_iter().flatten();
        plain.chain(aliases.filter_map(Identifier::alias))
    }

    /// The devices of a profile.
    pub fn devices_of(person: &Value) -> impl Iterator<Item = Identifier> {
        let devices = person.get("devices").and_then(Value::as_array).into_iter().flatten();
        devices.filter_map(|device| Identifier::of(Kind::DeviceId, device.get("device_id")))
    }

    /// By what a call names people: one that deletes them, or asks for them.
    pub fn named_by(with: &Value) -> Vec<Identifier> {
        let plain = [
            (Kind::ExternalId, "external_ids", ""),
            (Kind::BrazeId, "braze_ids", ""),
            (Kind::BrazeId, "braze_id", ""),
            (Kind::Email, "email_addresses", "email"),
            (Kind::Email, "email_address", ""),
            (Kind::Phone, "phone_numbers", "phone"),
            (Kind::Phone, "phone", ""),
            (Kind::DeviceId, "device_id", ""),
        ];
        let listed = |member: &str| -> &[Value] {
            match with.get(member) {
                Some(Value::Array(list)) => list,
                Some(one) => std::slice::from_ref(one),
                None => &[],
            }
        };
        let plain = plain.iter().flat_map(|(kind, member, inner)| {
            let of = move |value: &Value| Identifier::of(*kind, value.get(*inner).or(Some(value)));
            listed(member).iter().filter_map(of)
        });
        plain.chain(listed("user_aliases").iter().filter_map(Identifier::alias)).collect()
    }

    /// How it is compared; none for a device, by which nobody is addressed.
    pub fn key(&self) -> Option<PersonKey> {
        let kind = match self {
            Identifier::Alias(label, name) => return Some(PersonKey::alias(label, name)),
            Identifier::Plain(Kind::DeviceId | Kind::UserAlias, _) => return None,
            Identifier::Plain(Kind::ExternalId, _) => By::ExternalId,
            Identifier::Plain(Kind::BrazeId, _) => By::BrazeId,
            Identifier::Plain(Kind::Email, _) => By::Email,
            Identifier::Plain(Kind::Phone, _) => By::Phone,
        };
        Some(PersonKey::of(kind, self.texts()[0]))
    }

    /// Its digests as those of a request's subject are made (`request::identifiers`).
    pub fn digests(&self) -> Vec<u128> {
        let subject = match self {
            Identifier::Alias(..) => json!({ "aliases": [self.value()] }),
            Identifier::Plain(kind, text) => json!({ kind.word(): text }),
        };
        json!({ "subject": subject }).as_object().map(identifiers).unwrap_or_default()
    }

    /// Whether many of it fit into one request.
    fn goes_together(&self) -> bool {
        matches!(self.kind(), Kind::ExternalId | Kind::UserAlias)
    }

    /// As JSON.
    pub fn value(&self) -> Value {
        match self {
            Identifier::Plain(_, value) => json!(value),
            Identifier::Alias(label, name) => json!({ "alias_name": name, "alias_label": label }),
        }
    }

    /// Whether a text of the same kind means the same: addresses without regard to case.
    pub fn is_like(&self, other: &Identifier) -> bool {
        match (self, other) {
            (Identifier::Plain(Kind::Email, one), Identifier::Plain(Kind::Email, other)) => {
                one.trim().to_lowercase() == other.trim().to_lowercase()
            }
            _ => self == other,
        }
    }
}

/// Identifiers by their kinds, in the order of [`Kind::ALL`], as an output has them.
pub(in crate::run) fn by_kind(identifiers: &[Identifier]) -> Value {
    let member = |kind: Kind| match kind {
        Kind::ExternalId => "external_ids",
        Kind::UserAlias => "user_aliases",
        Kind::BrazeId => "braze_ids",
        Kind::Email => "emails",
        Kind::Phone => "phones",
        Kind::DeviceId => "device_ids",
    };
    let of = |kind: Kind| identifiers.iter().filter(move |known| known.kind() == kind).map(Identifier::value);
    Kind::ALL.iter().map(|kind| (member(*kind).to_owned(), of(*kind).collect::<Value>())).collect()
}

/// The identifiers that [`by_kind`] made an output of.
pub(in crate::run) fn of_kinds(value: &Value) -> Option<Vec<Identifier>> {
    let mut identifiers = Vec::new();
    for (kind, member) in
        Kind::ALL.iter().zip(["external_ids", "user_aliases", "braze_ids", "emails", "phones", "device_ids"])
    {
        for item in value.get(member)?.as_array()? {
            identifiers.push(match kind {
                Kind::UserAlias => Identifier::alias(item)?,
                _ => Identifier::of(*kind, Some(item))?,
            });
        }
    }
    Some(identifiers)
}

/// How an identifier came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// The request names it.
    Given,
    /// An earlier erasure covered it.
    Sought,
    /// The same, maybe in another workspace: whoever has it here may be anybody.
    Elsewhere,
    /// A profile revealed it.
    Revealed,
}

impl How {
    /// As outputs write it.
    pub fn word(self) -> &'static str {
        match self {
            How::Given => "given",
            How::Sought => "sought",
            How::Elsewhere => "elsewhere",
            How::Revealed => "revealed",
        }
    }
}

/// Identifiers that one request asks for.
#[derive(Clone)]
pub(super) struct Look {
    pub identifiers: Vec<Identifier>,
    pub how: How,
}

impl Look {
    /// Asks for all of these, in as few requests as there can be.
    pub fn all(identifiers: Vec<Identifier>, how: How) -> Vec<Look> {
        let (together, alone): (Vec<_>, Vec<_>) =
            identifiers.into_iter().partition(Identifier::goes_together);
        let together = together.chunks(TOGETHER).map(<[Identifier]>::to_vec);
        let all = together.chain(alone.into_iter().map(|one| vec![one]));
        all.map(|identifiers| Look { identifiers, how }).collect()
    }

    /// The body of the request.
    pub fn body(&self, fields: &[&str]) -> Value {
        let mut body = Map::new();
        let of = |kind: Kind| -> Vec<Value> {
            self.identifiers.iter().filter(|known| known.kind() == kind).map(Identifier::value).collect()
        };
        for (kind, member) in [(Kind::ExternalId, "external_ids"), (Kind::UserAlias, "user_aliases")] {
            let values = of(kind);
            if !values.is_empty() {
                body.insert(member.to_owned(), Value::Array(values));
            }
        }
        for (kind, member) in [
            (Kind::BrazeId, "braze_id"),
            (Kind::Email, "email_address"),
            (Kind::Phone, "phone"),
            (Kind::DeviceId, "device_id"),
        ] {
            if let Some(value) = of(kind).pop() {
                body.insert(member.to_owned(), value);
            }
        }
        body.insert("fields_to_export".to_owned(), json!(fields));
        Value::Object(body)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({}, redacted)", self.kind().word())
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Look { identifiers, how } = self;
        f.debug_struct("Look").field("identifiers", identifiers).field("how", how).finish()
    }
}

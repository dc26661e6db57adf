//! One object of `/users/track`, taken apart into members without building a tree.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::sandbox::reply::{Text, is_null, string_of};
use crate::sandbox::world::Who;

/// Longest external id, in bytes (Braze docs, "API errors & responses").
const MAX_EXTERNAL_ID_BYTES: usize = 987;

/// Longest alias name and alias label, in bytes.
const MAX_ALIAS_BYTES: usize = 236;

/// The members of an object, in the order of the body.
pub(super) struct Object<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'a>, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(Text(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Whom an object names, and what else every kind of object may say.
#[derive(Default)]
pub(super) struct Naming<'a> {
    external_id: Option<Cow<'a, str>>,
    braze_id: Option<Cow<'a, str>>,
    alias: Option<(Cow<'a, str>, Cow<'a, str>)>,
    email: Option<Cow<'a, str>>,
    phone: Option<Cow<'a, str>>,
    update_only: Option<bool>,
}

impl<'a> Naming<'a> {
    /// Takes a member that names the person; whether it was one.
    pub fn take(&mut self, name: &str, value: &'a RawValue) -> Result<bool, &'static str> {
        if is_null(value) && matches!(name, "external_id" | "braze_id" | "user_alias" | "email" | "phone") {
            return Ok(true);
        }
        match name {
            "external_id" => {
                let id = string_of(value).ok_or("'external_id' must be a string")?;
                if id.len() > MAX_EXTERNAL_ID_BYTES {
                    return Err("'external_id' must be fewer than 988 bytes");
                }
                self.external_id = Some(id).filter(|id| !id.is_empty());
            }
            "braze_id" => self.braze_id = Some(string_of(value).ok_or("'braze_id' must be a string")?),
            "user_alias" => self.alias = Some(alias_of(value)?),
            "email" => self.email = Some(string_of(value).filter(|e| is_email(e)).ok_or("EMAIL_BAD_FORMAT")?),
            "phone" => self.phone = Some(string_of(value).ok_or("'phone' must be a string")?),
            "_update_existing_only" => self.update_only = Some(value.get() == "true"),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whom the object names: one primary identifier, else the e-mail, else the phone.
    pub fn who(&self) -> Result<Who<'_>, &'static str> {
        let alias = self.alias.as_ref().map(|(name, label)| Who::Alias { name, label });
        let primaries = [
            self.external_id.as_deref().map(Who::ExternalId),
            self.braze_id.as_deref().map(Who::BrazeId),
            alias,
        ];
        let mut primaries = primaries.into_iter().flatten();
        let who = primaries
            .next()
            .or_else(|| self.email.as_deref().map(Who::Email))
            .or_else(|| self.phone.as_deref().map(Who::Phone))
            .ok_or("'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required")?;
        match primaries.next() {
            Some(_) => Err("only one of 'external_id', 'braze_id' and 'user_alias' is allowed"),
            None => Ok(who),
        }
    }

    /// Whether an unknown person stays unknown; by alias that is the default.
    pub fn is_update_only(&self) -> bool {
        self.update_only.unwrap_or(self.alias.is_some())
    }
}

fn alias_of(value: &RawValue) -> Result<(Cow<'_, str>, Cow<'_, str>), &'static str> {
    let malformed = "'user_alias' must have a string 'alias_name' and a string 'alias_label'";
    let Object(members) = serde_json::from_str(value.get()).map_err(|_| malformed)?;
    let member = |wanted| {
        let found = members.iter().find(|(name, _)| name == wanted);
        found.and_then(|(_, value)| string_of(value)).filter(|text| !text.is_empty()).ok_or(malformed)
    };
    let (name, label) = (member("alias_name")?, member("alias_label")?);
    if name.len().max(label.len()) > MAX_ALIAS_BYTES {
        return Err("'alias_name' and 'alias_label' must be fewer than 237 bytes");
    }
    Ok((name, label))
}

/// Whether a text looks like an address: something, an `@`, and a domain, without white space.
pub(in crate::sandbox) fn is_email(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

//! The known members of a record, as one table.
//!
//! Decoding, the order of the scope and the order of the digest all follow this table, so a member
//! is known everywhere or nowhere.

/// What a member may hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// A string that is not empty.
    Identifier,
    /// A string.
    Text,
    /// A string that is an RFC 3339 time.
    Time,
    /// One of the six words.
    Kind,
    /// A list of anything.
    List,
    /// An object of known members.
    Object(&'static Shape),
    /// A list of objects of known members.
    Objects(&'static Shape),
    /// An object whose names and values are the customer's own.
    Fields,
}

impl Rule {
    /// How a message names it.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Rule::Identifier | Rule::Text => "a string",
            Rule::Time => "an RFC 3339 time such as 2026-11-20T10:00:00Z",
            Rule::Kind => "one of deletion, access, consent, rectification, opt_out, other",
            Rule::List => "a list",
            Rule::Object(_) | Rule::Fields => "an object",
            Rule::Objects(_) => "a list of objects",
        }
    }
}

/// One known member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
}

/// An object of known members.
#[derive(Debug)]
pub(super) struct Shape {
    /// How warnings name what stands in it.
    pub(super) within: &'static str,
    /// At most [`MOST_MEMBERS`].
    pub(super) members: &'static [Member],
}

/// Places for the values of one object while it is read.
pub(super) const MOST_MEMBERS: usize = 9;

const fn member(name: &'static str, rule: Rule) -> Member {
    Member { name, rule }
}

/// Places of the members of [`RECORD`] that are no part of the scope's `request`.
pub(super) const SUBJECT_AT: usize = 6;
pub(super) const CONSENTS_AT: usize = 7;
pub(super) const FIELDS_AT: usize = 8;

/// The record itself. The first six members make the scope's `request`.
pub(super) static RECORD: Shape = Shape {
    within: "",
    members: &[
        member("id", Rule::Identifier),
        member("kind", Rule::Kind),
        member("received_at", Rule::Time),
        member("occurred_at", Rule::Time),
        member("due_at", Rule::Time),
        member("source", Rule::Object(&SOURCE)),
        member("subject", Rule::Object(&SUBJECT)),
        member("consents", Rule::Objects(&CONSENT)),
        member("fields", Rule::Fields),
    ],
};

/// Where the record came from.
static SOURCE: Shape = Shape {
    within: "source.",
    members: &[
        member("system", Rule::Text),
        member("ref", Rule::Text),
        member("subtask_id", Rule::Text),
        member("request_id", Rule::Text),
        member("subtask_name", Rule::Text),
        member("subtask_type", Rule::Text),
        member("profile", Rule::Text),
    ],
};

/// The person.
pub(super) static SUBJECT: Shape = Shape {
    within: "subject.",
    members: &[
        member("external_id", Rule::Identifier),
        member("email", Rule::Identifier),
        member("phone", Rule::Identifier),
        member("braze_id", Rule::Identifier),
        member("aliases", Rule::Objects(&ALIAS)),
        member("first_name", Rule::Text),
        member("last_name", Rule::Text),
        member("country", Rule::Text),
        member("language", Rule::Text),
    ],
};

/// Another name of the person in Braze.
static ALIAS: Shape = Shape {
    within: "subject.aliases[].",
    members: &[member("alias_name", Rule::Identifier), member("alias_label", Rule::Identifier)],
};

/// The state of one purpose.
static CONSENT: Shape = Shape {
    within: "consents[].",
    members: &[
        member("purpose_id", Rule::Text),
        member("purpose", Rule::Text),
        member("status", Rule::Text),
        member("topics", Rule::List),
        member("preferences", Rule::List),
        member("updated_at", Rule::Time),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_places_of_the_record_hold_what_they_say() {
        let name = |at: usize| RECORD.members[at].name;

        assert_eq!((name(SUBJECT_AT), name(CONSENTS_AT), name(FIELDS_AT)), ("subject", "consents", "fields"));
    }

    #[test]
    fn every_object_fits_in_the_places() {
        for shape in [&RECORD, &SOURCE, &SUBJECT, &ALIAS, &CONSENT] {
            assert!(shape.members.len() <= MOST_MEMBERS);
        }
    }
}

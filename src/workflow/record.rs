//! The members of a request record, as templates read them and `on.file.map` writes them.

/// Of a record.
pub(super) const RECORD: [&str; 9] =
    ["id", "kind", "received_at", "occurred_at", "due_at", "subject", "consents", "fields", "source"];
/// Of `request` in a template: what a record says of itself.
pub(super) const REQUEST: [&str; 6] = ["id", "kind", "received_at", "occurred_at", "due_at", "source"];
/// Of `subject`.
pub(super) const SUBJECT: [&str; 9] = [
    "external_id",
    "email",
    "phone",
    "braze_id",
    "aliases",
    "first_name",
    "last_name",
    "country",
    "language",
];
/// Of one consent.
pub(super) const CONSENT: [&str; 6] =
    ["purpose_id", "purpose", "status", "topics", "preferences", "updated_at"];
/// Of one alias.
pub(super) const ALIAS: [&str; 2] = ["alias_name", "alias_label"];

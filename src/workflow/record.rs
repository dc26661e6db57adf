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

/// What surely stands at a path of the scope, if anything does, in the words of conditions.
pub(super) fn sure_type(path: &[&str]) -> Option<&'static str> {
    match path {
        ["subject" | "request" | "fields" | "vars" | "steps" | "run" | "failure"] => Some("map"),
        ["failure", _] => Some("string"),
        ["consents"] | ["subject", "aliases"] => Some("list"),
        ["response"] | ["output"] => Some("map"),
        ["response", "status"] => Some("int"),
        ["now"] => Some("string"),
        ["subject", member] => SUBJECT.contains(member).then_some("string"),
        ["request", "source"] => Some("map"),
        ["request", member] => REQUEST.contains(member).then_some("string"),
        ["run", _] | ["steps", _, "status"] => Some("string"),
        ["steps", _] => Some("map"),
        _ => None,
    }
}

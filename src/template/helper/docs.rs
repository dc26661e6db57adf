//! Every helper with an example, for people. A test renders each example.

/// A helper, described.
#[derive(Debug, Clone, Copy)]
pub struct HelperDoc {
    /// What stands first in the expression, or after `#`.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// An example.
    pub template: &'static str,
    /// What the example reads, as JSON.
    pub scope: &'static str,
    /// What it comes to, as JSON; empty when it leaves its key out.
    pub gives: &'static str,
}

const fn doc(
    name: &'static str,
    what: &'static str,
    template: &'static str,
    scope: &'static str,
    gives: &'static str,
) -> HelperDoc {
    HelperDoc { name, what, template, scope, gives }
}

/// What the example of `page` comes to.
const PAGE: &str = r#""<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>About you</title><style>body{font:11pt/1.4 sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{font-weight:normal;color:#444}</style><body><h1>About you</h1><table><tr><th scope=\"row\">city</th><td>Paris</td></tr></table></body></html>""#;

/// Every helper.
pub const HELPERS: &[HelperDoc] = &[
    doc(
        "optional",
        "leaves the key out if the value is missing or null",
        "{{optional subject.phone}}",
        r#"{"subject":{}}"#,
        "",
    ),
    doc(
        "default",
        "the first value that is neither missing nor null",
        r#"{{default subject.language "en"}}"#,
        r#"{"subject":{}}"#,
        r#""en""#,
    ),
    doc(
        "lookup",
        "the member of a map, or the item of a list, whose name is itself a value; keeps its JSON type",
        "{{lookup vars.table fields.state}}",
        r#"{"vars":{"table":{"GA":[1]}},"fields":{"state":"GA"}}"#,
        "[1]",
    ),
    doc(
        "json",
        "the value as JSON text",
        "{{json fields}}",
        r#"{"fields":{"a":[1,"b"]}}"#,
        r#""{\"a\":[1,\"b\"]}""#,
    ),
    doc(
        "page",
        "a page of HTML that people can read and print: the title, then the value as tables",
        r#"{{page "About you" fields}}"#,
        r#"{"fields":{"city":"Paris"}}"#,
        PAGE,
    ),
    doc(
        "lower",
        "lower case",
        "{{lower subject.email}}",
        r#"{"subject":{"email":"A@Example.com"}}"#,
        r#""a@example.com""#,
    ),
    doc("upper", "upper case", "{{upper subject.country}}", r#"{"subject":{"country":"fr"}}"#, r#""FR""#),
    doc(
        "trim",
        "without blanks at both ends",
        "{{trim fields.city}}",
        r#"{"fields":{"city":" Paris "}}"#,
        r#""Paris""#,
    ),
    doc(
        "concat",
        "texts and numbers, one after another",
        r#"{{concat "u-" fields.number}}"#,
        r#"{"fields":{"number":7}}"#,
        r#""u-7""#,
    ),
    doc(
        "replace",
        "every occurrence of a text becomes another",
        r#"{{replace fields.code "-" ""}}"#,
        r#"{"fields":{"code":"a-b-c"}}"#,
        r#""abc""#,
    ),
    doc(
        "sha256",
        "SHA-256, in hexadecimal",
        "{{sha256 subject.email}}",
        r#"{"subject":{"email":"a@example.com"}}"#,
        r#""08168cd80dfd534ab0f10af10f1303fe00af2d43ab5c1432360d137f8197e17a""#,
    ),
    doc(
        "hmac",
        "HMAC-SHA-256 under a key, which comes first, in hexadecimal",
        "{{hmac vars.key subject.email}}",
        r#"{"vars":{"key":"k"},"subject":{"email":"a@example.com"}}"#,
        r#""a05c70e82e83107984638ae2c85658806bab3e71fd1147a54ef7e2a85a64b446""#,
    ),
    doc(
        "e164",
        "a phone number as `+` and digits; the country is for numbers without `+`",
        r#"{{e164 subject.phone "US"}}"#,
        r#"{"subject":{"phone":"(650) 253-0000"}}"#,
        r#""+16502530000""#,
    ),
    doc(
        "date",
        "a time in UTC in a pattern of strftime",
        r#"{{date request.received_at "%Y-%m-%d"}}"#,
        r#"{"request":{"received_at":"2026-11-20T23:30:00-05:00"}}"#,
        r#""2026-11-21""#,
    ),
    doc(
        "date_add",
        "a time later by a duration, or earlier by `-30d`",
        r#"{{date_add request.received_at "30d"}}"#,
        r#"{"request":{"received_at":"2026-11-20T10:00:00Z"}}"#,
        r#""2026-12-20T10:00:00Z""#,
    ),
    doc(
        "epoch",
        "whole seconds since 1970",
        "{{epoch now}}",
        r#"{"now":"2026-11-20T10:00:00.5Z"}"#,
        "1795168800",
    ),
    doc(
        "pluck",
        "one member of every map of a list",
        r#"{{pluck consents "purpose"}}"#,
        r#"{"consents":[{"purpose":"a"},{"purpose":"b"}]}"#,
        r#"["a","b"]"#,
    ),
    doc(
        "join",
        "the items of a list with a text between them",
        r#"{{join vars.names ", "}}"#,
        r#"{"vars":{"names":["a","b"]}}"#,
        r#""a, b""#,
    ),
    doc(
        "uuid",
        "an identifier of this run; the same again when the run is carried out again",
        "{{uuid}}",
        "{}",
        r#""d3399b72-62fb-56cb-9ed0-53d68db9291c""#,
    ),
    doc(
        "len",
        "items of a list, members of a map, bytes of a text",
        "{{len consents}}",
        r#"{"consents":[1,2]}"#,
        "2",
    ),
    doc(
        "eq",
        "whether two values are the same",
        r#"{{eq subject.country "FR"}}"#,
        r#"{"subject":{"country":"FR"}}"#,
        "true",
    ),
    doc(
        "ne",
        "whether two values differ",
        r#"{{ne subject.country "FR"}}"#,
        r#"{"subject":{"country":"FR"}}"#,
        "false",
    ),
    doc("gt", "greater than", "{{gt vars.n 1}}", r#"{"vars":{"n":2}}"#, "true"),
    doc("gte", "greater than or equal", "{{gte vars.n 2}}", r#"{"vars":{"n":2}}"#, "true"),
    doc("lt", "less than", "{{lt vars.n 2}}", r#"{"vars":{"n":2}}"#, "false"),
    doc("lte", "less than or equal", "{{lte vars.n 2}}", r#"{"vars":{"n":2}}"#, "true"),
    doc(
        "and",
        "whether every value is there and not empty",
        "{{and subject.a subject.b}}",
        r#"{"subject":{"a":"x"}}"#,
        "false",
    ),
    doc(
        "or",
        "whether some value is there and not empty",
        "{{or subject.a subject.b}}",
        r#"{"subject":{"a":"x"}}"#,
        "true",
    ),
    doc("not", "whether the value is missing or empty", "{{not subject.a}}", r#"{"subject":{}}"#, "true"),
    doc(
        "if",
        "the text up to `{{/if}}` if the value is there and not empty, else the text after `{{else}}`",
        "{{#if subject.first_name}}Dear {{subject.first_name}}{{else}}Hello{{/if}}",
        r#"{"subject":{}}"#,
        r#""Hello""#,
    ),
    doc(
        "unless",
        "the text up to `{{/unless}}` if the value is missing or empty",
        "{{#unless consents}}none{{/unless}}",
        r#"{"consents":[]}"#,
        r#""none""#,
    ),
    doc(
        "each",
        "the text once for each item, with `this`, `@index`, `@key`, `@first` and `@last`",
        "{{#each consents as |c|}}{{c.purpose}}{{#unless @last}}, {{/unless}}{{/each}}",
        r#"{"consents":[{"purpose":"a"},{"purpose":"b"}]}"#,
        r#""a, b""#,
    ),
    doc(
        "with",
        "the text with paths that start inside the value",
        "{{#with subject}}{{first_name}} {{last_name}}{{/with}}",
        r#"{"subject":{"first_name":"A","last_name":"B"}}"#,
        r#""A B""#,
    ),
];

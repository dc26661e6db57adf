//! What a record is, what is none, and when two records say the same.

mod digests;
mod order;

use serde_json::{Value, json};

use super::*;

fn parse(line: &str) -> Result<Request, BadRecord> {
    Request::parse(line.as_bytes(), &mut Warnings::new())
}

fn good(line: &str) -> Request {
    parse(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn message(line: &str) -> String {
    parse(line).expect_err(line).to_string()
}

/// The message without its place.
fn problem(line: &str) -> String {
    parse(line).expect_err(line).problem.to_string()
}

const FULL: &str = r#"{"id":"SL:1","kind":"consent","received_at":"2026-11-20T10:00:00Z","occurred_at":"2026-11-20T09:59:00.5+01:00","due_at":"9999-12-31T23:59:59Z",
"subject":{"external_id":"u-1","email":"a@example.com","phone":"+15551234567","braze_id":"b","aliases":[{"alias_name":"n","alias_label":"l"}],"first_name":"A","last_name":"B","country":"FR","language":"en-us"},
"consents":[{"purpose_id":"p","purpose":"Marketing","status":"ACTIVE","topics":["x",{"a":1}],"preferences":[],"updated_at":"2026-11-20T10:00:01Z"},{"purpose":"Other"}],
"fields":{"State":"GA","n":12.5,"deep":{"b":[null],"a":1}},
"source":{"system":"onetrust","ref":"SL","subtask_id":"s"}}"#;

#[test]
fn a_full_record_is_read_member_by_member() {
    let request = good(FULL);

    assert_eq!((request.id.as_deref(), request.kind), (Some("SL:1"), Kind::Consent));
    assert_eq!(
        Value::Object(request.scope),
        json!({
            "request": {"id":"SL:1","kind":"consent","received_at":"2026-11-20T10:00:00Z",
                "occurred_at":"2026-11-20T09:59:00.5+01:00","due_at":"9999-12-31T23:59:59Z",
                "source":{"system":"onetrust","ref":"SL","subtask_id":"s"}},
            "subject": {"external_id":"u-1","email":"a@example.com","phone":"+15551234567","braze_id":"b",
                "aliases":[{"alias_name":"n","alias_label":"l"}],"first_name":"A","last_name":"B","country":"FR",
                "language":"en-us"},
            "consents": [{"purpose":"Other"},{"purpose_id":"p","purpose":"Marketing","status":"ACTIVE",
                "topics":["x",{"a":1}],"preferences":[],"updated_at":"2026-11-20T10:00:01Z"}],
            "fields": {"State":"GA","n":12.5,"deep":{"b":[null],"a":1}},
        })
    );
}

#[test]
fn absent_members_are_missing_but_lists_and_maps_are_always_there() {
    for line in [
        r#"{"kind":"deletion"}"#,
        r#"{"kind":"deletion","id":null,"received_at":null,"subject":null,"consents":null,"fields":null,"source":null}"#,
        r#"{"kind":"deletion","subject":{"email":null,"aliases":null},"fields":{"State":null},"consents":[null]}"#,
    ] {
        let request = good(line);

        assert_eq!(request.id, None);
        assert_eq!(
            Value::Object(request.scope),
            json!({"request":{"kind":"deletion"},"subject":{"aliases":[]},"consents":[],"fields":{}}),
            "{line}"
        );
        assert_eq!(request.digest, good(r#"{"kind":"deletion"}"#).digest, "{line}");
    }
}

#[test]
fn each_wrong_member_is_named_with_the_way_out() {
    let kinds = "must be one of deletion, access, consent, rectification, opt_out, other";
    let table = [
        (
            r#"{}"#,
            "`kind` is missing: one of deletion, access, consent, rectification, opt_out, other".to_owned(),
        ),
        (
            r#"{"kind":null}"#,
            "`kind` is missing: one of deletion, access, consent, rectification, opt_out, other".to_owned(),
        ),
        (r#"{"kind":"erasure"}"#, format!("`kind` {kinds}")),
        (r#"{"kind":"Deletion"}"#, format!("`kind` {kinds}")),
        (r#"{"kind":7}"#, format!("`kind` {kinds}")),
        (r#"{"kind":["deletion"]}"#, format!("`kind` {kinds}")),
        (r#"{"kind":"deletion","id":7}"#, "`id` is a number: write it in quotes".to_owned()),
        (
            r#"{"subject":{"external_id":-7}}"#,
            "`subject.external_id` is a number: write it in quotes".to_owned(),
        ),
        (r#"{"subject":{"phone":1.5e3}}"#, "`subject.phone` is a number: write it in quotes".to_owned()),
        (
            r#"{"subject":{"first_name":1}}"#,
            "`subject.first_name` is a number: write it in quotes".to_owned(),
        ),
        (
            r#"{"consents":[{},{"purpose_id":3}]}"#,
            "`consents[1].purpose_id` is a number: write it in quotes".to_owned(),
        ),
        (
            r#"{"subject":{"aliases":[{"alias_label":1}]}}"#,
            "`subject.aliases[0].alias_label` is a number: write it in quotes".to_owned(),
        ),
        (r#"{"source":{"ref":1}}"#, "`source.ref` is a number: write it in quotes".to_owned()),
        (r#"{"id":true}"#, "`id` must be a string".to_owned()),
        (r#"{"id":{"a":1}}"#, "`id` must be a string".to_owned()),
        (r#"{"subject":{"email":["a@example.com"]}}"#, "`subject.email` must be a string".to_owned()),
        (r#"{"id":""}"#, "`id` is empty: leave it out or give its value".to_owned()),
        (
            r#"{"subject":{"email":""}}"#,
            "`subject.email` is empty: leave it out or give its value".to_owned(),
        ),
        (
            r#"{"subject":{"braze_id":""}}"#,
            "`subject.braze_id` is empty: leave it out or give its value".to_owned(),
        ),
        (
            r#"{"due_at":"2026-11-20"}"#,
            "`due_at` must be an RFC 3339 time such as 2026-11-20T10:00:00Z".to_owned(),
        ),
        (
            r#"{"due_at":1763632800}"#,
            "`due_at` must be an RFC 3339 time such as 2026-11-20T10:00:00Z".to_owned(),
        ),
        (
            r#"{"consents":[{"updated_at":"x"}]}"#,
            "`consents[0].updated_at` must be an RFC 3339 time such as 2026-11-20T10:00:00Z".to_owned(),
        ),
        (r#"{"subject":"a@example.com"}"#, "`subject` must be an object".to_owned()),
        (r#"{"subject":[]}"#, "`subject` must be an object".to_owned()),
        (r#"{"consents":{}}"#, "`consents` must be a list of objects".to_owned()),
        (r#"{"consents":["x"]}"#, "`consents[0]` must be an object".to_owned()),
        (r#"{"consents":[[]]}"#, "`consents[0]` must be an object".to_owned()),
        (r#"{"consents":[{"topics":{}}]}"#, "`consents[0].topics` must be a list".to_owned()),
        (r#"{"fields":[]}"#, "`fields` must be an object".to_owned()),
        (r#"{"fields":"x"}"#, "`fields` must be an object".to_owned()),
    ];
    for (line, expected) in table {
        assert_eq!(problem(line), expected, "{line}");
    }
}

#[test]
fn a_name_that_stands_twice_is_refused_also_inside_values_and_beside_null() {
    let table = [
        (r#"{"kind":"deletion","kind":"access"}"#, "`kind` stands twice"),
        (r#"{"subject":{"email":null,"email":"a@example.com"}}"#, "`subject.email` stands twice"),
        (r#"{"subject":{"email":"a","\u0065mail":"b"}}"#, "`subject.email` stands twice"),
        (r#"{"consents":[{"status":"a","status":"b"}]}"#, "`consents[0].status` stands twice"),
        (r#"{"fields":{"a":null,"a":1}}"#, "a member inside `fields` stands twice"),
        (r#"{"fields":{"a":[{"b":1,"b":2}]}}"#, "a member inside `fields` stands twice"),
        (r#"{"consents":[{"topics":[{"b":1,"b":2}]}]}"#, "a member inside `consents[0].topics` stands twice"),
    ];
    for (line, expected) in table {
        assert_eq!(problem(line), expected, "{line}");
    }
}

#[test]
fn what_is_no_json_object_is_refused_with_its_column() {
    let table: [(&[u8], &str); 13] = [
        (b"", "the line is not valid JSON: it ends too early"),
        (b"{\"kind\":\"deletion\"", "the line is not valid JSON: it ends too early"),
        (b"hello", "the line is not valid JSON: expected value"),
        (b"{'kind':1}", "the line is not valid JSON: key must be a string"),
        (b"null", "the line is JSON, but no object: a record is written `{\"kind\": …}`"),
        (
            b"[{\"kind\":\"deletion\"}]",
            "the line is JSON, but no object: a record is written `{\"kind\": …}`",
        ),
        (b"\"x\"", "the line is JSON, but no object: a record is written `{\"kind\": …}`"),
        (b"17", "the line is JSON, but no object: a record is written `{\"kind\": …}`"),
        (
            b"{\"kind\":\"deletion\"} {}",
            "the line is not valid JSON: something stands after the end of the object",
        ),
        (b"{\"fields\":{\"n\":1e999}}", "the line is not valid JSON: a number is too large"),
        (b"{\"id\":\"\\ud800\"}", "the line is not valid JSON: unexpected end of hex escape"),
        (
            b"{\"id\":\"a\tb\"}",
            "the line is not valid JSON: control character (\\u0000-\\u001F) found while parsing a string",
        ),
        (
            b"{\"id\":\"\xff\"}",
            "the line is not valid UTF-8: save the file as UTF-8, or name its encoding in `on.file.encoding`",
        ),
    ];
    for (line, expected) in table {
        let error = Request::parse(line, &mut Warnings::new()).unwrap_err();
        assert_eq!(error.problem.to_string(), expected, "{}", String::from_utf8_lossy(line));
        assert!(error.column.is_some(), "{error}");
    }
}

#[test]
fn a_column_counts_characters() {
    assert_eq!(
        message(r#"{"id":"é","kind":x}"#),
        "the line is not valid JSON: expected value (at column 18)"
    );
    let error = Request::parse(b"{\"\xc3\xa9\":\"\xe9\"}", &mut Warnings::new()).unwrap_err();
    assert_eq!(error.column, Some(7));
}

#[test]
fn ten_thousand_levels_are_a_bad_line_and_no_crash() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));

    assert_eq!(
        problem(&format!(r#"{{"kind":"other","fields":{{"a":{deep}}}}}"#)),
        "the line is not valid JSON: it is nested deeper than 127 levels"
    );
    assert_eq!(
        problem(&"[".repeat(10_000)),
        "the line is JSON, but no object: a record is written `{\"kind\": …}`"
    );
    assert_eq!(good(&format!(r#"{{"kind":"other","unknown":{deep}}}"#)).kind, Kind::Other);
}

#[test]
fn every_string_travels_unchanged() {
    let strings =
        ["\u{0}", "\u{2028}", "{{ subject.email }}", "\\", "\"", "😀", "e\u{301}", " a ", "null", "\u{feff}"];
    for string in strings {
        let line = json!({"kind":"other","id":string,"subject":{"email":string},"fields":{string:string}})
            .to_string();

        let request = good(&line);

        assert_eq!(request.id.as_deref(), Some(string));
        assert_eq!(request.scope["subject"]["email"], string);
        assert_eq!(request.scope["fields"][string], string);
    }
    assert_eq!(good(r#"{"kind":"other","id":"\ud83d\ude00"}"#).id.as_deref(), Some("😀"));
}

#[test]
fn no_message_repeats_what_the_line_said() {
    let marker = "mallory@example.com";
    let lines = [
        format!(r#"{{"kind":"{marker}"}}"#),
        format!(r#"{{"{marker}":1,"kind":"{marker}"}}"#),
        format!(r#"{{"received_at":"{marker}"}}"#),
        format!(r#"{{"subject":"{marker}"}}"#),
        format!(r#"{{"consents":"{marker}"}}"#),
        format!(r#"{{"fields":{{"{marker}":1,"{marker}":2}}}}"#),
        format!(r#"{{"id":["{marker}"]}}"#),
        format!(r#""{marker}""#),
        format!(r#"{{"id":"{marker}"#),
        format!(r#"{{"id":"{marker}" "{marker}"}}"#),
        format!(r#"{{"id":{marker}}}"#),
    ];
    for line in lines {
        let error = parse(&line).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("mallory"), "{error:?}");
    }
}

#[test]
fn a_request_prints_nothing_of_the_person() {
    assert_eq!(format!("{:?}", good(FULL)), "Request { kind: Consent, .. }");
}

#[test]
fn unknown_members_are_ignored_and_counted_by_name() {
    let mut warnings = Warnings::new();
    for _ in 0..3 {
        let line = br#"{"kind":"other","x":{"y":[1]},"subject":{"vip":true},"consents":[{"note":1}],"source":{"a":1}}"#;
        Request::parse(line, &mut warnings).unwrap();
    }

    let seen: Vec<_> = warnings.unknown_members().collect();
    let name = |name: &str| (name.to_owned(), 3);
    assert_eq!(seen, [name("x"), name("subject.vip"), name("consents[].note"), name("source.a")]);
}

#[test]
fn a_row_has_no_other_way_to_be_silent_than_an_empty_cell() {
    let row = json!({"id":"","kind":"deletion","received_at":"","subject":{"email":"","external_id":"u"},"fields":{"a":""}});

    let request = Request::from_value(row, &mut Warnings::new()).unwrap();

    assert_eq!(
        Value::Object(request.scope),
        json!({"request":{"kind":"deletion"},"subject":{"external_id":"u","aliases":[]},"consents":[],"fields":{"a":""}})
    );
}

#[test]
fn a_mapped_row_is_checked_like_a_line() {
    let wrong = json!({"kind":"deletion","subject":{"email":5}});

    let error = Request::from_value(wrong, &mut Warnings::new()).unwrap_err();

    assert_eq!(error.to_string(), "`subject.email` is a number: write it in quotes");
    let error = Request::from_value(json!([1]), &mut Warnings::new()).unwrap_err();
    assert_eq!(error.problem, Problem::NotAnObject);
}

#[test]
fn a_line_of_another_shape_is_a_row() {
    assert_eq!(
        Value::Object(parse_row(br#"{"Email":"a","n":[1,null]}"#).unwrap()),
        json!({"Email":"a","n":[1,null]})
    );
    assert_eq!(parse_row(b"[1]").unwrap_err().problem, Problem::NotAnObject);
    assert_eq!(parse_row(br#"{"a":1,"a":2}"#).unwrap_err().problem.to_string(), "a member stands twice");
    assert_eq!(parse_row(b"{\"a\":\"\xff\"}").unwrap_err().problem, Problem::NotUtf8);
}

#[test]
fn a_change_is_dated_by_the_consent_then_by_the_record() {
    let moment = |text: &str| Moment::parse(text);
    let dated = |request: &Request, consent: Option<usize>| {
        let consent = consent.and_then(|at| request.scope.get("consents")?.get(at));
        changed_at(consent, request.scope.get("request"))
    };
    let request = good(FULL);
    assert_eq!(dated(&request, Some(1)), moment("2026-11-20T10:00:01Z"));
    assert_eq!(dated(&request, Some(0)), moment("2026-11-20T09:59:00.5+01:00"));
    assert_eq!(dated(&request, None), moment("2026-11-20T09:59:00.5+01:00"));
    let received = good(r#"{"kind":"other","received_at":"2026-11-20T10:00:00Z"}"#);
    assert_eq!(dated(&received, None), moment("2026-11-20T10:00:00Z"));
    assert_eq!(dated(&good(r#"{"kind":"other"}"#), Some(9)), None);
}

proptest::proptest! {
    #[test]
    fn no_line_makes_it_stumble(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        if let Err(error) = Request::parse(&bytes, &mut Warnings::new()) {
            proptest::prop_assert!(error.to_string().len() < 200);
        }
    }

    #[test]
    fn no_cut_or_changed_record_makes_it_stumble(at in 0..FULL.len(), byte in proptest::num::u8::ANY, cut in proptest::bool::ANY) {
        let mut line = FULL.as_bytes().to_vec();
        if cut { line.truncate(at) } else { line[at] = byte }
        if let Ok(request) = Request::parse(&line, &mut Warnings::new()) {
            proptest::prop_assert!(request.scope["consents"].is_array() && request.scope["subject"]["aliases"].is_array());
        }
    }
}

//! Searches told by hand what Braze answers.

use serde_json::{Value, json};

use super::*;
use crate::job::Fail;
use crate::source::Source;
use crate::workflow::{Known, Rules, StepKind, load};

/// The options of the only step of a workflow.
pub(super) fn rules(id: &str, with: &str) -> Rules {
    let text = format!(
        "workflow: w\non: {{ file: {{}} }}\nvars: {{ found: 1 }}\nsteps:\n  - uses: privaflow/{id}\n    with: {with}\n"
    );
    let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
    let mut steps = workflow.unwrap_or_else(|| panic!("{mistakes:#?}")).steps;
    match steps.remove(0).kind {
        StepKind::Composed(composed) => composed.rules,
        other => panic!("{other:?}"),
    }
}

/// Profiles of a workspace: an answer shows all that have what is asked for.
pub(super) struct Braze(pub Vec<Value>);

impl Braze {
    pub fn answer(&self, body: &Value) -> Value {
        let asks = |member: &str, value: &Value| {
            body[member].as_array().is_some_and(|asked| asked.contains(value)) || &body[member] == value
        };
        let has = |user: &&Value| {
            let of = |member: &str, asked: &str| !user[member].is_null() && asks(asked, &user[member]);
            let aliases = user["user_aliases"].as_array().into_iter().flatten();
            let devices = user["devices"].as_array().into_iter().flatten();
            let is_like = body["email_address"].as_str().is_some_and(|asked| {
                user["email"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(asked))
            });
            of("external_id", "external_ids")
                || of("braze_id", "braze_id")
                || is_like
                || of("phone", "phone")
                || aliases.into_iter().any(|alias| asks("user_aliases", alias))
                || devices.into_iter().any(|device| asks("device_id", &device["device_id"]))
        };
        json!({ "users": self.0.iter().filter(has).collect::<Vec<_>>() })
    }
}

/// What a search came to, and what it asked in turn.
fn search(with: &str, subject: Value, braze: &Braze) -> (Result<Value, Failed>, Vec<Value>) {
    let Rules::Find(rules) = rules("find_profiles", with) else { panic!() };
    let mut find = match Find::begin(&rules, &subject, None, None) {
        Ok(find) => find,
        Err(failed) => return (Err(failed), Vec::new()),
    };
    let mut asked = Vec::new();
    loop {
        match find.next() {
            Asks::Call(_, mut body) => {
                find.hear(&braze.answer(&body));
                body.as_object_mut().unwrap().remove("fields_to_export");
                asked.push(body);
            }
            Asks::Done { output, .. } => return (Ok(output), asked),
            Asks::Fails(failed) => return (Err(failed), asked),
            Asks::Pause { .. } => panic!("a search waits for nothing"),
        }
    }
}

pub(super) fn found(subject: Value, braze: &Braze) -> Value {
    search("{}", subject, braze).0.unwrap()
}

pub(super) fn household() -> Braze {
    let alias = json!([{ "alias_name": "n-1", "alias_label": "web" }]);
    Braze(vec![
        json!({ "braze_id": "b-ada", "external_id": "ada", "email": "home@example.com", "phone": "+1" }),
        json!({ "braze_id": "b-bob", "external_id": "bob", "email": "home@example.com", "phone": "+2" }),
        json!({ "braze_id": "b-web", "user_aliases": alias, "email": "home@example.com" }),
        json!({ "braze_id": "b-sms", "phone": "+1", "devices": [{ "device_id": "d-1" }] }),
        json!({ "braze_id": "b-anon", "devices": [{ "device_id": "d-1" }] }),
        json!({ "braze_id": "b-bobs-sms", "phone": "+2" }),
    ])
}

#[test]
fn what_an_answer_reveals_is_followed_until_nothing_new_appears() {
    let (output, asked) = search("{}", json!({ "external_id": "ada" }), &household());

    assert_eq!(output.unwrap()["braze_ids"], json!(["b-ada", "b-web", "b-sms", "b-anon"]));
    let expected = [
        json!({ "external_ids": ["ada"] }),
        json!({ "email_address": "home@example.com" }),
        json!({ "phone": "+1" }),
        json!({ "device_id": "d-1" }),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn somebody_else_with_a_revealed_address_is_told_apart_and_not_followed() {
    let output = found(json!({ "external_id": "ada" }), &household());

    assert_eq!(output["others"], json!(["b-bob"]));
    let bob = output["profiles"].as_array().unwrap().iter().find(|profile| profile["braze_id"] == "b-bob");
    let bob = bob.unwrap();
    assert_eq!(
        (&bob["other"], &bob["led_by"]),
        (&json!(true), &json!([{ "kind": "email", "how": "revealed" }]))
    );
    assert!(!output.to_string().contains("b-bobs-sms"), "what leads on from somebody else is theirs");
    assert!(!output["identifiers"].to_string().contains("bob"), "{output}");
}

#[test]
fn everybody_behind_an_address_that_the_request_names_is_found() {
    let output = found(json!({ "email": "home@example.com" }), &household());

    let ids = ["b-ada", "b-bob", "b-web", "b-sms", "b-bobs-sms", "b-anon"];
    assert_eq!((&output["braze_ids"], &output["others"]), (&json!(ids), &json!([])));
    let led = json!([{ "kind": "email", "how": "given" }, { "kind": "phone", "how": "revealed" }]);
    assert_eq!(output["profiles"][0]["led_by"], led);
}

#[test]
fn an_address_that_is_not_trusted_makes_nobody_with_an_own_id_the_person() {
    let with = "{ trust: [external_id, user_alias, braze_id] }";
    let subject = json!({ "external_id": "ada", "email": "home@example.com" });
    let output = search(with, subject, &household()).0.unwrap();

    assert_eq!(output["braze_ids"], json!(["b-ada", "b-web", "b-sms", "b-anon"]));
    assert_eq!(output["others"], json!(["b-bob"]));
}

#[test]
fn whoever_takes_the_others_follows_them_too() {
    let output = search("{ others: take }", json!({ "external_id": "ada" }), &household()).0.unwrap();

    assert_eq!(output["others"], json!([]));
    assert_eq!(output["braze_ids"].as_array().unwrap().len(), 6);
}

#[test]
fn only_what_is_to_be_followed_is_followed() {
    let (output, asked) = search("{ follow: [phone] }", json!({ "external_id": "ada" }), &household());

    assert_eq!(output.unwrap()["braze_ids"], json!(["b-ada", "b-sms"]));
    assert_eq!(asked.len(), 2);
}

#[test]
fn ids_and_aliases_are_asked_for_together_and_everything_else_alone() {
    let alias = json!({ "alias_name": "n-1", "alias_label": "web" });
    let subject = json!({
        "external_id": "ada", "aliases": [alias, alias], "braze_id": "b-ada",
        "email": "Home@Example.com", "phone": "", "first_name": "Ada",
    });
    let (output, asked) = search("{ follow: [email] }", subject, &household());

    let expected = [
        json!({ "external_ids": ["ada"], "user_aliases": [alias] }),
        json!({ "braze_id": "b-ada" }),
        json!({ "email_address": "Home@Example.com" }),
    ];
    assert_eq!(asked, expected, "an address is asked for once, however it is written");
    let kinds = |name: &str| output.as_ref().unwrap()["identifiers"][name].as_array().unwrap().len();
    assert_eq!(
        (kinds("external_ids"), kinds("user_aliases"), kinds("emails"), kinds("phones")),
        (2, 1, 1, 0)
    );
}

#[test]
fn a_renamed_id_is_what_led_to_a_profile_that_shows_another() {
    let Rules::Find(rules) = rules("find_profiles", "{ follow: [] }") else { panic!() };
    let alias = json!({ "alias_name": "n", "alias_label": "l" });
    let subject = json!({ "external_id": "old", "aliases": [alias] });
    let mut find = Find::begin(&rules, &subject, None, None).unwrap();

    find.hear(&json!({ "users": [{ "braze_id": "b-1", "external_id": "new" }] }));

    let Asks::Done { output, .. } = find.next() else { panic!() };
    assert_eq!(output["braze_ids"], json!(["b-1"]));
    assert_eq!(output["identifiers"]["external_ids"], json!(["old", "new"]));
}

#[test]
fn more_profiles_than_one_person_has_are_for_a_person_to_look_at() {
    let shop = |n: usize| json!({ "braze_id": format!("b-{n}"), "external_id": format!("u-{n}"), "email": "info@example.com" });
    let braze = Braze((0..51).map(shop).collect());

    let failed = search("{}", json!({ "email": "info@example.com" }), &braze).0.unwrap_err();

    assert_eq!((failed.code, failed.reason), ("too_many_profiles", Fail::Assert));
    let few = Braze((0..50).map(shop).collect());
    assert_eq!(
        found(json!({ "email": "info@example.com" }), &few)["braze_ids"].as_array().unwrap().len(),
        50
    );
}

#[test]
fn nobody_is_looked_for_without_an_identifier() {
    for subject in [json!({}), json!({ "first_name": "A", "aliases": [] }), json!({ "email": " " })] {
        assert_eq!(search("{}", subject, &household()).0.unwrap_err().code, "no_identifier");
    }
}

#[test]
fn nothing_that_a_request_names_is_passed_over() {
    let half = json!({ "aliases": [{ "alias_name": "n" }], "email": "a@example.com" });
    for (subject, code) in [
        (half, "missing_field"),
        (json!({ "external_id": 7 }), "wrong_type"),
        (json!({ "aliases": "n" }), "wrong_type"),
    ] {
        assert_eq!(search("{}", subject, &household()).0.unwrap_err().code, code);
    }
}

#[test]
fn a_profile_without_its_id_is_no_answer() {
    let braze = Braze(vec![json!({ "external_id": "ada" })]);

    assert_eq!(search("{}", json!({ "external_id": "ada" }), &braze).0.unwrap_err().code, "bad_answer");
}

#[test]
fn no_value_shows_when_a_search_is_printed() {
    let Rules::Find(rules) = rules("find_profiles", "{}") else { panic!() };
    let mut find = Find::begin(&rules, &json!({ "email": "marker@example.com" }), None, None).unwrap();
    find.hear(&household().answer(&json!({ "email_address": "home@example.com" })));

    let look = identifier::Look::all(
        vec![identifier::Identifier::Alias("marker".into(), "marker".into())],
        identifier::How::Given,
    );
    assert!(!format!("{find:?} {look:?}").contains("marker"));
}

//! Searches of looks at people who were erased, told by hand what Braze answers.

use serde_json::{Value, json};

use super::tests::{Braze, rules};
use super::*;
use crate::run::Sought;
use crate::run::sought::SoughtIn;
use crate::run::spaces::Spaces;
use crate::workflow::{Kind, Rules};

/// What a search comes to in the workspace `eu`.
fn found(braze: &Braze, id: &str, subject: Value, sought: &Sought, spaces: &Spaces) -> Value {
    let rules = match id {
        "find_again" => rules(id, "{}"),
        _ => rules(id, "{ follow: [] }"),
    };
    let Rules::Find(rules) = rules else { panic!() };
    let here = sought.here("eu", spaces, rules.is_beside);
    let mut find = Find::begin(&rules, &subject, None, Some(here)).unwrap();
    loop {
        match find.next() {
            Asks::Call(_, body) => find.hear(&braze.answer(&body)),
            Asks::Done { output, .. } => return output,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_look_finds_who_is_there_again_under_what_an_erasure_covered_and_takes_nobody_with_a_name_of_their_own() {
    let braze = Braze(vec![
        json!({"braze_id": "b-2", "external_id": null, "email": "a@example.com"}),
        json!({"braze_id": "b-3", "external_id": "u-1", "email": "a@example.com"}),
        json!({"braze_id": "b-4", "external_id": "new", "email": "a@example.com", "phone": "+15557770001"}),
        json!({"braze_id": "b-5", "external_id": null, "email": "given@example.com"}),
        json!({"braze_id": "b-6", "external_id": "home", "email": "given@example.com"}),
    ]);
    let sought = |subject: Value| Sought::named(&subject);
    let find =
        |id: &str, subject: Value, sought: &Sought| found(&braze, id, subject, sought, &Spaces::default());
    let covered = sought(json!({"email": "a@example.com"}));
    let named = json!({"external_id": "u-1", "email": "given@example.com"});

    // Whoever has no external id and an address that the erasure asked for; nobody with another external id, also
    // under an address that the request names: it may be somebody else's by now.
    let own = find("find_profiles", named.clone(), &covered);
    assert_eq!(own["braze_ids"], json!(["b-3", "b-5"]));
    assert_eq!(
        (&own["others"], &own["seen"]),
        (&json!(["b-6", "b-2", "b-4"]), &json!(["b-6", "b-2", "b-4"]))
    );
    // Beside another file no address alone makes anybody theirs: it may never have been asked for.
    let beside = find("find_again", named.clone(), &covered);
    assert_eq!(beside["braze_ids"], json!(["b-3"]));
    assert_eq!(beside["seen"], json!(["b-5", "b-6", "b-2", "b-4"]));
    // Who was there before, and stayed, is nobody who came back.
    let b_6 = vec![Identifier::Plain(Kind::BrazeId, "b-6".to_owned())];
    let email = covered.places()[0].identifiers.clone();
    let knowing = Sought::of(vec![SoughtIn::new("eu".into(), email, b_6)]);
    let knowing = Sought::of_bytes(&knowing.to_bytes()).unwrap();
    assert_eq!(find("find_profiles", named, &knowing)["seen"], json!(["b-2", "b-4"]));
    // A request that names nobody is looked for by what was covered, or not at all.
    assert_eq!(
        find("find_again", json!({}), &sought(json!({"phone": "+15557770001"})))["seen"],
        json!(["b-4"])
    );
    assert_eq!(find("find_again", json!({}), &sought(json!({})))["profiles"], json!([]));
}

#[test]
fn an_external_id_that_was_erased_in_one_workspace_is_not_asked_for_in_another_one() {
    let braze =
        Braze(vec![json!({"braze_id": "b-1", "external_id": "u-1", "email": "stranger@example.com"})]);
    let mut spaces = Spaces::default();
    ["eu", "us"].into_iter().for_each(|space| spaces.add("braze", space, space, false));
    let id = || Sought::named(&json!({"external_id": "u-1"})).places()[0].identifiers.clone();
    let kept_in = |space: &str| SoughtIn::new(space.into(), id(), Vec::new());
    let request = || json!({"email": "a@example.com"});
    let came_to = |found: Value| [found["braze_ids"].clone(), found["seen"].clone(), found["looks"].clone()];
    let find =
        |id: &str, subject: Value, sought: &Sought| came_to(found(&braze, id, subject, sought, &spaces));

    for search in ["find_profiles", "find_again"] {
        // Here it is the person's, there somebody else's
        let here = Sought::of(vec![kept_in("eu")]);
        assert_eq!(find(search, request(), &here), [json!(["b-1"]), json!([]), json!(2)]);
        let empty = SoughtIn::new("eu".into(), Vec::new(), Vec::new());
        let there = Sought::of(vec![kept_in("us"), empty]);
        assert_eq!(find(search, request(), &there), [json!([]), json!([]), json!(1)]);
        // Where the run had nothing to do, nothing is asked for, whatever the request names
        let only_there = Sought::of(vec![kept_in("us")]);
        assert_eq!(
            find(search, json!({"external_id": "u-1"}), &only_there),
            [json!([]), json!([]), json!(0)]
        );
        // What an earlier release kept, or of a workspace that is called something else by now, erases nobody
        let old = Sought::of_bytes(&by_kind(&id()).to_string().into_bytes()).unwrap();
        assert_eq!(find(search, request(), &old), [json!([]), json!(["b-1"]), json!(2)]);
        let renamed = Sought::of(vec![kept_in("before")]);
        assert_eq!(find(search, request(), &renamed), [json!([]), json!(["b-1"]), json!(2)]);
        // but where there is only one workspace
        let alone = found(&braze, search, request(), &old, &Spaces::default());
        assert_eq!(came_to(alone), [json!(["b-1"]), json!([]), json!(2)]);
    }
}

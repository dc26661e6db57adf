//! Searches of looks at people who were erased, told by hand what Braze answers.

use serde_json::{Value, json};

use super::tests::{Braze, rules};
use super::*;
use crate::run::Sought;
use crate::workflow::{Kind, Rules};

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
    let find = |id: &str, subject: Value, sought: &Sought| {
        let rules = match id {
            "find_again" => rules(id, "{}"),
            _ => rules(id, "{ follow: [] }"),
        };
        let Rules::Find(rules) = rules else { panic!() };
        let mut find = Find::begin(&rules, &subject, None, Some(sought)).unwrap();
        loop {
            match find.next() {
                Asks::Call(_, body) => find.hear(&braze.answer(&body)),
                Asks::Done { output, .. } => return output,
                other => panic!("{other:?}"),
            }
        }
    };
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
    let knowing = covered.clone().but_for([Identifier::Plain(Kind::BrazeId, "b-6".to_owned())].into_iter());
    let knowing = Sought::of_bytes(&knowing.to_bytes()).unwrap();
    assert_eq!(find("find_profiles", named, &knowing)["seen"], json!(["b-2", "b-4"]));
    // A request that names nobody is looked for by what was covered, or not at all.
    assert_eq!(
        find("find_again", json!({}), &sought(json!({"phone": "+15557770001"})))["seen"],
        json!(["b-4"])
    );
    assert_eq!(find("find_again", json!({}), &sought(json!({})))["profiles"], json!([]));
}

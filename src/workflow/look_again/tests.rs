//! Which steps a look has, by the file that it is made of.

use super::*;
use crate::source::Source;
use crate::workflow::look::look;
use crate::workflow::{Known, load};

fn file(again: &str, steps: &str) -> String {
    format!(
        "workflow: erase\non: {{ file: {{}} }}\nsteps:{steps}\nwatch: {{ after: [1d], again: {again} }}\n"
    )
}

/// The steps of a look, as the workflow of it has them.
#[track_caller]
fn steps(again: &str, steps: &str) -> Vec<String> {
    let source = look("w.yaml", &file(again, steps), 0).unwrap();
    let (workflow, mistakes) = load(&source, &Known::default());
    let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:?}\n{}", source.text));
    workflow.steps.iter().map(|step| step.label.clone()).collect()
}

const BY_ADDRESS: &str = r#"
  - id: erase
    uses: braze/users.delete
    with: { email_addresses: [{ email: "{{ subject.email }}", prioritization: [identified] }] }"#;

const BY_NUMBER: &str = r#"
  - id: erase
    uses: braze/users.delete
    with: { phone_numbers: [{ phone: "{{ subject.phone }}", prioritization: [identified] }] }"#;

const BY_ALIAS: &str = r#"
  - id: erase
    uses: braze/users.delete
    with: { user_aliases: [{ alias_name: "{{ subject.aliases.[0].alias_name }}", alias_label: crm }] }"#;

const BY_ID: &str = r#"
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }"#;

const OWN_SEARCH: &str = r#"
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id, external_id] }
  - set: { found: "steps.find.output.users.map(user, user.braze_id)" }
  - id: erase
    if: size(vars.found) > 0
    uses: braze/users.delete
    with: { braze_ids: "{{ vars.found }}" }"#;

/// Erases others than the search took for the person's.
const OTHERS: &str = r#"
  - { id: find, uses: privaflow/find_profiles }
  - id: erase
    if: size(steps.find.output.others) > 0
    uses: braze/users.delete
    with: { braze_ids: "{{ steps.find.output.others }}" }"#;

#[test]
fn a_look_that_erases_carries_out_no_step_that_could_erase_somebody_else_by_then() {
    for own in [BY_ADDRESS, BY_NUMBER, BY_ALIAS, BY_ID, OWN_SEARCH, OTHERS] {
        assert_eq!(steps("erase", own), ["again", "again_erase", "came_back_again", "again_asked"], "{own}");
    }
}

#[test]
fn a_file_that_looked_until_they_were_gone_does_so_again() {
    let looks = r#"
  - id: verify
    if: steps.erase.status == "done"
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id] }
    repeat: { every: 1m, at_most: 30m, until: size(output.users) == 0 }"#;
    let erases = steps("erase", &(OWN_SEARCH.to_owned() + looks));

    assert_eq!(erases, ["again", "again_erase", "again_verify", "came_back_again", "again_asked"]);
}

#[test]
fn a_file_that_asks_a_person_first_does_so_again_and_names_are_its_own() {
    let erases = steps("erase", &("\n  - { id: again, approve: really? }".to_owned() + BY_ID));

    assert_eq!(erases, ["again_", "again_approve", "again_erase", "came_back_again", "again_asked"]);
}

#[test]
fn where_a_file_erases_in_several_places_each_is_looked_at() {
    let eu = BY_ADDRESS.replace("users.delete", "users.delete\n    profile: eu");
    let us = BY_ADDRESS
        .replace("id: erase", "id: erase_us")
        .replace("users.delete", "users.delete\n    profile: us");
    let both = steps("erase", &(eu + &us));

    let expected =
        ["again", "again_erase", "again_2", "again_erase_2", "came_back_again", "came_back_again_2"];
    assert_eq!(both[..6], expected);
    assert_eq!(both[6..], ["again_asked"]);
}

#[test]
fn what_a_search_found_elsewhere_is_not_erased_as_it_stands() {
    let search = "\n  - { id: find, uses: privaflow/find_profiles, profile: eu }\n  - { id: erase, uses: braze/users.delete, if: size(steps.find.output.braze_ids) > 0, profile: PROFILE, with: { braze_ids: \"{{ steps.find.output.braze_ids }}\" } }";

    assert_eq!(steps("erase", &search.replace("PROFILE", "eu")), ["find", "erase", "came_back_again"]);
    let elsewhere = steps("erase", &search.replace("PROFILE", "us"));
    assert_eq!(elsewhere, ["again", "again_erase", "came_back_again", "again_asked"]);
}

#[test]
fn where_it_erases_must_be_known_unless_a_search_there_found_them() {
    let profile = r#"users.delete
    profile: "{{ fields.brand }}""#;
    let refused = look("w.yaml", &file("erase", &BY_ID.replace("users.delete", profile)), 0);
    assert!(matches!(refused, Err(NoLook::Again { .. })), "{refused:?}");
    assert!(look("w.yaml", &file("report", &BY_ID.replace("users.delete", profile)), 0).is_ok());

    let search = r#"
  - { id: find, uses: privaflow/find_profiles, profile: "{{ fields.brand }}" }
  - id: erase
    if: size(steps.find.output.braze_ids) > 0
    uses: braze/users.delete
    profile: "{{ fields.brand }}"
    with: { braze_ids: "{{ steps.find.output.braze_ids }}" }"#;
    assert_eq!(steps("erase", search), ["find", "erase"]);
}

/// Keeps the address unsubscribed afterwards.
const KEEP_OUT: &str = r#"
  - id: keep_out
    if: size(vars.kept) > 0
    uses: braze/email.status
    with: { email: "{{ subject.email }}", subscription_state: unsubscribed }"#;

const FOUND: &str = r#"
  - { id: find, uses: privaflow/find_profiles }
  - id: erase
    if: size(steps.find.output.braze_ids) > 0
    uses: braze/users.delete
    with: { braze_ids: "{{ steps.find.output.braze_ids }}" }
  - set: { kept: "steps.find.output.braze_ids" }"#;

fn warnings(again: &str, steps: &str) -> Vec<String> {
    let (_, mistakes) = load(&Source::new("w.yaml", file(again, steps)), &Known::default());
    mistakes.into_iter().map(|mistake| mistake.code.to_string()).collect()
}

#[test]
fn a_look_that_erases_again_sets_the_opt_out_again_where_it_did_and_is_told_of_where_it_cannot() {
    let text = FOUND.to_owned() + KEEP_OUT;

    let source = look("w.yaml", &file("erase", &text), 0).unwrap();

    let condition = r#"steps.erase.status == \"done\" && (size(vars.kept) > 0)"#;
    assert!(source.text.contains(condition), "{}", source.text);
    assert_eq!(steps("erase", &text)[3], "keep_out");
    assert!(!steps("report", &text).contains(&"keep_out".to_owned()));
    assert_eq!((warnings("erase", &text), warnings("report", &text)), (Vec::new(), Vec::new()));
    let own_way = OWN_SEARCH.to_owned() + &KEEP_OUT.replace("vars.kept", "vars.found");
    assert_eq!(warnings("erase", &own_way), ["opt_out_lost"]);
    assert_eq!(warnings("report", &own_way), [""; 0]);
}

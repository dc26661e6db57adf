//! What follows from what is known: who may approve, who is where, who is dormant, what is not known.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;
use crate::config;
use crate::journal::{StaffKind, StaffRow, Store};
use crate::onetrust::staff::{Group, GroupKind, Organization, Role, User};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn row(kind: StaffKind, id: &str, value: &impl serde::Serialize) -> StaffRow {
    StaffRow { kind, id: id.to_owned(), plain: Zeroizing::new(serde_json::to_vec(value).unwrap()) }
}

/// A tenant with these users, as Access Management tells them.
fn tenant(users: Vec<Value>, more: Vec<StaffRow>) -> Directory {
    let store = Store::temporary().unwrap();
    let now_ms = now().as_millisecond();
    store.begin_staff("acme", String::new(), now_ms).unwrap();
    let mut rows = more;
    for user in users {
        let user = User::of_access(&user).unwrap();
        rows.push(row(StaffKind::User, &user.id, &user));
    }
    store.put_staff("acme", rows, String::new(), now_ms).unwrap();
    store.finish_staff("acme", String::new(), now_ms).unwrap();
    let licences = [("*Officer".to_owned(), "Full".to_owned()), ("*".to_owned(), "Light".to_owned())];
    let rules =
        config::Directory { licences: licences.into_iter().collect(), ..config::Directory::default() };
    Directory::read(store.reader(), "acme", &rules).unwrap()
}

fn user(id: &str, role: &str, more: Value) -> Value {
    let mut user = json!({
        "userId": id, "email": format!("{id}@example.com"), "active": true, "createdDate": "2026-01-01T00:00:00Z",
        "lastLoginDate": "2026-11-20T00:00:00Z",
        "accessLevels": [{ "roleName": role, "organizationId": "o-2", "organizationName": "France" }],
    });
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    user
}

fn group(name: &str, members: &[&str], role: Option<&str>) -> StaffRow {
    let role = role.map(|role| vec![Role { role: role.to_owned(), ..Role::default() }]);
    let members = members.iter().map(|member| (*member).to_owned()).collect();
    let group =
        Group { id: name.to_owned(), name: name.to_owned(), members, roles: role, ..Group::default() };
    row(StaffKind::Group, name, &group)
}

fn organization(id: &str, name: &str, parent: Option<&str>) -> StaffRow {
    let parent_id = parent.map(str::to_owned);
    let one = Organization { id: id.to_owned(), name: name.to_owned(), parent_id, ..Organization::default() };
    row(StaffKind::Organization, id, &one)
}

fn emails(people: &[&Person]) -> Vec<String> {
    people.iter().filter_map(|person| person.user.email.clone()).collect()
}

#[test]
fn a_name_says_what_it_is_or_is_a_user_with_an_at_and_a_group_before_a_role() {
    assert_eq!(Named::read(" ada@example.com "), Some(Named::User("ada@example.com".to_owned())));
    assert_eq!(Named::read("User: ada"), Some(Named::User("ada".to_owned())));
    assert_eq!(Named::read("group:Legal"), Some(Named::Group("Legal".to_owned())));
    assert_eq!(Named::read("role: *Officer*"), Some(Named::Role("*Officer*".to_owned())));
    assert_eq!(Named::read("Legal: EU"), Some(Named::Either("Legal: EU".to_owned())));
    assert_eq!((Named::read("role: "), Named::read("")), (None, None));
}

#[test]
fn a_list_of_approvers_lets_those_who_are_meant_and_active_and_nobody_else() {
    let directory = tenant(
        vec![
            user("ada", "Viewer", json!({})),
            user("bob", "Privacy Officer", json!({})),
            user("cyd", "Privacy Officer", json!({ "active": false })),
            user("dan", "Viewer", json!({ "expirationDateTime": "2026-11-22T09:59:59Z" })),
            user("eve", "Viewer", json!({})),
        ],
        vec![group("Legal", &["ada", "dan"], None)],
    );
    let approvers = Approvers::of(&["Legal", "role:privacy officer", "user:nobody@example.com"]);
    let check = |who: &str| approvers.check(&directory, &format!("{who}@example.com"), DAY, now());

    assert_eq!((check("ada"), check("BOB")), (Ok(()), Ok(())));
    assert_eq!((check("cyd"), check("dan")), (Err(Denied::Inactive), Err(Denied::Inactive)));
    assert_eq!((check("eve"), check("zed")), (Err(Denied::NotNamed), Err(Denied::Unknown)));
    let able: Vec<usize> = approvers.meant(&directory, now()).iter().map(|meant| meant.able.len()).collect();
    assert_eq!(able, [1, 1, 0]);
    assert_eq!(
        Approvers::of::<&str>(&[]).check(&directory, "ada@example.com", DAY, now()),
        Err(Denied::NotNamed)
    );
}

#[test]
fn nobody_may_approve_by_a_directory_that_was_never_read_or_too_long_ago() {
    let approvers = Approvers::of(&["ada@example.com"]);
    let old = tenant(vec![user("ada", "Viewer", json!({}))], Vec::new());
    let never = Directory { synced: None, ..old.clone() };

    assert_eq!(approvers.check(&never, "ada@example.com", DAY, now()), Err(Denied::NotSynced));
    let later = now() + DAY + SignedDuration::from_secs(1);
    assert_eq!(approvers.check(&old, "ada@example.com", DAY, later), Err(Denied::Stale));
}

#[test]
fn roles_of_a_group_are_roles_of_its_members_and_give_the_licence() {
    let directory = tenant(
        vec![user("ada", "Viewer", json!({})), user("bob", "Viewer", json!({}))],
        vec![group("Answerers", &["ada"], Some("Privacy Officer"))],
    );
    let of = |who: &str| directory.find(&format!("{who}@example.com")).unwrap();

    assert!(of("ada").touches_requests && of("ada").has_role("privacy*"));
    assert_eq!((of("ada").licence(), of("bob").licence()), ("Full", "Light"));
    assert!(!of("bob").touches_requests && !of("bob").is_admin);
}

#[test]
fn a_group_of_the_older_scim_is_a_role_and_no_group() {
    let scim = json!({ "id": "ada", "userName": "ada@example.com", "active": true, "name": {} });
    let scim = User::of_scim(&scim).unwrap();
    let kind = GroupKind::RoleInOrganization;
    let pair = Group {
        id: "g".to_owned(),
        name: "Privacy Officer - France".to_owned(),
        kind,
        members: vec!["ada".to_owned()],
        ..Group::default()
    };
    let directory =
        tenant(Vec::new(), vec![row(StaffKind::User, "ada", &scim), row(StaffKind::Group, "g", &pair)]);

    let ada = directory.find("ada@example.com").unwrap();
    assert!(ada.are_roles_known && ada.touches_requests && ada.groups.is_empty());
    assert_eq!(ada.seen(), Seen::Unknown);
    assert!(!ada.is_unseen_for(DAY, now()), "who may have been there is not dormant");
}

#[test]
fn an_organisation_covers_those_below_it_and_its_name_alone_covers_itself() {
    let users =
        || vec![user("ada", "Viewer", json!({})), user("bob", "Viewer", json!({ "accessLevels": [] }))];
    let tree = vec![
        organization("o-2", "France", Some("o-1")),
        organization("o-1", "Top", None),
        organization("o-3", "Lyon", Some("o-2")),
    ];
    let (with, without) = (tenant(users(), tree), tenant(users(), Vec::new()));
    let found = |directory: &Directory, name: &str| {
        let filter = Filter { organization: Some(name.to_owned()), ..Filter::default() };
        filter.of(directory, now()).map(|people| emails(&people))
    };

    assert_eq!(found(&with, "top").unwrap(), ["ada@example.com"]);
    assert_eq!(found(&with, "Lyon").unwrap(), Vec::<String>::new());
    assert_eq!(found(&without, "france").unwrap(), ["ada@example.com"]);
    assert_eq!(found(&without, "Top"), Err("Top".to_owned()));
    let order: Vec<&str> = with.organizations.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(order, ["Top", "France", "Lyon"]);
}

#[test]
fn who_never_signed_in_is_dormant_from_the_day_they_were_made() {
    let directory = tenant(
        vec![
            user("ada", "Viewer", json!({ "lastLoginDate": null })),
            user("bob", "Viewer", json!({ "lastLoginDate": null, "createdDate": "2026-11-21T00:00:00Z" })),
            user("cyd", "Viewer", json!({ "lastLoginDate": "2026-08-20T00:00:00Z" })),
        ],
        Vec::new(),
    );
    let filter = Filter { unseen_for: Some(DAY * 90), ..Filter::default() };

    assert_eq!(emails(&filter.of(&directory, now()).unwrap()), ["ada@example.com", "cyd@example.com"]);
    let findings = review(&directory, &[], DAY * 90, now());
    let why: Vec<&str> = findings.iter().map(|finding| finding.why.as_str()).collect();
    assert_eq!(why, ["never signed in", "last seen 94 days ago"]);
}

#[test]
fn a_name_that_two_have_means_nobody_and_nothing_of_anybody_is_printed() {
    let named = |id: &str| user(id, "Viewer", json!({ "fullName": "Kim Marker" }));
    let directory = tenant(vec![named("ada"), named("bob")], Vec::new());

    assert!(directory.find("kim marker").is_none());
    assert!(directory.find("ADA@example.com").is_some() && directory.find("bob").is_some());
    let printed = format!("{directory:?}").to_lowercase();
    assert!(!printed.contains("marker") && !printed.contains("@example"), "{printed}");
}

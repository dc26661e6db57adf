//! What the documents show and real tenants leave out, read.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_user_of_access_management_has_roles_with_organisations() {
    let user = User::of_access(&json!({
        "userId": "u-1", "fullName": "Ross Taylor", "email": "jane.doe@example.com", "active": true,
        "internal": false, "lastLoginDate": "2024-09-10T07:05:00Z", "disabledBy": "Michael Douglas",
        "accessLevels": [
            {"organizationId": "o-1", "organizationName": "My Org", "roleId": "r-2", "roleName": "Viewer"},
            {"organizationId": "o-1", "organizationName": "My Org", "roleId": "r-1", "roleName": "Audit Manager"},
        ],
    }))
    .unwrap();

    let roles: Vec<&str> = user.roles.iter().flatten().map(|role| role.role.as_str()).collect();
    assert_eq!(roles, ["Audit Manager", "Viewer"]);
    assert_eq!((user.name.as_deref(), user.internal), (Some("Ross Taylor"), Some(false)));
    assert_eq!(user.last_login.as_deref(), Some("2024-09-10T07:05:00Z"));
    assert_eq!(format!("{user:?}"), "User { active: Some(true), roles: Some(2), .. }");
}

#[test]
fn a_user_of_scim_says_nothing_of_roles_and_sign_ins() {
    let user = User::of_scim(&json!({
        "id": "u-1", "userName": "gpb@example.com", "active": true, "userType": "Internal", "roles": [],
        "name": {"givenName": "George", "familyName": "Burdell"},
        "emails": [{"value": "old@example.com"}, {"value": "gpb@example.com", "primary": true}],
        "groups": [{"value": "g-1", "display": "Sales"}],
        "meta": {"created": "2023-10-01T09:15:00Z", "lastModified": "2024-02-20T14:45:00.123Z"},
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Legal", "organization": null},
    }))
    .unwrap();

    assert_eq!((user.roles, user.last_login), (None, None));
    assert_eq!(user.email.as_deref(), Some("gpb@example.com"));
    assert_eq!((user.groups, user.department.as_deref()), (vec!["g-1".to_owned()], Some("Legal")));
    assert_eq!(user.modified.as_deref(), Some("2024-02-20T14:45:00.123Z"));
}

#[test]
fn whoever_is_not_known_to_be_active_is_not_and_access_that_ended_has_ended() {
    let now = moment("2026-11-22T10:00:00Z");
    let user = |more: Value| {
        let mut user = json!({"userId": "u-1"});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        User::of_access(&user).unwrap().is_active(now)
    };

    assert!(user(json!({"active": true})));
    assert!(user(json!({"active": true, "expirationDateTime": "2026-11-22T10:00:01Z"})));
    assert!(!user(json!({"active": true, "expirationDateTime": "2026-11-22T10:00:00Z"})));
    assert!(!user(json!({"active": false})));
    assert!(!user(json!({})));
}

#[test]
fn the_tree_of_organisations_becomes_a_list_from_the_top_down() {
    let tree = json!({"organizationId": "o-1", "name": "Top", "children": [
        {"organizationId": "o-2", "name": "France", "children": [{"organizationId": "o-4", "name": "Lyon"}]},
        {"name": "No id", "children": [{"organizationId": "o-3", "name": "Orphan"}]},
    ]});

    let list = organizations(&tree);

    let shown: Vec<(&str, Option<&str>)> =
        list.iter().map(|one| (one.name.as_str(), one.parent_id.as_deref())).collect();
    assert_eq!(
        shown,
        [("Top", None), ("France", Some("o-1")), ("Lyon", Some("o-2")), ("Orphan", Some("o-1"))]
    );
}

#[test]
fn a_page_of_scim_goes_on_behind_what_came_and_not_behind_what_was_asked() {
    let page = |total: Value, items: usize| {
        let items: Vec<Value> = (0..items).map(|number| json!({"id": number})).collect();
        list(json!({"totalResults": total, "startIndex": 1, "itemsPerPage": 25, "Resources": items})).unwrap()
    };

    assert_eq!(page(json!(60), 25).next(1), Some(26));
    assert_eq!(page(json!(60), 10).next(26), Some(36));
    assert_eq!(page(json!(60), 25).next(36), None);
    assert_eq!(page(json!(60), 0).next(36), None);
    assert_eq!(page(Value::Null, 25).next(1), Some(26));
    assert_eq!(list(json!({"totalResults": 0})).unwrap().items.len(), 0);
    assert!(list(json!([])).is_err() && list(json!({"error": "x"})).is_err());
}

#[test]
fn a_sign_in_succeeded_only_when_the_service_says_so() {
    let read = |status: Value| {
        SignIn::read(&json!({"userId": "u-1", "createDT": "2023-01-15T14:30:00Z", "status": status})).unwrap()
    };

    assert!(read(json!("Success")).success && read(json!("SUCCESS")).success);
    assert!(!read(json!("Failure")).success && !read(Value::Null).success);
    assert!(SignIn::read(&json!({"userId": "u-1", "status": "Success"})).is_none());
}

#[test]
fn an_address_of_the_api_is_no_person() {
    let user = |email: &str| User::of_access(&json!({"userId": "u", "email": email})).unwrap();

    assert!(user("0A1b@API.onetrust.com").is_of_the_api());
    assert!(!user("api@onetrust.com").is_of_the_api());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é]{0,12}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("id".to_owned()),
        Just("userId".to_owned()),
        Just("emails".to_owned()),
        Just("name".to_owned()),
        Just("accessLevels".to_owned()),
        Just("roleName".to_owned()),
        Just("children".to_owned()),
        Just("Resources".to_owned()),
        Just("totalResults".to_owned()),
        Just("date".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nonsense_makes_nothing_panic(value in any_json()) {
        drop((User::of_access(&value), User::of_scim(&value), Group::of_access(&value)));
        drop((Group::of_scim(&value, GroupKind::UserGroup), organizations(&value)));
        drop((SignIn::read(&value), Activity::read(&value), list(value)));
    }
}

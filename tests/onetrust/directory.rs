//! The staff of a tenant, read from the look-alike over real sockets into a real store: by every way in, in the
//! middle of failures, after a kill, with people who come and go meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use privaflow::clock::SystemClock;
use privaflow::config::UserSource;
use privaflow::directory::{
    Approvers, Capability, Denied, Directory, Filter, Held, Section, Seen, Users, live, review, standing,
};
use privaflow::sandbox::onetrust::Options;
use privaflow::sandbox::{Effect, Fault, Faults};
use privaflow::workflow::Policy;
use serde_json::json;

use crate::desk::{ALL, Desk, USERS, gaps, now, options};

#[tokio::test]
async fn everything_that_the_scopes_allow_is_read_and_what_is_missing_is_named() {
    let without = |missing: &str| ALL.into_iter().filter(|scope| *scope != missing).collect::<Vec<_>>();
    for credential in
        ["oauth2: { client_id: { file: id }, client_secret: { file: secret } }", "token: { file: key }"]
    {
        let all = Desk::by(options(&ALL), credential).await;
        let synced = all.sync().await.unwrap();
        assert_eq!((synced.told.users, synced.told.counts.users), (Users::Access, 300));
        assert_eq!((synced.told.counts.groups, synced.told.counts.organizations), (6, 3));
        assert!(gaps(&synced).is_empty() && synced.told.counts.sign_ins > 100, "{synced:?}");

        let no_scim = Desk::by(options(&without("SCIM")), credential).await.sync().await.unwrap();
        assert_eq!((no_scim.told.users, gaps(&no_scim).len()), (Users::Access, 0));

        let no_tree = Desk::by(options(&without("ORGANIZATION")), credential).await.sync().await.unwrap();
        assert_eq!(gaps(&no_tree), ["organisations: ORGANIZATION"]);

        let no_user = Desk::by(options(&without("USER")), credential).await;
        let synced = no_user.sync().await.unwrap();
        assert_eq!((synced.told.users, synced.told.counts.users), (Users::ScimV3, 300));
        assert_eq!(
            gaps(&synced),
            [
                "roles: USER",
                "last sign-in, end of access, and who disabled somebody: USER",
                "sign-in history: USER",
                "changes of users' profiles: USER",
            ]
        );
        let directory = no_user.directory();
        assert!(
            directory.people.iter().all(|person| !person.are_roles_known && person.seen() == Seen::Unknown)
        );
        assert!(directory.people.iter().any(|person| person.is_in("Privacy Team")));

        let nothing = Desk::by(options(&["ORGANIZATION"]), credential).await.sync().await.unwrap_err();
        assert!(nothing.to_string().contains("the scope USER") && nothing.is_of_the_service(), "{nothing}");
        assert!(!nothing.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn the_test_of_a_connection_says_which_scope_each_thing_needs() {
    let desk = Desk::with(options(&["ORGANIZATION", "SCIM"])).await;

    let standing = standing(&desk.api, now()).await.unwrap();

    assert_eq!(standing.of(Capability::Users), Held::Forbidden);
    assert_eq!(standing.of(Capability::Organizations), Held::Allowed);
    assert_eq!(standing.of(Capability::ScimGroupsV2), Held::Allowed);
    assert!(standing.tells_users());
    let listed = desk.onetrust.calls();
    assert!(listed.paths.iter().all(|(path, count)| *count <= 1 || path.contains("token")), "{listed:?}");
}

#[tokio::test]
async fn the_older_scim_tells_roles_by_its_groups_and_pages_of_twenty_five() {
    let mut options = options(&["SCIM"]);
    options.manner = serde_json::from_value(json!({ "scim_v3": false })).unwrap();
    let desk = Desk::with(options).await;

    let synced = desk.sync().await.unwrap();

    assert_eq!((synced.told.users, synced.told.counts.users), (Users::ScimV2, 300));
    // Nine roles in three organisations.
    assert_eq!((synced.told.counts.groups, desk.asked("/api/scim/v2/Groups")), (27, 3));
    assert_eq!(desk.asked("/api/scim/v2/Users"), 13);
    let directory = desk.directory();
    let robin = directory.find("robin.approver@example.com").unwrap();
    assert!(robin.has_role("Privacy Officer - Example Organization") && robin.touches_requests);
    assert!(robin.groups.is_empty() && robin.are_roles_known);
}

#[tokio::test]
async fn twenty_thousand_are_read_through_failures_limits_and_a_kill_and_nobody_is_lost_or_gone() {
    let faults = Faults {
        faults: vec![
            Fault::new(Effect::DropAfterApplying).on(USERS).every(4),
            Fault::new(Effect::FailBeforeApplying { status: 503 }).on(USERS).every(7),
            Fault::new(Effect::TooManyRequests { retry_after_s: 1 }).on(USERS).every(5).at_most(2),
            Fault::new(Effect::DropBeforeApplying).every(11),
        ],
    };
    let mut desk = Desk::with(Options { staff: 20_000, faults, ..options(&ALL) }).await;
    desk.rules.sign_ins = Duration::from_secs(24 * 60 * 60);

    desk.sync_killed_at("10000 users").await;
    let asked_before = desk.asked(USERS);
    let synced = desk.sync().await.unwrap();

    assert!(synced.is_resumed);
    assert_eq!(synced.told.counts.users, 20_000);
    assert_eq!((synced.told.counts.new, synced.told.counts.gone), (20_000, 0));
    // Five pages were left, and one question about what may be asked; the rest is failures.
    let asked = desk.asked(USERS) - asked_before;
    assert!((6..18).contains(&asked), "{asked} after {asked_before}");
    assert_eq!(desk.directory().people.len(), 20_000);
    let again = desk.sync().await.unwrap();
    assert_eq!((again.told.counts.new, again.told.counts.changed, again.told.counts.gone), (0, 0, 0));
}

#[tokio::test]
async fn twenty_thousand_are_read_by_scim_twenty_five_at_a_time_and_go_on_after_a_kill() {
    let faults = Faults {
        faults: vec![
            Fault::new(Effect::DropBeforeApplying).every(97),
            Fault::new(Effect::FailBeforeApplying { status: 500 }).every(89),
            Fault::new(Effect::TooManyRequests { retry_after_s: 1 }).every(301),
        ],
    };
    let desk = Desk::with(Options { staff: 20_000, faults, ..options(&["SCIM"]) }).await;

    desk.sync_killed_at("15000 users").await;
    let asked_before = desk.asked("/api/scim/v3/Users");
    let synced = desk.sync().await.unwrap();

    assert!(synced.is_resumed);
    assert_eq!((synced.told.counts.users, synced.told.counts.gone), (20_000, 0));
    assert!((600..620).contains(&asked_before), "{asked_before}");
    assert!((200..220).contains(&(desk.asked("/api/scim/v3/Users") - asked_before)));
}

#[tokio::test]
async fn who_left_is_gone_and_who_was_only_not_met_is_not() {
    let desk = Desk::with(options(&ALL)).await;
    desk.sync().await.unwrap();
    desk.change(json!({ "email": "kim.analyst@example.com", "removed": true }));
    desk.change(json!({ "email": "new.one@example.com", "role": "Viewer" }));
    desk.change(json!({ "email": "robin.approver@example.com", "active": false }));

    let synced = desk.sync().await.unwrap();

    let counts = synced.told.counts;
    assert_eq!((counts.users, counts.new, counts.changed, counts.gone), (300, 1, 1, 1));
    let directory = desk.directory();
    let state = |email: &str| directory.find(email).map(|person| person.state(now()));
    assert_eq!(state("kim.analyst@example.com"), Some("gone"));
    assert_eq!(state("robin.approver@example.com"), Some("disabled"));
    assert_eq!(state("new.one@example.com"), Some("active"));
    // Of whose record changed the changes were read, and of nobody else.
    assert_eq!(counts.activities, 2);
    let robin = directory.find("robin.approver@example.com").unwrap();
    assert_eq!(directory.changes_of(&robin.user.id)[0].field.as_deref(), Some("Active"));
    desk.change(json!({ "email": "kim.analyst@example.com", "name": "Kim Analyst" }));
    assert_eq!(desk.sync().await.unwrap().told.counts.new, 1, "whoever is made anew is somebody else");
}

#[tokio::test]
async fn nobody_on_the_edge_of_a_page_is_lost_when_somebody_leaves_meanwhile() {
    let desk = Desk::with(options(&["SCIM"])).await;
    desk.sync().await.unwrap();
    let met = AtomicU64::new(0);
    let say = |said: &str| {
        if said.ends_with(" users") && met.fetch_add(1, Ordering::Relaxed) == 3 {
            // Everybody behind moves up one place: who stood first on the next page is met by nobody.
            desk.change(json!({ "email": "kim.analyst@example.com", "removed": true }));
        }
    };

    let synced = desk.sync_saying(&say).await.unwrap();
    let next = desk.sync().await.unwrap();

    // Kim had been met before, and is missed by the next sync.
    assert_eq!((synced.told.counts.users, synced.told.counts.gone), (300, 0));
    assert_eq!((next.told.counts.users, next.told.counts.new, next.told.counts.gone), (299, 0, 1));
}

#[tokio::test]
async fn whoever_was_gone_for_long_enough_is_forgotten() {
    let mut desk = Desk::with(options(&ALL)).await;
    desk.rules.keep = Duration::from_millis(1);
    desk.sync().await.unwrap();
    desk.change(json!({ "email": "kim.analyst@example.com", "removed": true }));

    desk.sync().await.unwrap();
    let synced = desk.sync().await.unwrap();

    assert!(synced.forgotten >= 1 || desk.directory().find("kim.analyst@example.com").is_none());
    assert!(desk.directory().find("kim.analyst@example.com").is_none());
    assert_eq!(desk.directory().people.len(), 299);
}

#[tokio::test]
async fn sign_ins_are_counted_once_however_often_they_are_read() {
    let desk = Desk::with(options(&ALL)).await;
    desk.sync().await.unwrap();
    let sum = |directory: &Directory| -> u64 {
        directory
            .people
            .iter()
            .filter_map(|person| person.sign_ins.as_ref())
            .map(|known| known.successes)
            .sum()
    };
    let before = sum(&desk.directory());

    let again = desk.sync().await.unwrap();

    assert_eq!((again.told.counts.sign_ins, sum(&desk.directory())), (0, before));
    assert!(before > 100, "{before}");
}

#[tokio::test]
async fn lists_are_narrowed_by_role_organisation_state_and_last_use() {
    let desk = Desk::with(options(&ALL)).await;
    desk.sync().await.unwrap();
    let (directory, now) = (desk.directory(), now());
    let of = |filter: Filter| filter.of(&directory, now).unwrap();
    let everybody = of(Filter::default()).len();

    let officers = of(Filter { role: Some("privacy officer".to_owned()), ..Filter::default() });
    let inactive = of(Filter { active: Some(false), ..Filter::default() });
    let unseen = of(Filter { unseen_for: Some(SignedDuration::from_hours(90 * 24)), ..Filter::default() });
    let in_france = of(Filter { organization: Some("example france".to_owned()), ..Filter::default() });
    let everywhere =
        of(Filter { organization: Some("Example Organization".to_owned()), ..Filter::default() });
    let team = Approvers::of(&["group:Request Approvers"]);
    let approvers = of(Filter { approvers: Some(team), ..Filter::default() });

    assert!(officers.iter().any(|person| person.is_called("ROBIN.approver@example.com")));
    assert!(!inactive.is_empty() && inactive.iter().all(|person| !person.is_active(now)));
    assert!(!unseen.is_empty() && unseen.len() < everybody);
    assert!(in_france.len() < everybody && everywhere.len() == everybody);
    assert!(!approvers.is_empty());
    assert!(approvers.iter().all(|person| person.is_active(now) && person.is_in("Request Approvers")));
    let unknown = Filter { organization: Some("Nowhere".to_owned()), ..Filter::default() };
    assert!(unknown.of(&directory, now).is_err());
}

#[tokio::test]
async fn somebody_who_was_disabled_may_not_approve_any_more_and_the_review_shows_it() {
    let desk = Desk::with(options(&ALL)).await;
    desk.sync().await.unwrap();
    let approvers = Approvers::of(&["robin.approver@example.com", "group:Nobody's Team", "ana"]);
    let check = |who: &str| approvers.check(&desk.directory(), who, SignedDuration::from_hours(24), now());
    let before = check("Robin.Approver@example.com");

    desk.change(json!({ "email": "robin.approver@example.com", "active": false }));
    desk.sync().await.unwrap();

    assert_eq!((before, check("robin.approver@example.com")), (Ok(()), Err(Denied::Inactive)));
    assert_eq!(check("kim.analyst@example.com"), Err(Denied::NotNamed));
    assert_eq!(check("nobody@example.com"), Err(Denied::Unknown));
    let late = now() + SignedDuration::from_hours(25);
    let stale = approvers.check(
        &desk.directory(),
        "robin.approver@example.com",
        SignedDuration::from_hours(24),
        late,
    );
    assert_eq!(stale, Err(Denied::Stale));
    let directory = desk.directory();
    let named = [("erase".to_owned(), approvers)];
    let findings = review(&directory, &named, SignedDuration::from_hours(90 * 24), now());
    let former: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.section == Section::FormerApprover)
        .map(|finding| finding.why.as_str())
        .collect();
    assert_eq!(
        former,
        ["disabled, and named in erase as a user", "named in erase, and nobody in OneTrust is meant by it"]
    );
    for section in [Section::Admin, Section::PrivacyRequests, Section::Dormant, Section::ApiCredential] {
        assert!(findings.iter().any(|finding| finding.section == section), "{section:?}");
    }
}

#[tokio::test]
async fn what_scim_does_not_tell_is_shown_as_not_known_in_a_review() {
    let desk = Desk::with(options(&["SCIM"])).await;
    desk.sync().await.unwrap();
    let directory = desk.directory();

    let found = review(&directory, &[], SignedDuration::from_hours(24 * 90), now());

    for section in [Section::Admin, Section::PrivacyRequests, Section::Dormant] {
        let is_told = found.iter().any(|one| one.section == section && one.why.starts_with("not known"));
        assert!(is_told, "{section:?}");
    }
    assert!(directory.people.iter().any(|person| person.is_known_admin().is_none()));
}

#[tokio::test]
async fn what_one_user_did_is_asked_when_somebody_wants_to_know() {
    let desk = Desk::with(options(&ALL)).await;
    desk.sync().await.unwrap();
    desk.change(json!({ "email": "robin.approver@example.com", "sign_in": true, "active": true }));
    let directory = desk.directory();
    let robin = directory.find("robin.approver@example.com").unwrap();

    let clock: privaflow::clock::SharedClock = Arc::new(SystemClock);
    let life = live(&desk.api, &clock, Policy::default(), &robin.user.id).await.unwrap();
    let without = Desk::with(options(&["SCIM"])).await;
    let unknown = live(&without.api, &clock, Policy::default(), &robin.user.id).await.unwrap();

    assert!(life.sign_ins.unwrap()[0].success);
    assert_eq!(life.activities.unwrap()[0].field.as_deref(), Some("Active"));
    assert!(unknown.sign_ins.is_none() && unknown.activities.is_none());
}

#[tokio::test]
async fn a_way_that_the_settings_choose_is_taken_or_refused_and_a_filter_narrows_it() {
    let mut desk = Desk::with(options(&ALL)).await;
    desk.rules.users = UserSource::ScimV3;
    desk.rules.filter = Some("userType eq \"External\"".to_owned());
    let synced = desk.sync().await.unwrap();
    let mut refused = Desk::with(options(&["SCIM"])).await;
    refused.rules.users = UserSource::Access;

    let error = refused.sync().await.unwrap_err();

    assert_eq!(synced.told.users, Users::ScimV3);
    assert!((1..300).contains(&synced.told.counts.users), "{synced:?}");
    assert!(desk.directory().people.iter().all(|person| person.user.internal == Some(false)));
    assert!(error.to_string().contains("where `users` of the settings says"), "{error}");
}

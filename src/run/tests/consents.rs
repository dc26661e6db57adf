//! `privaflow/verify_consent` in a run: when it looks, what it proves, and what it never calls so.

use super::*;

const SET: &str = "\
- uses: braze/users.track
  with: { attributes: [{ external_id: '{{ subject.external_id }}', email_subscribe: unsubscribed }] }
- id: verify
  uses: privaflow/verify_consent
  with:
    email_subscribe: unsubscribed
    groups: [{ subscription_group_id: 6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01, subscription_state: subscribed }]
- if: steps.verify.output.groups[0].effective == 'unsubscribed'
  fail: the global state stands above the group
";

/// The states of a person until so many looks, and then as they were set.
fn so_after(looks: usize) -> impl FnMut(&str) -> Answered {
    let mut asked = 0;
    move |path| {
        asked += usize::from(path.starts_with("verify"));
        let state = if asked > looks { "unsubscribed" } else { "opted_in" };
        let group = json!({ "id": "6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01", "channel": "email", "status": "Subscribed" });
        let user = json!({ "external_id": "u-1", "email_subscribe": state, "subscription_groups": [group] });
        Ok(json!({ "users": [user], "message": "success" }))
    }
}

#[test]
fn what_was_set_is_read_back_and_a_global_refusal_stands_above_a_group() {
    let ran = ran(&program(SET), someone(), so_after(2));

    let looks = ["step-1", "wait", "verify#0", "verify#1", "wait", "verify#2", "verify#3"];
    assert_eq!(ran.paths(), looks);
    assert_eq!((&ran.did[1].1, &ran.did[4].1), (&json!(300), &json!(600)));
    assert!(ran.finish.verified);
    assert_eq!(ran.trouble().0, Fail::Fail, "what is effective is told");
}

#[test]
fn an_opt_out_that_silently_did_nothing_is_seen() {
    let ran = ran(&program(SET), someone(), so_after(1000));

    assert_eq!(ran.trouble(), (Fail::Timeout, "not_effective", Some("verify")));
    assert!(ran.finish.failure.as_ref().unwrap().message.contains("email_subscribe"), "{:?}", ran.finish);
    assert!(!ran.finish.verified && ran.finish.accepted);
}

#[test]
fn an_opt_in_that_one_of_two_profiles_reads_is_neither_confirmed_nor_failed() {
    let steps = SET.replace("email_subscribe: unsubscribed", "email_subscribe: opted_in");
    let steps: String = steps.lines().take(6).map(|line| format!("{line}\n")).collect();
    let two = |second: &'static str| {
        move |path: &str| {
            let users =
                ["opted_in", second].map(|state| json!({ "external_id": state, "email_subscribe": state }));
            if path.starts_with("verify") { Ok(json!({ "users": users })) } else { accepted(path) }
        }
    };

    let both = ran(&program(&steps), someone(), two("opted_in"));
    let one = ran(&program(&steps), someone(), two("subscribed"));

    assert!(both.finish.verified && both.finish.failure.is_none());
    assert!(!one.finish.verified && one.finish.failure.is_none(), "{:?}", one.finish);
    assert!(one.paths().len() > both.paths().len(), "it is looked at until the deadline");
}

#[test]
fn what_was_set_on_nobody_is_not_called_so() {
    let nobody = |path: &str| if path.starts_with("verify") { finds(0)(path) } else { accepted(path) };
    let steps = SET.lines().take(7).map(|line| format!("{line}\n")).collect::<String>();

    let ran = ran(&program(&steps), someone(), nobody);

    assert_eq!(ran.verdict(), Verdict::Done);
    assert!(!ran.finish.verified);
}

//! Alone at the service: the limit is used up and never exceeded.

use std::time::Duration;

use crate::counter::{Counter, Counting};
use crate::folder::{Folder, request};

/// So many people in one call that no second call has room beside it in a body.
const PEOPLE: usize = 38;

/// Writes a list with a template for each of several people.
fn people(list: &str, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..PEOPLE).map(item).collect();
    format!("{list}: [{}]", items.join(", "))
}

/// Workflows of which each request is one HTTP request, by the action whose limit they are under.
fn workflow(action: &str) -> String {
    let id = |number: usize| format!("\"{{{{ subject.external_id }}}}-{number}\"");
    let with = match action {
        "users.track" => {
            people("attributes", |number| format!("{{ external_id: {}, seen: true }}", id(number)))
        }
        "users.delete" => people("external_ids", id),
        _ => format!(
            "subscription_group_id: 8b6c0ae9-6d3a-4f0f-9e3c-000000000001, subscription_state: subscribed, {}",
            people("external_id", id)
        ),
    };
    format!(
        "workflow: w\non: {{ file: {{}} }}\nguard: {{ max_subjects: {{ per_job: 1000000 }} }}\nsteps:\n  - uses: braze/{action}\n    with: {{ {with} }}\n"
    )
}

/// Carries out so many requests under a limit; gives the part of the limit that was used.
#[track_caller]
pub fn carry_out(action: &str, requests: usize, counting: Counting, profile: &str) -> Counter {
    let counter = Counter::start(counting);
    let folder = Folder::to(counter.address, &workflow(action));
    let settings = format!("token: {{ env: PRIVAFLOW_TEST_KEY }}\n    {profile}");
    folder.settings(counter.address, &settings);
    let kind = if action == "users.delete" { "deletion" } else { "consent" };
    folder
        .requests((0..requests).map(|number| request(kind, &format!("r-{number}"), &format!("u-{number}"))));

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [requests as u64, 0, 0, 0]), "{}", shot.stderr);
    counter
}

#[test]
fn a_small_limit_is_used_and_never_exceeded_whatever_time_it_is_for_the_service() {
    let jobs = [0, 333, -61_777].map(|ahead_ms| {
        std::thread::spawn(move || {
            let profile = "limits: { users.track: { requests: 100, per: 1s } }";
            let counting = Counting { ahead_ms, ..Counting::default() };
            carry_out("users.track", 350, counting, profile)
        })
    });
    for job in jobs {
        let counter = job.join().unwrap();
        let windows = counter.windows();
        assert_eq!(counter.refused(), 0, "{windows:?}");
        // A busy machine may stand still for one window, but not for all.
        assert!(windows.iter().any(|window| window.admitted >= 90), "{windows:?}");
    }
}

#[test]
fn documented_limits_are_used_to_97_parts_of_100_without_a_refusal() {
    if !std::env::var("PRIVAFLOW_LONG").is_ok_and(|value| value == "1") {
        return;
    }
    let limits = [
        ("users.track", 3_000, 3, 15_000),
        ("users.delete", 20_000, 60, 10_000),
        ("subscription.status.set", 5_000, 60, 3_000),
    ];
    let mut wasted = Vec::new();
    for (action, requests, per_s, wanted) in limits {
        let per = Duration::from_secs(per_s);
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        // The service's window ends in the middle of the job.
        let ahead_ms = -((since_epoch.as_millis() % per.as_millis()) as i64) - 15_000;
        let counting = Counting { requests, per, ahead_ms, ..Counting::default() };

        let counter = carry_out(action, wanted, counting, "");

        eprintln!("{action}: {:.4} of the limit, {:?}", counter.used(), counter.windows());
        assert_eq!(counter.refused(), 0, "{action}: {:?}", counter.windows());
        if counter.used() < 0.97 {
            wasted.push(format!("{action}: {:.4}, {:?}", counter.used(), counter.windows()));
        }
    }
    assert!(wasted.is_empty(), "{wasted:#?}");
}

//! The whole loop against stateful look-alikes: OneTrust, Braze, and back to where the request came from.

use privaflow::journal::Reader;
use privaflow::sandbox::Identifiers;
use privaflow::sandbox::onetrust::NewRequest;
use serde_json::{Value, json};

use crate::both::{Both, ERASE, call};
use crate::serving::{Serving, is_all_over, jobs, until};

const REPORTED: [&str; 2] = ["subtask.status IN_PROGRESS", "subtask.status COMPLETED"];

#[test]
fn a_subtask_that_a_hook_names_is_erased_verified_and_completed_once_even_after_a_kill() {
    // Given a subtask that is named to a server which is killed once it has said that it took it
    let both = Both::new(ERASE);
    let id = both.ask(&both.second, "ada@example.com");
    let serving = Serving::start(&both.folder);
    let taken = call(serving.address, &json!({ "payload": { "subTaskId": id } }));
    assert_eq!(taken, (202, r#"{"accepted":1,"repeated":0}"#.to_owned()));
    serving.running.kill();

    // When the next one serves
    let serving = Serving::start(&both.folder);
    until("it is completed", || Both::changes(&both.second).contains(&REPORTED[1].to_owned()));
    until("all is over", || is_all_over(&both.folder));

    // Then the person is gone, and OneTrust heard so once, at the account where the subtask is
    let again = call(serving.address, &json!({ "subTaskId": id }));
    assert_eq!(again, (202, r#"{"accepted":0,"repeated":1}"#.to_owned()));
    let (code, said) = serving.stop();
    assert_eq!(code, 0, "{said}");
    assert_eq!(Both::changes(&both.second).iter().filter(|change| change.contains("status")).count(), 2);
    assert_eq!(Both::changes(&both.first), Vec::<String>::new());
    assert!(both.braze.profiles().iter().all(|profile| profile.deleted), "{:?}", both.braze.profiles());
    let [job] = &jobs(&both.folder)[..] else { panic!("{said}") };
    assert_eq!((&job["done"], &job["status"]), (&json!(1), &json!("finished")), "{job}");
    assert_eq!(both.braze.requests().of("/users/delete"), 1);
    assert!(!said.contains("ada@example.com"), "{said}");
}

#[test]
fn each_account_hears_of_its_own_subtasks_whatever_brought_them() {
    let both = Both::new(ERASE);
    let named = both.ask(&both.second, "bo@example.com");
    both.ask(&both.first, "cy@example.com");
    let serving = Serving::start(&both.folder);
    assert_eq!(call(serving.address, &json!({ "subTaskId": named })).0, 202);

    for of in [&both.first, &both.second] {
        until("it is completed", || Both::changes(of).contains(&REPORTED[1].to_owned()));
    }
    until("all is over", || is_all_over(&both.folder));

    serving.stop();
    for of in [&both.first, &both.second] {
        let statuses: Vec<String> =
            Both::changes(of).into_iter().filter(|change| change.contains("status")).collect();
        assert_eq!(statuses, REPORTED);
    }
}

#[test]
fn a_subtask_whose_request_is_given_up_or_cannot_be_read_does_not_stay_in_progress() {
    // Given a request that waits for long behind its beginning, and one that names two customers
    let workflow = ERASE.replace("steps:\n", "steps:\n  - wait: 1h\n").replace(
        "kind: deletion, every: 1s",
        "kind: deletion, every: 1s, identifiers: { external_id: Customer number }",
    );
    let both = Both::new(&workflow);
    both.ask(&both.first, "hal@example.com");
    let numbers = vec!["c-1".to_owned(), "c-2".to_owned()];
    let unreadable = NewRequest {
        email: Some("ida@example.com".to_owned()),
        multiselect: [("Customer number".to_owned(), numbers)].into_iter().collect(),
        ..NewRequest::default()
    };
    both.first.add_request(unreadable).unwrap();
    let serving = Serving::start(&both.folder);
    until("one is in progress", || Both::changes(&both.first).contains(&REPORTED[0].to_owned()));

    // When somebody gives them up
    for job in jobs(&both.folder) {
        let cancelled = both.folder.run(&["jobs", "cancel", job["job"].as_str().unwrap()]);
        assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    }
    let failed = || both.first.changes().iter().filter(|change| change.value == "FAILED").count();
    until("both have failed", || failed() == 2);

    // Then OneTrust knows, without a word about the person, and is told once
    serving.running.kill();
    let serving = Serving::start(&both.folder);
    both.ask(&both.first, "jo@example.com");
    until("another is begun", || {
        Both::changes(&both.first).iter().filter(|change| *change == REPORTED[0]).count() == 2
    });
    let (_, said) = serving.stop();
    assert_eq!(failed(), 2, "{said}");
    let comments: Vec<String> =
        both.first.changes().into_iter().filter_map(|change| change.comment).collect();
    assert!(
        comments
            .iter()
            .any(|comment| comment.starts_with("It was given up before it was finished. Reference: job-")),
        "{comments:?}"
    );
    assert!(
        comments
            .iter()
            .any(|comment| comment.starts_with("The request cannot be read (wrong_type). Reference: job-")),
        "{comments:?}"
    );
    assert!(comments.iter().all(|comment| !comment.contains("example.com") && !comment.contains("c-1")));
    assert_eq!(both.braze.requests().of("/users/delete"), 0);
}

#[test]
fn the_shadow_reads_what_comes_by_every_way_and_changes_nothing_anywhere() {
    // Given work from a look, a hook and a schedule, and somebody to be told of failures
    let workflow =
        ERASE.replace("  file: {}\n", "  file: {}\n  schedule: { cron: '* * * * *', input: due.ndjson }\n");
    let both = Both::new(&workflow);
    let named = both.ask(&both.second, "di@example.com");
    both.ask(&both.first, "ed@example.com");
    both.braze
        .seed_subject(&Identifiers { email: Some("flo@example.com".to_owned()), ..Identifiers::default() });
    both.folder.write(
        "due.ndjson",
        "{\"kind\":\"deletion\",\"subject\":{\"email\":\"flo@example.com\"}}\n{\"kind\":\"access\"}\n",
    );
    let moves = privaflow::journal::Cursor {
        name: "schedule:erase".to_owned(),
        value: "2020-01-01T00:00:00Z".to_owned(),
    };
    let store = both.folder.path("store-shadow");
    privaflow::journal::Store::open(&store).unwrap().accept(Vec::new(), Some(moves)).unwrap();

    // When the shadow serves
    let serving = Serving::with(&both.folder, &["--shadow"]);
    assert_eq!(call(serving.address, &json!({ "subTaskId": named })).0, 202);
    let reader = Reader::open(&store).unwrap();
    until("all three were looked at", || {
        let jobs = reader.jobs().unwrap();
        jobs.len() >= 3 && jobs.iter().all(|job| reader.job(job.id).unwrap().status.is_closed())
    });
    let (code, said) = serving.stop();

    // Then everything was read, and nothing was sent that changes anything
    assert_eq!(code, 0, "{said}");
    let shown = |job: &str| both.folder.run(&["jobs", "show", job, "--shadow", "--output", "json"]).json();
    for job in ["job-1", "job-2", "job-3"] {
        assert_eq!(shown(job)["skipped_by"]["shadow"], 1, "{}", shown(job));
    }
    let allowed = ["/users/export/ids"];
    let asked = both.braze.requests();
    assert!(asked.paths.iter().all(|(path, _)| allowed.contains(path)) && asked.total > 0, "{asked:?}");
    for of in [&both.first, &both.second] {
        assert_eq!(Both::changes(of), Vec::<String>::new());
        let asked = of.calls();
        let writes = |path: &str| {
            ["/status", "/complete", "/comments", "/reprocess"].iter().any(|end| path.ends_with(end))
        };
        assert!(asked.paths.iter().all(|(path, _)| !writes(path)) && asked.total > 0, "{asked:?}");
    }
    assert!(said.contains("nobody is told anything"), "{said}");
    assert!(!both.folder.path("store").exists());
}

#[test]
fn jobs_that_were_over_long_enough_are_removed_while_it_serves() {
    let both = Both::new(ERASE);
    both.ask(&both.first, "gil@example.com");
    let serving = Serving::start(&both.folder);
    until("it is completed", || Both::changes(&both.first).contains(&REPORTED[1].to_owned()));
    until("all is over", || is_all_over(&both.folder));
    serving.stop();
    assert_eq!(jobs(&both.folder).len(), 1);

    let settings = both.folder.read("privaflow.yaml");
    both.folder.write("privaflow.yaml", settings.replace("path: store", "path: store, keep: 1ms"));
    let serving = Serving::start(&both.folder);
    until("it is removed", || jobs(&both.folder).is_empty());

    let (_, said) = serving.stop();
    assert!(said.contains("1 jobs were removed that ended long ago"), "{said}");
    let kept: Vec<Value> = both.folder.run(&["runs", "list", "--output", "json"]).lines();
    assert_eq!(kept, Vec::<Value>::new());
    // What was done stays known.
    assert_eq!(both.braze.requests().of("/users/delete"), 1);
}

//! A backup is put back, and whoever was erased after it is looked at all the same.

use crate::folder::{FIND_AND_ERASE, Folder, deletion};
use crate::serving::{Serving, jobs, put_deletions, until};
use crate::watching::{Braze, counts, looks};

/// Finds people by all that they are known by, erases them, and looks again.
fn searches() -> String {
    FIND_AND_ERASE.to_owned() + "watch: { after: [1d, 2d] }\n"
}

fn erase(folder: &Folder, number: usize) {
    let name = format!("requests-{number}.ndjson");
    folder.write(&name, format!("{}\n", deletion(number)));
    let job = folder.run(&["run", "flow.yaml", "--input", &name, "--output", "json"]);
    assert_eq!(job.counts(), (0, [1, 0, 0, 0]), "{}", job.stderr);
}

#[test]
fn who_was_erased_after_the_backup_is_looked_at_by_all_they_had_once_it_is_put_back() {
    // Given one who was erased before a backup and looked at after it, and one who was erased after it
    let braze = Braze::with(1..=2);
    let folder = Folder::to(braze.sandbox.address(), &searches());
    erase(&folder, 1);
    assert_eq!(folder.run(&["store", "backup", "copy"]).code, 0);
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);
    assert_eq!(counts(&look.json()), [1, 1, 0, 0, 0, 0]);
    erase(&folder, 2);

    let restored = folder.run(&["store", "restore", "copy", "--force", "--output", "json"]);

    // Then looks are as they were, and it is said how many are to come
    assert_eq!(restored.json()["carried"]["looks"], 2, "{}", restored.stdout);
    assert!(restored.stderr.contains("2 looks to come at people who were erased"), "{}", restored.stderr);
    let states: Vec<String> =
        looks(&folder).iter().map(|look| look["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states.iter().filter(|state| *state == "over").count(), 1, "{states:?}");
    assert_eq!(states.len(), 4);
    // And who comes back under what only the search had shown is found
    let address =
        privaflow::sandbox::Identifiers { email: Some("u-2@example.com".to_owned()), ..Default::default() };
    assert!(braze.sandbox.add_profile(&address));
    let found = folder.run(&["watch", "run", "--early", "--output", "json"]).lines();
    let came_back: Vec<u64> = found.iter().map(|look| counts(look)[2]).collect();
    assert_eq!((came_back.iter().sum::<u64>(), came_back.len()), (1, 2), "{found:?}");
    // And where the other store is lost, that is said
    std::fs::remove_dir_all(folder.path("store")).unwrap();
    let lost = folder.run(&["store", "restore", "copy", "--force"]);
    assert!(lost.stderr.contains("nobody looks whether they stay gone"), "{}", lost.stderr);
}

#[test]
fn what_came_in_and_was_carried_out_after_the_backup_is_not_carried_out_again_and_who_waits_goes_on() {
    // Given three requests that waited when the backup was made, of which two were carried out and one is held since
    let braze = Braze::with(1..=3);
    let folder = Folder::to(braze.sandbox.address(), &searches());
    assert_eq!(folder.run(&["hold", "add", "u-3", "--reason", "case 4711"]).code, 0);
    put_deletions(&folder, 1..=3);
    assert_eq!(folder.run(&["store", "backup", "copy"]).code, 0);
    let serving = Serving::start(&folder);
    until("the others are done", || jobs(&folder).iter().any(|job| job["done"] == 2));
    assert_eq!(serving.stop().0, 130);
    let before = looks(&folder);

    // When the backup is put back and the server goes on
    let restored = folder.run(&["store", "restore", "copy", "--force", "--output", "json"]);
    let told = restored.json();
    assert_eq!((&told["lost_records"], &told["open_jobs"]), (&0.into(), &serde_json::json!([])), "{told}");
    assert_eq!(folder.run(&["store", "restore", "--acknowledge"]).code, 0);
    let serving = Serving::start(&folder);
    assert_eq!(folder.run(&["hold", "remove", "u-3"]).code, 0);
    until("nobody waits any more", || braze.people().is_empty());
    until("the job is over", || jobs(&folder).iter().all(|job| job["status"] == "finished"));

    // Then there is one job as there was, nobody's request came twice, and all three are looked at
    assert_eq!(serving.stop().0, 0);
    let [job] = &jobs(&folder)[..] else { panic!("one window, one job: {:?}", jobs(&folder)) };
    assert_eq!((&job["done"], &job["skipped"], &job["failed"]), (&3.into(), &0.into(), &0.into()), "{job}");
    assert_eq!((before.len(), looks(&folder).len()), (2, 4));
    let looked = folder.run(&["watch", "run", "--early", "--output", "json"]).lines();
    let people: Vec<u64> = looked.iter().map(|look| counts(look)[0]).collect();
    assert_eq!(people.iter().sum::<u64>(), 3, "{looked:?}");
}

#[test]
fn a_page_that_says_more_than_the_ledger_of_a_backup_stays_as_it_is() {
    // Given somebody who was erased and certified after a backup that is put back
    let braze = Braze::with(1..=2);
    let folder = Folder::to(braze.sandbox.address(), &(searches() + "certificate: true\n"));
    erase(&folder, 1);
    assert_eq!(folder.run(&["store", "backup", "copy"]).code, 0);
    erase(&folder, 2);
    let name = "certificate-job-2-0.json";
    let before = folder.read(&format!("store/certificates/{name}"));
    let result = &serde_json::from_str::<serde_json::Value>(&before).unwrap()["results"][0];
    assert_eq!((&result["result"], &result["accepted"]), (&"done".into(), &true.into()), "{before}");
    assert_eq!(folder.run(&["store", "restore", "copy", "--force"]).code, 0);
    assert_eq!(folder.run(&["store", "restore", "--acknowledge"]).code, 0);

    // When a look finds them again
    braze.comes_back(2);
    let looked = folder.run(&["watch", "run", "--early", "--output", "json"]);

    // Then that is told, and the page is what it was: a ledger that does not know the erasure writes none
    assert_eq!(looked.lines().iter().map(|look| counts(look)[2]).sum::<u64>(), 1, "{}", looked.stderr);
    assert_eq!(folder.read(&format!("store/certificates/{name}")), before);
    // And whoever asks for one gets it elsewhere
    let asked = folder.run(&["ledger", "certificate", "job-2:0", "--to", "store/certificates"]);
    assert_eq!(asked.code, 2, "{}", asked.stderr);
    assert!(asked.stderr.contains("tells what the ledger of this store does not have"), "{}", asked.stderr);
    assert_eq!(folder.read(&format!("store/certificates/{name}")), before);
}

//! `ledger proof`: one person of a bulk batch, and nothing of the others.

use serde_json::Value;

use crate::folder::{Folder, TAG, request};
use crate::server::{Server, answer};

/// A folder in which so many requests went out in full batches.
fn bulk(count: usize) -> (Folder, Server) {
    let server = Server::start(|_, _| answer(201, r#"{"message":"success"}"#));
    let folder = Folder::to(server.address, TAG);
    folder
        .requests((0..count).map(|number| request("other", &format!("r-{number}"), &format!("u-{number}"))));
    assert_eq!(folder.job().code, 0);
    folder.write("ledger.pem", folder.run(&["ledger", "key"]).stdout);
    assert_eq!(folder.run(&["ledger", "export", "ledger.ndjson"]).code, 0);
    (folder, server)
}

fn check(folder: &Folder, proof: &Value) -> (i32, String) {
    folder.write("proof.json", proof.to_string());
    let words = ["ledger", "verify", "ledger.ndjson", "--key", "ledger.pem", "--proof", "proof.json"];
    let shot = folder.run(&words);
    (shot.code, shot.stdout + &shot.stderr)
}

#[test]
fn every_person_of_a_batch_is_proved_also_when_the_input_is_gone() {
    let (folder, _server) = bulk(200);
    // Ids leave the events of a job that is over when the store is tidied; the input is not ours to keep.
    assert_eq!(folder.run(&["store", "prune"]).code, 0);
    std::fs::remove_file(folder.path("requests.ndjson")).unwrap();

    for position in [0, 74, 75, 199] {
        let run = format!("job-1:{position}");
        let proof = folder.run(&["ledger", "proof", &run]).json();

        assert_eq!((&proof["run"], &proof["words"]), (&run.as_str().into(), &"done".into()));
        let (code, said) = check(&folder, &proof);
        assert!(code == 0 && said.contains(&format!("proved: {run} came to `done`")), "{said}");
        assert!(!proof.to_string().contains("r-1") && !proof.to_string().contains("u-1"), "{proof}");
    }
    let found = folder.run(&["ledger", "certificate", "r-123"]);
    assert_eq!(
        found.stdout, "./certificate-job-1-123.html\n./certificate-job-1-123.json\n",
        "{}",
        found.stderr
    );
    let words = ["ledger", "verify", "ledger.ndjson", "--certificate", "certificate-job-1-123.json"];
    let right = folder.run(&words);
    let since = folder.run(&["ledger", "export", "--since", "2999-01-01"]).stdout;
    folder.write("ledger.ndjson", since);
    let without = folder.run(&words);
    assert_eq!((right.code, without.code), (0, 1), "{}{}", right.stderr, without.stderr);
}

#[test]
fn a_proof_that_was_changed_proves_nothing() {
    let (folder, _server) = bulk(100);
    let proof = folder.run(&["ledger", "proof", "job-1:5"]).json();

    let changes: [(&str, Value); 7] = [
        ("words", "failed refused".into()),
        ("position", 6.into()),
        ("request", "000000000000".into()),
        ("verified", true.into()),
        ("index", 4.into()),
        ("run", "job-1:6".into()),
        ("entry", proof["entry"].as_str().unwrap().replace("201", "200").into()),
    ];
    for (member, value) in changes {
        let mut changed = proof.clone();
        changed[member] = value;
        let (code, said) = check(&folder, &changed);
        assert!(code == 1 && said.contains("not valid"), "{member}: {said}");
    }
    let (other, _server) = bulk(100);
    let foreign = other.run(&["ledger", "proof", "job-1:5"]).json();
    let (code, said) = check(&folder, &foreign);
    assert!(code == 1 && said.contains("does not have the entries"), "{said}");
}

#[test]
fn whoever_stands_alone_in_the_ledger_needs_no_proof() {
    let (folder, _server) = bulk(2);

    let alone = folder.run(&["ledger", "proof", "job-1:1"]);
    let nobody = folder.run(&["ledger", "proof", "job-1:7"]);

    assert!(alone.stderr.contains("stands in the ledger by itself, in entry"), "{}", alone.stderr);
    assert!(nobody.stderr.contains("the ledger says nothing of job-1:7"), "{}", nobody.stderr);
}

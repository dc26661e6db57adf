//! What becomes of the ledger when the store is pruned, copied and put back.

use crate::folder::{Folder, TAG, request};
use crate::server::{Server, answer};

fn folder() -> (Folder, Server) {
    let server = Server::start(|_, _| answer(201, r#"{"message":"success"}"#));
    (Folder::to(server.address, TAG), server)
}

fn carry_out(folder: &Folder, id: &str) {
    folder.requests([request("other", id, "u-1")]);
    assert_eq!(folder.job().code, 0);
}

fn export(folder: &Folder, name: &str) {
    assert_eq!(folder.run(&["ledger", "export", name]).code, 0);
}

/// Exit code and text of a check against an earlier export.
fn against(folder: &Folder, newer: &str, older: &str) -> (i32, String) {
    let shot = folder.run(&["ledger", "verify", newer, "--against", older]);
    (shot.code, shot.stdout + &shot.stderr)
}

#[test]
fn a_job_that_was_pruned_is_still_certified() {
    let (folder, _server) = folder();
    carry_out(&folder, "r-1");
    export(&folder, "before.ndjson");

    assert_eq!(folder.run(&["store", "prune", "--older-than", "0s"]).code, 0);
    export(&folder, "after.ndjson");

    assert!(folder.read("after.ndjson").contains(r#""fact":"pruned","jobs":["job-1"]"#));
    assert_eq!(against(&folder, "after.ndjson", "before.ndjson").0, 0);
    let shot = folder.run(&["ledger", "certificate", "r-1"]);
    assert_eq!(shot.code, 0, "{}", shot.stderr);
    assert!(folder.read("certificate-job-1-0.html").contains("accepted braze/users.track (HTTP 201)"));
}

#[test]
fn a_store_that_was_put_back_says_so_and_cannot_hide_what_it_lost() {
    let (folder, _server) = folder();
    carry_out(&folder, "r-1");
    assert_eq!(folder.run(&["store", "backup", "copy"]).code, 0);
    export(&folder, "first.ndjson");
    carry_out(&folder, "r-2");
    export(&folder, "second.ndjson");
    assert_eq!(folder.run(&["store", "restore", "copy", "--force"]).code, 0);

    export(&folder, "restored.ndjson");
    let (kept, _) = against(&folder, "restored.ndjson", "first.ndjson");
    let (lost, said) = against(&folder, "restored.ndjson", "second.ndjson");
    for id in ["r-3", "r-4", "r-5"] {
        carry_out(&folder, id);
    }
    export(&folder, "later.ndjson");
    let (forked, fork) = against(&folder, "later.ndjson", "second.ndjson");

    assert!(folder.read("restored.ndjson").contains(r#""fact":"restored","backup_at":"#));
    assert_eq!((kept, lost, forked), (0, 1, 1), "{said}{fork}");
    assert!(said.contains("is lost, as after a restore"), "{said}");
    assert!(fork.contains("the two are different histories"), "{fork}");
    assert_eq!(against(&folder, "later.ndjson", "first.ndjson").0, 0);
}

#[test]
fn a_store_without_its_key_goes_on_with_another_and_says_so() {
    let (folder, _server) = folder();
    carry_out(&folder, "r-1");
    folder.write("old.pem", folder.run(&["ledger", "key"]).stdout);
    std::fs::remove_file(folder.path("store/keys/ledger.key")).unwrap();

    let missing = folder.run(&["ledger", "export", "none.ndjson"]);
    carry_out(&folder, "r-2");
    export(&folder, "ledger.ndjson");
    folder.write("new.pem", folder.run(&["ledger", "key"]).stdout);
    let old = folder.run(&["ledger", "verify", "ledger.ndjson", "--key", "old.pem"]);
    let both = folder.run(&["ledger", "verify", "ledger.ndjson", "--key", "old.pem", "--key", "new.pem"]);

    assert!(missing.code == 2 && missing.stderr.contains("ledger.key"), "{}", missing.stderr);
    assert!(old.code == 1 && old.stdout.contains("that is none that you gave"), "{}", old.stdout);
    assert_eq!(both.code, 0, "{}", both.stdout);
}

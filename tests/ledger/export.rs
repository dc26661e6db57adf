//! `ledger export` and `ledger verify`: what is right is told, and what was changed is found where it is.

use crate::folder::{Folder, Shot, TAG, request};
use crate::server::{Server, answer};

/// A folder in which three requests were carried out, one after another, exported to `ledger.ndjson`.
fn exported() -> (Folder, Server) {
    let server = Server::start(|_, _| answer(201, r#"{"message":"success"}"#));
    let folder = Folder::to(server.address, TAG);
    folder.requests(["r-1", "r-2", "r-3"].map(|id| request("other", id, "u-1")));
    assert_eq!(folder.job().code, 0);
    assert_eq!(folder.run(&["ledger", "export", "ledger.ndjson"]).code, 0);
    folder.write("ledger.pem", folder.run(&["ledger", "key"]).stdout);
    (folder, server)
}

/// Checks a text that somebody hands in.
fn verify(folder: &Folder, text: &[u8]) -> Shot {
    folder.run_on(&["ledger", "verify", "-", "--key", "ledger.pem", "--output", "json"], text)
}

#[test]
fn an_export_is_right_without_its_store_and_names_its_key() {
    let (folder, _server) = exported();
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["ledger.ndjson", "ledger.pem"] {
        std::fs::copy(folder.path(name), elsewhere.path().join(name)).unwrap();
    }

    let alone = folder
        .command(&["ledger", "verify", "ledger.ndjson"])
        .current_dir(elsewhere.path())
        .output()
        .unwrap();
    let vouched = verify(&folder, folder.read("ledger.ndjson").as_bytes()).json();

    let (out, err) = (String::from_utf8(alone.stdout).unwrap(), String::from_utf8(alone.stderr).unwrap());
    assert!(out.starts_with("valid: entries 1 to "), "{out}{err}");
    assert!(err.contains("no key was given with --key"), "{err}");
    assert_eq!(
        (&vouched["valid"], &vouched["key_given"], &vouched["first"]),
        (&true.into(), &true.into(), &1.into())
    );
    let key = folder.run(&["ledger", "key", "--output", "json"]).json();
    assert_eq!(vouched["keys"][0], key["fingerprint"]);
    assert!(vouched["heads"].as_u64().unwrap() > 0, "{vouched}");
}

#[test]
fn a_byte_that_was_changed_anywhere_is_found_in_its_entry() {
    let (folder, _server) = exported();
    let text = folder.read("ledger.ndjson").into_bytes();
    let entries = text.iter().filter(|byte| **byte == b'\n').count() - 2;

    for at in (0..text.len()).step_by(text.len() / 60) {
        let mut changed = text.clone();
        changed[at] ^= 1;
        let shot = verify(&folder, &changed);

        let line = text[..at].iter().filter(|byte| **byte == b'\n').count();
        let said = shot.json();
        assert_eq!((shot.code, &said["valid"]), (1, &false.into()), "byte {at}: {said}");
        if (1..=entries).contains(&line) && text[at] != b'\n' {
            assert_eq!(said["entry"], line, "byte {at}: {said}");
        }
    }
}

#[test]
fn lines_that_are_missing_or_moved_are_named() {
    let (folder, _server) = exported();
    let text = folder.read("ledger.ndjson");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let told = |lines: &[&str]| {
        let shot = verify(&folder, lines.concat().as_bytes());
        assert_eq!(shot.code, 1, "{}", shot.stdout);
        let said = shot.json();
        (said["entry"].clone(), said["why"].as_str().unwrap().to_owned())
    };

    let removed = told(&[&lines[..3], &lines[4..]].concat());
    let moved = told(&[&lines[..2], &[lines[3], lines[2]], &lines[4..]].concat());
    let cut = told(&lines[..lines.len() - 1]);

    assert_eq!(removed.0, 3);
    assert!(removed.1.contains("entry 3 must stand here, and entry 4 does"), "{}", removed.1);
    assert_eq!(moved.0, 2);
    assert!(cut.1.contains("the export is cut off"), "{}", cut.1);
}

#[test]
fn an_export_since_a_moment_goes_on_from_the_one_before() {
    let (folder, _server) = exported();
    let whole = verify(&folder, folder.read("ledger.ndjson").as_bytes()).json();
    folder.requests([request("other", "r-4", "u-4")]);
    assert_eq!(folder.job().code, 0);

    let since = folder.run(&["ledger", "export", "--since", "1d"]).stdout;
    let nothing = folder.run(&["ledger", "export", "--since", "2999-01-01"]).stdout;
    folder.write("later.ndjson", folder.run(&["ledger", "export"]).stdout);
    let against = ["ledger", "verify", "later.ndjson", "--key", "ledger.pem", "--against", "ledger.ndjson"];

    assert!(verify(&folder, since.as_bytes()).json()["last"].as_u64() > whole["last"].as_u64());
    let none = verify(&folder, nothing.as_bytes());
    assert_eq!((none.code, nothing.lines().count()), (0, 2), "{}", none.stdout);
    assert_eq!(folder.run(&against).code, 0);
    let backwards = ["ledger", "verify", "ledger.ndjson", "--key", "ledger.pem", "--against", "later.ndjson"];
    let lost = folder.run(&backwards);
    assert!(lost.code == 1 && lost.stdout.contains("what came in between is lost"), "{}", lost.stdout);
}

#[test]
fn a_key_is_the_stores_own_and_an_export_with_another_is_refused() {
    let (folder, _server) = exported();
    let (other, _other_server) = exported();

    let refused = verify(&other, folder.read("ledger.ndjson").as_bytes());

    assert!(refused.code == 1 && refused.stdout.contains("that is none that you gave"), "{}", refused.stdout);
    let again = folder.run(&["ledger", "export", "ledger.ndjson"]);
    assert!(again.code == 2 && again.stderr.contains("ledger.ndjson"), "{}", again.stderr);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path("store/keys/ledger.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

//! One bit of what is handed out is changed, anywhere: it is noticed, and said where. The export is a real one, with
//! a day that was closed, signed heads and a batch of many; the proof and the certificate are of one of the many.

use std::collections::HashSet;

use privaflow::ledger::{Broken, Certificate, Chain, Proof, PublicKey, Verified, Verifier};

use crate::folder::{Folder, Shot, TAG, request};
use crate::server::{Server, answer};

/// What is handed out, the key, and the entries of the export.
struct Handed {
    folder: Folder,
    export: Vec<u8>,
    proof: Vec<u8>,
    certificate: Vec<u8>,
    keys: Vec<PublicKey>,
    entries: HashSet<Chain>,
    _server: Server,
}

fn handed_out() -> Handed {
    let server = Server::start(|_, _| answer(201, r#"{"message":"success"}"#));
    let folder = Folder::to(server.address, TAG);
    folder.requests(["r-1", "r-2"].map(|id| request("other", id, "u-1")));
    assert_eq!(folder.job().code, 0);
    // As if that had been yesterday.
    let store = rusqlite::Connection::open(folder.path("store/journal.db")).unwrap();
    assert!(store.execute("UPDATE ledger SET at_ms = at_ms - 86400000", []).unwrap() > 0);
    drop(store);
    let many = (0..100).map(|number| request("other", &format!("m-{number}"), &format!("u-{number}")));
    folder.requests(many);
    assert_eq!(folder.job().code, 0);
    assert_eq!(folder.run(&["ledger", "export", "ledger.ndjson"]).code, 0);
    let pem = folder.run(&["ledger", "key"]).stdout;
    folder.write("ledger.pem", &pem);
    let keys = vec![PublicKey::of_pem(&pem).unwrap()];
    let proof = folder.run(&["ledger", "proof", "job-2:5"]).stdout.into_bytes();
    assert_eq!(folder.run(&["ledger", "certificate", "m-5"]).code, 0);
    let certificate = folder.read("certificate-job-2-5.json").into_bytes();
    let export = folder.read("ledger.ndjson").into_bytes();
    let (verified, entries) = verified(&export, &keys);
    let verified = verified.unwrap();
    assert!(verified.days == 1 && verified.heads >= 2, "{verified:?}");
    Handed { folder, export, proof, certificate, keys, entries, _server: server }
}

fn verified(export: &[u8], keys: &[PublicKey]) -> (Result<Verified, Broken>, HashSet<Chain>) {
    let (mut verifier, mut entries) = (Verifier::new(keys.to_vec(), None), HashSet::new());
    for line in export.split_inclusive(|byte| *byte == b'\n') {
        match verifier.line(line) {
            Ok(taken) => entries.extend(taken.map(|(chain, _)| chain)),
            Err(broken) => return (Err(broken), entries),
        }
    }
    (verifier.finish(), entries)
}

fn flipped(text: &[u8], at: usize, bit: u8) -> Vec<u8> {
    let mut changed = text.to_vec();
    changed[at] ^= 1 << bit;
    changed
}

/// The line of a byte, from 1.
fn line_of(text: &[u8], at: usize) -> u64 {
    1 + text[..at].iter().filter(|byte| **byte == b'\n').count() as u64
}

#[test]
fn a_bit_of_an_export_that_was_changed_is_named_by_its_line() {
    let Handed { export, keys, .. } = handed_out();
    let lines = export.iter().filter(|byte| **byte == b'\n').count() as u64;
    let mut flips = 0;
    for at in 0..export.len() {
        let line = line_of(&export, at);
        // All of them in the line that no hash of an entry covers.
        let bits = if line == 1 { 0..8 } else { (at % 8) as u8..(at % 8) as u8 + 1 };
        for bit in bits {
            for keys in [&keys[..], &[]] {
                let broken = verified(&flipped(&export, at, bit), keys).0.unwrap_err();

                // The number and the hash that the first line says are held against the entry behind it.
                let is_named = broken.line == line || (line, broken.line) == (1, 2);
                assert!(is_named, "bit {bit} of byte {at} in line {line}: {broken:?}");
                if (2..lines).contains(&line) {
                    assert_eq!(broken.entry, Some(line - 1), "bit {bit} of byte {at}: {broken}");
                }
                flips += 1;
            }
        }
    }
    assert!(flips > 3000, "{flips}");
}

#[test]
fn a_bit_of_the_first_line_of_a_part_is_noticed_there() {
    let Handed { folder, keys, .. } = handed_out();
    let part = folder.run(&["ledger", "export", "--since", "1h"]).stdout.into_bytes();
    assert!(verified(&part, &keys).0.unwrap().first > 1);
    for at in 0..part.iter().position(|byte| *byte == b'\n').unwrap() {
        for bit in 0..8 {
            let broken = verified(&flipped(&part, at, bit), &keys).0.unwrap_err();
            assert!(broken.line <= 2, "bit {bit} of byte {at}: {broken:?}");
        }
    }
}

#[test]
fn a_bit_of_a_proof_that_was_changed_proves_nothing() {
    let Handed { proof, entries, .. } = handed_out();
    let text = proof.trim_ascii_end();
    let proves = |text: &[u8]| {
        let proof: Option<Proof> = serde_json::from_slice(text).ok();
        proof.and_then(|proof| proof.check().ok()).is_some_and(|proved| entries.contains(&proved.chain))
    };
    assert!(proves(text));
    for at in 0..text.len() {
        for bit in 0..8 {
            assert!(
                !proves(&flipped(text, at, bit)),
                "bit {bit} of byte {at}: {}",
                String::from_utf8_lossy(text)
            );
        }
    }
}

#[test]
fn a_bit_of_a_certificate_that_was_changed_makes_it_none() {
    let Handed { certificate, entries, keys, .. } = handed_out();
    let text = certificate.trim_ascii_end();
    let holds = |text: &[u8]| {
        let read = Certificate::verified(text, &keys);
        read.is_some_and(|(_, wanted)| wanted.iter().all(|chain| entries.contains(chain)))
    };
    assert!(holds(text) && String::from_utf8_lossy(text).contains("\"proof\""));
    for at in 0..text.len() {
        for bit in 0..8 {
            assert!(!holds(&flipped(text, at, bit)), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn the_command_says_of_each_what_was_changed() {
    let handed = handed_out();
    let folder = &handed.folder;
    let verify = |more: &[&str]| -> Shot {
        let words = ["ledger", "verify", "ledger.ndjson", "--key", "ledger.pem", "--output", "json"];
        folder.run(&[words.as_slice(), more].concat())
    };
    let besides = ["--proof", "proof.json", "--certificate", "certificate-job-2-5.json"];
    folder.write("proof.json", &handed.proof);
    assert_eq!(verify(&besides).code, 0);
    for (file, text, says) in [
        ("proof.json", &handed.proof, ["job-2:", "is no proof"]),
        (
            "certificate-job-2-5.json",
            &handed.certificate,
            ["certificate-job-2-5.json", "or it was changed since"],
        ),
        ("ledger.ndjson", &handed.export, ["\"line\"", "\"why\""]),
    ] {
        for at in (0..text.trim_ascii_end().len()).step_by(text.len() / 12) {
            folder.write(file, flipped(text, at, (at % 7) as u8));
            let shot = verify(&besides);
            let said = shot.stdout + &shot.stderr;

            assert!(matches!(shot.code, 1 | 2), "byte {at} of {file}: {said}");
            assert!(says.iter().any(|words| said.contains(words)), "byte {at} of {file}: {said}");
        }
        folder.write(file, text);
    }
    assert_eq!(verify(&besides).code, 0);
}

//! Exports that were changed in every way somebody could think of.

use super::*;

const AT_MS: i64 = 1_795_300_000_000;

fn signer() -> Signer {
    Signer::new(&[7; 32])
}

fn key_fact(signer: &Signer) -> Fact {
    Fact::Key { public_key: signer.public().hex() }
}

fn approved(number: u64) -> Fact {
    Fact::Approved { job: format!("job-{number}"), by: "anna".to_owned() }
}

/// The lines of an export of these facts, with a head behind every third.
fn lines_of(facts: &[Fact], signer: &Signer) -> Vec<Vec<u8>> {
    let (mut exporter, begin) = Exporter::begin(Chain::default(), &[signer.public()]).unwrap();
    let (mut chain, mut lines) = (Chain::default(), vec![begin]);
    let mut take = |bytes: Vec<u8>, chain: &mut Chain| {
        *chain = chain.with(&bytes);
        lines.push(exporter.line(&bytes, &chain.hash));
    };
    for (number, fact) in facts.iter().enumerate() {
        take(Entry::bytes(chain, AT_MS, fact).unwrap(), &mut chain);
        if number % 3 == 2 {
            take(Entry::head(chain, AT_MS, signer).unwrap(), &mut chain);
        }
    }
    lines.push(exporter.end(AT_MS, signer).unwrap());
    lines
}

fn export() -> Vec<Vec<u8>> {
    let signer = signer();
    let facts: Vec<Fact> = std::iter::once(key_fact(&signer)).chain((1..8).map(approved)).collect();
    lines_of(&facts, &signer)
}

fn verified(lines: &[Vec<u8>], keys: Vec<PublicKey>, older: Option<Chain>) -> Result<Verified, Broken> {
    let mut verifier = Verifier::new(keys, older);
    for line in lines.concat().split_inclusive(|byte| *byte == b'\n') {
        verifier.line(line)?;
    }
    verifier.finish()
}

fn why(lines: &[Vec<u8>]) -> (Option<u64>, Why) {
    let broken = verified(lines, vec![signer().public()], None).unwrap_err();
    (broken.entry, broken.why)
}

#[test]
fn an_export_as_it_was_made_is_right() {
    let verified = verified(&export(), vec![signer().public()], None).unwrap();

    assert_eq!((verified.first, verified.chain.seq, verified.heads), (1, 10, 2));
    assert_eq!(verified.keys, [signer().public().fingerprint()]);
}

#[test]
fn every_changed_byte_is_found_in_its_entry() {
    let lines = export();
    for (number, line) in lines.iter().enumerate() {
        for at in 0..line.len() {
            let mut changed = lines.clone();
            changed[number][at] ^= 1;

            let broken = verified(&changed, vec![signer().public()], None).unwrap_err();

            let is_entry = (1..lines.len() - 1).contains(&number);
            if is_entry && at < line.len() - 1 {
                assert_eq!(broken.entry, Some(number as u64), "byte {at} of line {number}: {broken}");
            }
        }
    }
}

#[test]
fn a_key_that_was_changed_in_the_first_line_is_named_there() {
    let keys = [signer().public(), Signer::new(&[8; 32]).public()];
    let text = String::from_utf8(export()[0].clone()).unwrap();
    let own = keys[0].hex();
    let changes = [
        text.replace(&own, &keys[1].hex()),
        text.replace(&own, &format!("0{}", &own[1..])),
        text.replace(&format!("\"{own}\""), ""),
    ];
    for changed in changes {
        let mut lines = export();
        lines[0] = changed.into_bytes();
        if lines[0] == export()[0] {
            continue;
        }

        let broken = verified(&lines, vec![signer().public()], None).unwrap_err();

        assert_eq!((broken.line, broken.why), (1, Why::OtherBegin));
    }
}

#[test]
fn lines_that_are_removed_moved_or_added_are_found() {
    let lines = export();
    let without = |number: usize| {
        let mut lines = lines.clone();
        lines.remove(number);
        lines
    };
    assert_eq!(why(&without(3)), (Some(3), Why::OutOfOrder { expected: 3, found: 4 }));
    assert_eq!(why(&without(10)), (None, Why::OtherEnd));
    let mut moved = lines.clone();
    moved.swap(5, 6);
    assert_eq!(why(&moved), (Some(5), Why::OutOfOrder { expected: 5, found: 6 }));
    let mut added = lines.clone();
    added.push(lines[2].clone());
    assert_eq!(why(&added), (None, Why::AfterTheEnd));
    assert_eq!(why(&lines[..6]), (Some(6), Why::CutOff));
    assert_eq!(why(&lines[1..]), (None, Why::NotAnExport));
    assert_eq!(why(&[]), (None, Why::NotAnExport));
}

#[test]
fn an_export_that_is_cut_anywhere_is_found() {
    let whole = export().concat();
    for length in 0..whole.len() {
        let cut = vec![whole[..length].to_vec()];
        assert!(verified(&cut, vec![signer().public()], None).is_err(), "{length}");
    }
}

#[test]
fn a_chain_that_was_made_anew_without_the_key_fails_at_its_first_signature() {
    let forger = Signer::new(&[9; 32]);
    let mut facts: Vec<Fact> = std::iter::once(key_fact(&signer())).chain((1..8).map(approved)).collect();
    facts[2] = approved(99);

    // With the forger's key in the place of ours, and with our name under the forger's signatures.
    let own_name = lines_of(&facts, &forger);
    let broken = verified(&own_name, vec![signer().public()], None).unwrap_err();
    assert_eq!((broken.entry, broken.why), (Some(4), Why::UntrustedKey(forger.public().fingerprint())));
    let our_name: Vec<Vec<u8>> = own_name
        .iter()
        .map(|line| {
            let text = String::from_utf8(line.clone()).unwrap();
            text.replace(&forger.public().fingerprint(), &signer().public().fingerprint())
                .replace(&forger.public().hex(), &signer().public().hex())
                .into_bytes()
        })
        .collect();
    let rechained = rechain(&our_name);
    let broken = verified(&rechained, Vec::new(), None).unwrap_err();
    assert_eq!((broken.entry, broken.why), (Some(4), Why::Signature));
}

/// The same entries, with hashes that hold together.
fn rechain(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (mut exporter, begin) = Exporter::begin(Chain::default(), &[signer().public()]).unwrap();
    let (mut chain, mut new) = (Chain::default(), vec![begin]);
    for line in &lines[1..lines.len() - 1] {
        let (_, entry) = export::entry_of(line.strip_suffix(b"\n").unwrap()).unwrap();
        let text = String::from_utf8(entry.to_vec()).unwrap();
        let text = match (text.find("\"hash\":\""), text.contains("\"fact\":\"head\"")) {
            (Some(at), true) => format!("{}{}{}", &text[..at + 8], to_hex(&chain.hash), &text[at + 72..]),
            _ => text,
        };
        chain = chain.with(text.as_bytes());
        new.push(exporter.line(text.as_bytes(), &chain.hash));
    }
    new.push(exporter.end(AT_MS, &Signer::new(&[9; 32])).unwrap());
    new
}

#[test]
fn an_older_head_tells_a_history_that_was_cut_or_forked() {
    let (signer, whole) = (signer(), export());
    let keys = vec![signer.public()];
    let older = head_of(&whole.concat(), &keys).unwrap();
    assert_eq!(head_of(whole.last().unwrap(), &keys), Some(older));
    assert_eq!(head_of(b"{}", &keys), None);
    assert!(verified(&whole, keys.clone(), Some(older)).is_ok());

    let shorter = lines_of(&[key_fact(&signer), approved(1)], &signer);
    let broken = verified(&shorter, keys.clone(), Some(older)).unwrap_err();
    assert_eq!((broken.entry, broken.why), (Some(2), Why::Lost { older: 10 }));

    let mut facts: Vec<Fact> = std::iter::once(key_fact(&signer)).chain((1..12).map(approved)).collect();
    facts[4] = approved(50);
    let other = lines_of(&facts, &signer);
    let broken = verified(&other, keys, Some(older)).unwrap_err();
    assert_eq!((broken.entry, broken.why), (Some(10), Why::Forked));
}

#[test]
fn the_root_of_a_day_is_that_of_its_entries() {
    let signer = signer();
    let root = |facts: &[Fact]| {
        let mut chain = Chain::default();
        let leaves = facts.iter().map(|fact| {
            chain = chain.with(&Entry::bytes(chain, AT_MS, fact).unwrap());
            entry::day_leaf(&chain.hash)
        });
        to_hex(&leaves.collect::<Tree>().root())
    };
    let of = |last| {
        let facts = [key_fact(&signer), approved(1)];
        let day = Fact::Day { day: "2026-11-22".into(), first: 1, last, root: root(&facts) };
        let [key, approved] = facts;
        verified(&lines_of(&[key, approved, day], &signer), Vec::new(), None)
    };

    assert_eq!(of(2).unwrap().days, 1);
    assert_eq!(of(1).unwrap_err().why, Why::DayRoot("2026-11-22".into()));
}

//! `ledger verify`: an export, checked without a store.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use crate::cli::output::{self, Format};
use crate::cli::{Common, Failure};
use crate::ledger::{
    Broken, Certificate, Chain, Proof, PublicKey, Verified, Verifier, head_of, keys_of, to_hex,
};

/// Longest line that is read: an entry about few requests takes two kilobytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Checks an export; what is wrong is a result, with an exit code of its own.
pub(super) fn run(
    common: &Common,
    export: &Path,
    keys: &[PathBuf],
    besides: &Besides<'_>,
) -> Result<ExitCode, Failure> {
    let keys = keys.iter().map(|path| key_in(path)).collect::<Result<Vec<_>, _>>()?;
    let is_vouched = !keys.is_empty();
    // Without a key that was kept, an older head and a certificate are of the same history at best.
    let known = if is_vouched { keys.clone() } else { own_keys(export)? };
    let older = besides.older.map(|path| older_in(path, &known)).transpose()?;
    let proofs = besides.proof.map(proofs_in).transpose()?.unwrap_or_default();
    let mut wanted: HashSet<Chain> = HashSet::new();
    for proof in &proofs {
        match proof.check() {
            Ok(proved) => wanted.insert(proved.chain),
            Err(error) => return wrong_besides(common, &format!("{}: {error}", output::plain(&proof.run))),
        };
    }
    let certificate = match besides.certificate {
        Some(path) => match certificate_in(path, &known)? {
            Some(certificate) => Some(certificate),
            None => {
                let why = "it is no certificate that one of the keys signed, or it was changed since";
                return wrong_besides(common, &format!("{}: {why}", path.display()));
            }
        },
        None => None,
    };
    if let Some((_, entries)) = &certificate {
        wanted.extend(entries);
    }
    match check(export, keys, older, &mut wanted)? {
        Ok(_) if !wanted.is_empty() => {
            let numbers: BTreeSet<u64> = wanted.iter().map(|chain| chain.seq).collect();
            let numbers: Vec<String> = numbers.iter().take(8).map(u64::to_string).collect();
            let why = "the export does not have the entries of the proof or certificate, or has others in their place";
            wrong_besides(common, &format!("{why}: {}", numbers.join(", ")))
        }
        Ok(verified) => {
            let certificate = certificate.as_ref().map(|(certificate, _)| certificate);
            right(common, &verified, is_vouched, &proofs, certificate)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(broken) => {
            wrong(common, &broken)?;
            Ok(ExitCode::from(1))
        }
    }
}

/// What is checked besides the export itself.
pub(super) struct Besides<'p> {
    pub older: Option<&'p Path>,
    pub proof: Option<&'p Path>,
    pub certificate: Option<&'p Path>,
}

type Checked = Result<Verified, Broken>;

/// Reads every line; leaves of the entries that are wanted those that the export does not have.
fn check(
    export: &Path,
    keys: Vec<PublicKey>,
    older: Option<Chain>,
    wanted: &mut HashSet<Chain>,
) -> Result<Checked, Failure> {
    let mut input: Box<dyn BufRead> = match export.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(export).map_err(|error| unreadable(export, &error))?)),
    };
    let mut verifier = Verifier::new(keys, older);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(export, &error))? == 0 {
            return Ok(verifier.finish());
        }
        match verifier.line(&line) {
            Ok(Some((chain, _))) => {
                wanted.remove(&chain);
            }
            Ok(None) => {}
            Err(broken) => return Ok(Err(broken)),
        }
    }
}

fn right(
    common: &Common,
    verified: &Verified,
    is_vouched: bool,
    proofs: &[Proof],
    certificate: Option<&Certificate>,
) -> Result<(), Failure> {
    let Verified { first, chain, exported_at, heads, days, keys, unread } = verified;
    let proved = |proof: &Proof| json!({ "run": proof.run, "words": proof.words, "entry": proof.seq });
    let all: Vec<_> = proofs.iter().map(proved).collect();
    if common.output == Format::Json {
        return output::json(&json!({
            "valid": true, "first": first, "last": chain.seq, "hash": to_hex(&chain.hash),
            "exported_at": exported_at, "heads": heads, "days": days, "keys": keys, "unread": unread,
            "key_given": is_vouched, "proof": all.last(), "proofs": all,
            "certificate": certificate.map(|certificate| &certificate.request),
        }));
    }
    let mut text = format!(
        "valid: entries {first} to {}, exported at {exported_at}\n  signed heads {heads}, roots of days {days}\n  signed with the key {}\n",
        chain.seq,
        keys.join(", "),
    );
    if *unread > 0 {
        text.push_str(&format!(
            "  {unread} entries are of a later release: they are in the chain, and were not read\n"
        ));
    }
    for proof in proofs {
        text.push_str(&format!(
            "  proved: {} came to `{}` in entry {}\n",
            proof.run,
            output::plain(&proof.words),
            proof.seq
        ));
    }
    if let Some(certificate) = certificate {
        let request = output::plain(&certificate.request);
        text.push_str(&format!(
            "  the certificate of {request} is signed, and the ledger has all its entries\n"
        ));
    }
    output::text(&text)?;
    if !is_vouched {
        anstream::eprintln!(
            "warning: no key was given with --key, so this says only that the export was not changed since somebody \
             signed it; compare the key with the one you kept"
        );
    }
    Ok(())
}

fn wrong(common: &Common, broken: &Broken) -> Result<(), Failure> {
    match common.output {
        Format::Json => output::json(&json!({
            "valid": false, "line": broken.line, "entry": broken.entry, "why": broken.why.to_string(),
        })),
        Format::Text => output::text(&format!("not valid: {broken}\n")),
    }
}

/// What was given besides the export does not hold; of the export nothing is said.
fn wrong_besides(common: &Common, why: &str) -> Result<ExitCode, Failure> {
    match common.output {
        Format::Json => output::json(&json!({ "valid": false, "line": null, "entry": null, "why": why })),
        Format::Text => output::text(&format!("not valid: {why}\n")),
    }?;
    Ok(ExitCode::from(1))
}

fn key_in(path: &Path) -> Result<PublicKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    PublicKey::of_pem(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

/// One proof or several, a line each, as `ledger proof` writes them.
fn proofs_in(path: &Path) -> Result<Vec<Proof>, Failure> {
    let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let proofs: Result<Vec<Proof>, _> = serde_json::Deserializer::from_slice(&text).into_iter().collect();
    let no_proof = |why: String| Failure::Usage(format!("{} is no proof: {why}", path.display()));
    match proofs {
        Ok(proofs) if proofs.is_empty() => Err(no_proof("it is empty".to_owned())),
        Ok(proofs) => Ok(proofs),
        Err(error) => Err(no_proof(error.to_string())),
    }
}

/// The end of an earlier export, signed with a key that was given or that the newer export has.
fn older_in(path: &Path, keys: &[PublicKey]) -> Result<Chain, Failure> {
    let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let message =
        || format!("{}: its last line is not that of an export which one of the keys signed", path.display());
    head_of(&text, keys).ok_or_else(|| Failure::Usage(message()))
}

/// A certificate that one of the keys signed; `None` when it is none, or was changed since.
fn certificate_in(path: &Path, keys: &[PublicKey]) -> Result<Option<(Certificate, Vec<Chain>)>, Failure> {
    let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    Ok(Certificate::verified(&text, keys))
}

/// The keys that an export names itself; none of what comes by standard input, which can be read only once.
fn own_keys(export: &Path) -> Result<Vec<PublicKey>, Failure> {
    if export.as_os_str() == "-" {
        return Ok(Vec::new());
    }
    let mut first = Vec::new();
    let file = File::open(export).map_err(|error| unreadable(export, &error))?;
    let read = BufReader::new(file.take(LONGEST_LINE)).read_until(b'\n', &mut first);
    read.map_err(|error| unreadable(export, &error))?;
    Ok(keys_of(&first))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot read {}: {error}", path.display()))
}

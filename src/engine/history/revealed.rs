//! Requests of whose person a look-up showed an identifier that the request does not name.
//!
//! Asked of what requests still remember: those that are not over, and those that failed. Where it stands on somebody
//! else's profile, too, the request is told apart, and nothing is done to it: it can be another person's.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::forget::Theirs;
use super::input::{Kept, Known};
use crate::engine::task::EngineError;
use crate::job::{Event, Position};
use crate::journal::{JobRecord, Store};
use crate::request::identifiers;
use crate::run::{Revealed, Trusted, Whose};
use crate::source::Source;
use crate::workflow::{Known as Names, load};

/// Requests of one job by what their look-ups showed.
#[derive(Debug, Default)]
pub struct Shown {
    /// Whose person it is.
    pub theirs: BTreeMap<Position, Option<Known>>,
    /// Of whom it is not known, or who it is not.
    pub left: BTreeMap<Position, Whose>,
}

/// The requests of a job whose look-ups showed one of these identifiers, by their digests
/// (`request::Named::identifiers`), but for those that are known to be the person's.
pub fn shown_like(
    store: &Store,
    record: &JobRecord,
    like: &[u128],
    known: &Theirs,
) -> Result<Shown, EngineError> {
    let job = record.id;
    let mut hits: HashSet<Position> = HashSet::new();
    let trusted = trusted(record);
    let is_new =
        |position: Position, step: &str| !known.runs.contains_key(&position) && trusted.is_look_up(step);
    store.each_remembered(job, is_new, |position, kept| {
        let mut one = Revealed::default();
        one.hear(&kept);
        if one.shows(like) {
            hits.insert(position);
        }
    })?;
    if hits.is_empty() {
        return Ok(Shown::default());
    }
    let mut all: BTreeMap<Position, Revealed> = BTreeMap::new();
    store.each_remembered(
        job,
        |position, step| hits.contains(&position) && trusted.is_look_up(step),
        |position, kept| all.entry(position).or_default().hear(&kept),
    )?;
    let (named, mut said) = named_by(store, record, &hits)?;
    let pseudonyms = store.reader().pseudonyms()?;
    let mut shown = Shown::default();
    for (position, revealed) in all {
        let is_named =
            |digest| named.get(&position).is_some_and(|named| named.contains(&pseudonyms.of(digest)));
        match revealed.whose(like, is_named, &trusted) {
            Whose::Theirs => drop(shown.theirs.insert(position, said.remove(&position))),
            whose @ (Whose::Shared | Whose::Another) => drop(shown.left.insert(position, whose)),
            Whose::Nobody => {}
        }
    }
    Ok(shown)
}

/// By which rules the searches of a job tell people apart.
fn trusted(record: &JobRecord) -> Trusted {
    let source = Source::new(record.workflow_name.clone(), record.workflow_text.clone());
    load(&source, &Names::default()).0.as_ref().map(Trusted::by).unwrap_or_default()
}

/// Keyed digests of what each request names.
type NamedBy = HashMap<Position, Vec<[u8; 16]>>;

/// By what some requests name their people, and what else their records say of themselves: as their input has it, or
/// without it as the journal does.
fn named_by(
    store: &Store,
    record: &JobRecord,
    wanted: &HashSet<Position>,
) -> Result<(NamedBy, HashMap<Position, Known>), EngineError> {
    let (reader, pseudonyms) = (store.reader(), store.reader().pseudonyms()?);
    let (mut named, mut said) = (NamedBy::new(), HashMap::new());
    if let Ok(kept) = Kept::open(reader, record) {
        kept.each(
            wanted.iter().copied().max().unwrap_or_default(),
            |position| wanted.contains(&position),
            |position, known, request| {
                let own = request.map(|request| identifiers(&request.scope)).unwrap_or_default();
                named.insert(position, own.into_iter().map(|own| pseudonyms.of(own)).collect());
                said.insert(position, known);
            },
        )?;
        return Ok((named, said));
    }
    for recorded in reader.events(record.id) {
        if let Event::Identified { identified } = recorded?.event {
            let wanted = identified.into_iter().filter(|one| wanted.contains(&one.position));
            named.extend(wanted.map(|one| (one.position, one.identifiers)));
        }
    }
    Ok((named, said))
}

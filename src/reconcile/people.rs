//! Whose consents are compared: the records of a file, everybody in OneTrust, or a sample of either.
//!
//! A record is read as the workflow would take it. What OneTrust's list says of somebody becomes the same
//! record as when `serve` follows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ReconcileError, Sample};
use crate::engine::taken;
use crate::feeds::Everyone as List;
use crate::intake::{Input, Records};
use crate::job::Position;
use crate::onetrust::Judged;
use crate::request::{Kind, Request, Warnings};
use crate::run::Program;

/// Records that are compared together: as many as one question to Braze takes.
const TOGETHER: usize = 50;
/// Bytes that are enough for as many.
const TOGETHER_BYTES: usize = 1 << 20;

/// One record.
#[derive(Debug)]
pub struct Listed {
    /// Where it stands, from 0.
    pub position: Position,
    /// As the workflow takes it, or the code under which it would fail.
    pub request: Result<Request, String>,
}

/// Where records come from.
pub struct People {
    source: Source,
    program: Arc<Program>,
    kinds: Option<Vec<Kind>>,
    /// Rows of OneTrust that are no record, by reason.
    skipped: BTreeMap<&'static str, u64>,
    /// Records that there were, if only a sample is compared.
    sampled_of: Option<u64>,
}

enum Source {
    File { records: Records, only: Option<Vec<Position>> },
    Lines(std::vec::IntoIter<(Position, Vec<u8>)>),
    OneTrust(Box<List>, Position),
    Over,
}

/// Everybody in OneTrust.
pub use crate::feeds::Everyone;

impl People {
    /// The records of a file; of a sample, those that the workflow takes.
    pub fn of_file(
        program: &Arc<Program>,
        kinds: Option<Vec<Kind>>,
        input: &Input,
        sample: Option<Sample>,
    ) -> Result<People, ReconcileError> {
        let mut people = People::new(program, kinds, Source::Over);
        let mut only = None;
        if let Some(mut sample) = sample {
            let mut places: Vec<Position> = Vec::new();
            let mut records = input.records()?;
            while let Some(chunk) = records.next_chunk(4096, TOGETHER_BYTES)? {
                chunk.records().for_each(|record| keep(&mut sample, &mut places, record.position()));
            }
            places.sort_unstable();
            people.sampled_of = Some(sample.seen());
            only = Some(places);
        }
        people.source = Source::File { records: input.records()?, only };
        Ok(people)
    }

    /// Everybody in OneTrust; a sample is drawn from all of them before the first one is compared.
    pub async fn of_onetrust(
        program: &Arc<Program>,
        kinds: Option<Vec<Kind>>,
        list: List,
        sample: Option<Sample>,
    ) -> Result<People, ReconcileError> {
        let mut people = People::new(program, kinds, Source::OneTrust(Box::new(list), 0));
        let Some(mut sample) = sample else { return Ok(people) };
        let mut kept: Vec<(Position, Vec<u8>)> = Vec::new();
        while let Some(lines) = people.page().await? {
            lines.into_iter().for_each(|line| keep(&mut sample, &mut kept, line));
        }
        people.sampled_of = Some(sample.seen());
        people.source = Source::Lines(kept.into_iter());
        Ok(people)
    }

    fn new(program: &Arc<Program>, kinds: Option<Vec<Kind>>, source: Source) -> People {
        People { source, program: Arc::clone(program), kinds, skipped: BTreeMap::new(), sampled_of: None }
    }

    /// The profile whose list is read.
    pub fn profile(&self) -> String {
        match &self.source {
            Source::OneTrust(list, _) => list.profile().to_owned(),
            Source::File { .. } | Source::Lines(_) | Source::Over => String::new(),
        }
    }

    /// Rows of OneTrust that are no record, by reason.
    pub fn skipped(&self) -> &BTreeMap<&'static str, u64> {
        &self.skipped
    }

    /// Records that there were, if only a sample is compared.
    pub fn sampled_of(&self) -> Option<u64> {
        self.sampled_of
    }

    /// The next records; `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<Vec<Listed>>, ReconcileError> {
        match std::mem::replace(&mut self.source, Source::Over) {
            Source::Over => Ok(None),
            Source::File { records, only } => self.of_records(records, only).await,
            Source::Lines(mut lines) => {
                let listed: Vec<Listed> =
                    lines.by_ref().take(TOGETHER).map(|line| self.listed(line)).collect();
                self.source = Source::Lines(lines);
                Ok((!listed.is_empty()).then_some(listed))
            }
            source @ Source::OneTrust(..) => {
                self.source = source;
                let lines = self.page().await?;
                Ok(lines.map(|lines| lines.into_iter().map(|line| self.listed(line)).collect()))
            }
        }
    }

    /// Reading a file and decoding it holds nobody else up.
    async fn of_records(
        &mut self,
        mut records: Records,
        only: Option<Vec<Position>>,
    ) -> Result<Option<Vec<Listed>>, ReconcileError> {
        let (program, kinds) = (Arc::clone(&self.program), self.kinds.clone());
        let read = move || -> Result<_, ReconcileError> {
            loop {
                let Some(chunk) = records.next_chunk(TOGETHER, TOGETHER_BYTES)? else { return Ok(None) };
                let is_wanted = |position: Position| {
                    only.as_ref().is_none_or(|only| only.binary_search(&position).is_ok())
                };
                let wanted = chunk.records().filter(|record| is_wanted(record.position()));
                let listed = |record: crate::intake::RawRecord<'_>| Listed {
                    position: record.position(),
                    request: taken(&program, kinds.as_deref(), record),
                };
                let listed: Vec<Listed> = wanted.map(listed).collect();
                if !listed.is_empty() {
                    return Ok(Some((records, only, listed)));
                }
            }
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(|_| ReconcileError::Stopped)??;
        Ok(read.map(|(records, only, listed)| {
            self.source = Source::File { records, only };
            listed
        }))
    }

    /// The records of the next page of OneTrust's list.
    async fn page(&mut self) -> Result<Option<Vec<(Position, Vec<u8>)>>, ReconcileError> {
        let Source::OneTrust(list, next) = &mut self.source else { return Ok(None) };
        let Some(rows) = list.next_page().await? else { return Ok(None) };
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Judged::Start(record) => {
                    lines.push((*next, record.into_line()));
                    *next += 1;
                }
                Judged::Skip(reason) => *self.skipped.entry(reason.word()).or_default() += 1,
            }
        }
        Ok(Some(lines))
    }

    fn listed(&self, (position, line): (Position, Vec<u8>)) -> Listed {
        let request = Request::parse(&line, &mut Warnings::default()).map_err(|_| "wrong_type".to_owned());
        let is_taken =
            |request: &Request| self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&request.kind));
        let request = match request {
            Ok(request) if !is_taken(&request) => Err("kind_mismatch".to_owned()),
            request => request,
        };
        Listed { position, request }
    }
}

fn keep<T>(sample: &mut Sample, kept: &mut Vec<T>, item: T) {
    match sample.place().map(|place| (kept.len(), place)) {
        Some((length, place)) if place >= length => kept.push(item),
        Some((_, place)) => {
            if let Some(slot) = kept.get_mut(place) {
                *slot = item;
            }
        }
        None => {}
    }
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").field("skipped", &self.skipped).finish_non_exhaustive()
    }
}

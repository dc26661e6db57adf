//! What a comparison came to, counted: by purpose and by state, and free of anybody.
//!
//! Names of purposes come from records; how many are told apart is bounded.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Finding, Uncompared, Want};
use crate::template::member;

/// Purposes and states that are told apart; the rest is counted together.
const MOST_ROWS: usize = 1000;
/// What the rest is called.
const OTHERS: &str = "(others)";
/// What asks for a state where no single consent does.
const WHOLE_RECORD: &str = "(the record as a whole)";

/// States, by what became of their comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// OneTrust says no, Braze says yes.
    pub lost_opt_outs: u64,
    /// OneTrust says no, Braze says neither.
    pub not_recorded: u64,
    /// OneTrust says yes, Braze says no or nothing.
    pub lost_opt_ins: u64,
    /// Both say the same.
    pub agree: u64,
    /// Nobody has the identifier in Braze.
    pub no_profile: u64,
    /// What Braze holds is not known.
    pub not_compared: u64,
    /// Of all these, groups that say yes for somebody who is globally unsubscribed: nothing is sent.
    pub muted: u64,
}

impl Counts {
    fn add(&mut self, finding: Finding, is_silenced: bool) {
        let count = match finding {
            Finding::LostOptOut => &mut self.lost_opt_outs,
            Finding::NotRecorded => &mut self.not_recorded,
            Finding::LostOptIn => &mut self.lost_opt_ins,
            Finding::Agrees => &mut self.agree,
            Finding::NoProfile => &mut self.no_profile,
            Finding::NotCompared(_) => &mut self.not_compared,
        };
        *count += 1;
        self.muted += u64::from(is_silenced);
    }

    fn merge(&mut self, other: &Counts) {
        let Counts { lost_opt_outs, not_recorded, lost_opt_ins, agree, no_profile, not_compared, muted } =
            other;
        self.lost_opt_outs += lost_opt_outs;
        self.not_recorded += not_recorded;
        self.lost_opt_ins += lost_opt_ins;
        self.agree += agree;
        self.no_profile += no_profile;
        self.not_compared += not_compared;
        self.muted += muted;
    }
}

/// The counts of one purpose and one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Name of the purpose, else its id.
    pub purpose: String,
    /// The attribute, or the id of the group.
    pub state: String,
    /// Its counts.
    pub counts: Counts,
}

/// What a comparison came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Records that were looked at.
    pub records: u64,
    /// Of these, records that set no state: an unknown word, a condition.
    pub nothing_to_compare: u64,
    /// Of these, records for which the workflow would fail, by code.
    pub would_fail: BTreeMap<String, u64>,
    /// States of a record that a newer record of the same input sets.
    pub superseded: u64,
    /// Of all states.
    pub all: Counts,
    /// What was not compared, by reason.
    pub not_compared_by: BTreeMap<&'static str, u64>,
    /// Purposes and statuses that no table of the workflow maps.
    pub unmapped: BTreeMap<String, u64>,
    /// By purpose, the id where there is one, and state.
    rows: BTreeMap<(String, String), Counts>,
    /// Names of purposes, by id.
    names: BTreeMap<String, String>,
}

impl Tally {
    /// Counts one state of a record.
    pub fn add(&mut self, scope: &Map<String, Value>, want: &Want, finding: Finding, is_silenced: bool) {
        self.all.add(finding, is_silenced);
        if let Finding::NotCompared(why) = finding {
            *self.not_compared_by.entry(why.word()).or_default() += 1;
        }
        let (id, name) = purpose(scope, want);
        if let (Some(id), Some(name)) = (id, name)
            && self.names.len() < MOST_ROWS
            && !self.names.contains_key(id)
        {
            self.names.insert(id.to_owned(), name.to_owned());
        }
        let purpose = id.or(name).unwrap_or(WHOLE_RECORD);
        let mut row = (purpose.to_owned(), want.setting.what.name().to_owned());
        if self.rows.len() >= MOST_ROWS && !self.rows.contains_key(&row) {
            row = (OTHERS.to_owned(), OTHERS.to_owned());
        }
        self.rows.entry(row).or_default().add(finding, is_silenced);
    }

    /// Counts something else that the workflow would write.
    pub fn add_uncompared(&mut self, why: Uncompared) {
        self.all.not_compared += 1;
        *self.not_compared_by.entry(why.word()).or_default() += 1;
    }

    /// By purpose and state; where most opt-outs were lost first.
    pub fn rows(&self) -> Vec<Row> {
        // Some records name a purpose by its id, some by its name.
        let mut shown: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
        for ((purpose, state), counts) in &self.rows {
            let purpose = self.names.get(purpose).unwrap_or(purpose);
            shown.entry((purpose, state)).or_default().merge(counts);
        }
        let row = |((purpose, state), counts): ((&str, &str), Counts)| Row {
            purpose: purpose.to_owned(),
            state: state.to_owned(),
            counts,
        };
        let mut rows: Vec<Row> = shown.into_iter().map(row).collect();
        rows.sort_by_key(|row| {
            let Counts { lost_opt_outs, not_recorded, lost_opt_ins, .. } = row.counts;
            std::cmp::Reverse((lost_opt_outs, not_recorded, lost_opt_ins))
        });
        rows
    }
}

/// Id and name of the purpose that asks for a state: of several the newest.
fn purpose<'s>(scope: &'s Map<String, Value>, want: &Want) -> (Option<&'s str>, Option<&'s str>) {
    let consents = member(scope, "consents").and_then(Value::as_array);
    let newest = want.consents.last().and_then(|at| consents?.get(*at));
    let text = |name: &str| newest?.get(name)?.as_str();
    (text("purpose_id"), text("purpose"))
}

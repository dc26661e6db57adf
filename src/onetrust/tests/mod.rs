//! Answers of OneTrust in all their shapes become the records they should.

mod consents;
mod nonsense;
mod requests;

use serde_json::Value;

use super::Judged;
use crate::request::{Request, Warnings};

/// The record as JSON, after `request` has accepted it without a warning.
fn read(judged: &Judged) -> Value {
    let Judged::Start(record) = judged else { panic!("{judged:?}") };
    let mut warnings = Warnings::default();
    let request = Request::parse(record.line(), &mut warnings).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(request.id.as_deref(), Some(record.id()));
    serde_json::from_slice(record.line()).unwrap()
}

//! A bulk export: what was asked for, and how often somebody looked whether it is there.

use super::World;

/// Looks until an export is there.
const LOOKS: u32 = 2;

/// One bulk export.
#[derive(Debug, Clone)]
pub(in crate::sandbox::onetrust) struct Export {
    pub id: String,
    pub name: String,
    /// First day, as it was asked for.
    pub start: String,
    /// Last day.
    pub end: String,
    /// Which date of people the days mean.
    pub date_type: String,
    pub created_ms: i64,
    pub looks: u32,
    /// What opens its file.
    pub token: String,
}

impl Export {
    /// Whether its file is there.
    pub fn is_completed(&self) -> bool {
        self.looks >= LOOKS
    }
}

impl World {
    /// Begins an export.
    pub fn export(&mut self, name: String, days: (String, String), date_type: String, now_ms: i64) -> Export {
        let (id, token) = (self.draw_id(), self.draw_id());
        let (start, end) = days;
        let export = Export { id, name, start, end, date_type, created_ms: now_ms, looks: 0, token };
        self.exports.push(export.clone());
        export
    }
}

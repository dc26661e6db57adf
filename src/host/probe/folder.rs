//! Looks at a folder: whether a file could be written there now.

use std::path::Path;

use super::report::{Report, Verdict};
use crate::folder::Files;

/// Fills a report. The folder is made if it is not there, as the first file would.
pub(super) fn look(mut report: Report, path: &Path) -> Report {
    match Files::of(path).check() {
        Ok(()) => {
            report.message = "files can be written there".to_owned();
            report
        }
        Err(error) => {
            let message = format!("no file can be written there ({error}): check the folder and its owner");
            report.found(Verdict::ScopeMissing, message)
        }
    }
}

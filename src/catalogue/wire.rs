//! How a call stands on the wire where that is not what a workflow writes: names, places, forms.
//!
//! Facts only: addresses and bodies are made by `plan`.

use serde::Deserialize;

/// Where a member of `with` travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Where the method has its arguments: in the body, or in the query.
    #[default]
    Arguments,
    /// In the path, for the `{name}` that stands there.
    Path,
    /// In the query, whatever the method.
    Query,
    /// It is the whole body.
    Body,
}

/// A body that is a form of two parts: a file, and JSON that says what it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multipart {
    /// Name of the part that is the file.
    pub file: String,
    /// The member that holds what stands in the file.
    pub content: String,
    /// The member that names the file; it stands in the JSON, too.
    pub file_name: String,
    /// The member that says of which kind the file is.
    pub content_type: String,
    /// Name of the part that holds every other member, as JSON.
    pub json: String,
}

impl Multipart {
    /// Whether a member says something of the file and does not stand in the JSON.
    pub fn is_of_file(&self, member: &str) -> bool {
        member == self.content || member == self.content_type
    }
}

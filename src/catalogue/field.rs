//! What one member of `with` may be.
//!
//! Only rules that the service documents stand here: what is not ruled out goes through, and the
//! service has the last word.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::Place;

/// What one member of `with` may be. A string is never empty, a list of strings or objects neither.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Shape of the value.
    #[serde(rename = "type")]
    pub shape: Shape,
    /// Must stand in every call.
    #[serde(default)]
    pub required: bool,
    /// Its name on the wire, where that is another one.
    #[serde(default)]
    pub wire: Option<String>,
    /// Where it travels.
    #[serde(default, rename = "in")]
    pub place: Place,
    /// What is sent when the workflow does not say.
    #[serde(default)]
    pub default: Option<Value>,
    /// A text that people read in the portal, which shows it as HTML: a template in it shows no more of a
    /// person than a log line does, and what is sent is escaped.
    #[serde(default)]
    pub comment: bool,
    /// `null` is a value of its own here: it removes what is stored.
    #[serde(default)]
    pub nullable: bool,
    /// The words the value, or each item of the list, may be; empty when any.
    #[serde(default)]
    pub one_of: Vec<String>,
    /// Words that exclude each other in one list, pairwise.
    #[serde(default)]
    pub words_not_together: Vec<[String; 2]>,
    /// How a string, or each string of the list, is written.
    #[serde(default)]
    pub format: Option<Format>,
    /// Most items of a list; the endpoint refuses more.
    #[serde(default)]
    pub at_most: Option<usize>,
    /// Smallest whole number.
    #[serde(default)]
    pub at_least: Option<i64>,
    /// Largest whole number.
    #[serde(default)]
    pub no_more_than: Option<i64>,
    /// Longest string, or string of the list, in bytes.
    #[serde(default)]
    pub max_bytes: Option<usize>,
    /// Members of the object, or of each object of the list.
    #[serde(default)]
    pub fields: IndexMap<String, Field>,
    /// Objects may carry members that are not listed (custom attributes), `null` among them.
    #[serde(default)]
    pub open: bool,
    /// At least one of these must stand in each object to say whom it is about.
    #[serde(default)]
    pub identifiers: Vec<String>,
    /// At least one of these members must stand in each object.
    #[serde(default)]
    pub at_least_one_of: Vec<String>,
    /// Members of each object that exclude each other, pairwise.
    #[serde(default)]
    pub not_together: Vec<[String; 2]>,
    /// Members that exclude each other over all objects of the list, pairwise.
    #[serde(default)]
    pub not_together_in_list: Vec<[String; 2]>,
}

/// The JSON shape of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A string.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list of strings.
    Strings,
    /// One string, or a list of them.
    StringOrStrings,
    /// An object.
    Object,
    /// A list of objects.
    Objects,
    /// Anything JSON can hold.
    Any,
}

impl Shape {
    /// With its article, for messages: `a list of strings`.
    pub fn phrase(self) -> &'static str {
        match self {
            Shape::String => "a string",
            Shape::Integer => "a whole number",
            Shape::Number => "a number",
            Shape::Boolean => "true or false",
            Shape::Strings => "a list of strings",
            Shape::StringOrStrings => "a string or a list of strings",
            Shape::Object => "a map",
            Shape::Objects => "a list of maps",
            Shape::Any => "any value",
        }
    }
}

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A phone number as `+` and up to fifteen digits.
    E164,
    /// An id or word that can stand in a path: up to a hundred letters, digits, `-` and `_`.
    Id,
}

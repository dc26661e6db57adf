//! Templates: any text is compiled or told what is wrong with it, and rendering one over any data
//! ends, is bounded, is the same twice, and never takes data for a template.

use privaflow::template::{Extra, Leaf, Scope, Tree};
use serde_json::{Value, json};

/// A name of the scope that a template must spell to read it.
const HIDDEN: &str = "hiddenname";
/// What stands there.
const PERSON: &str = "zq7-person-8fw";
/// Over the longest text of a leaf, with every character escaped.
const MOST_BYTES: usize = 6 * 4 * 1024 * 1024 + 64;

/// A template, a line `---`, and the data as JSON.
pub fn check(data: &[u8]) {
    let Some((text, data)) = super::two_parts(data) else { return };
    let mut mistakes = 0;
    let tree = Tree::compile(&json!([text]), &mut |_, mistake| {
        mistakes += 1;
        assert!(mistake.at.start <= mistake.at.end && mistake.at.end <= text.len(), "{mistake:?}");
    });
    let leaf = Leaf::compile(text);
    assert_eq!(tree.is_none(), leaf.is_err(), "a leaf alone and in a tree are one thing");
    assert_eq!(tree.is_none(), mistakes > 0);
    let (Some(tree), Ok(leaf)) = (tree, leaf) else { return };
    let scope = scope(data);

    let value = tree.render(&scope, &Extra::default());
    let mut written = Vec::new();
    let is_written = tree.write(&scope, &Extra::default(), &mut written);

    match (&value, is_written) {
        (Ok(Some(value)), Ok(true)) => {
            assert!(written.len() <= MOST_BYTES, "{} bytes", written.len());
            let again: Value = serde_json::from_slice(&written).expect("what is written is JSON");
            assert_eq!(&again, value, "rendered and written differ");
            assert!(reads_widely(text) || !has_person(value), "data was read as a template");
        }
        (Ok(None), Ok(false)) => {}
        (Err(error), Err(other)) => {
            assert_eq!(error, &other);
            assert!(
                text.contains(PERSON) || !format!("{error} {error:?}").contains(PERSON),
                "an error names a value"
            );
        }
        (value, is_written) => unreachable!("rendered {}, written {is_written:?}", value.is_ok()),
    }
    assert!(text.contains(PERSON) || reads_widely(text) || !leaf.redacted(&scope).contains(PERSON));
}

/// The data, with names beside it whose values look like templates.
pub(crate) fn scope(data: &str) -> Scope {
    let mut members = match serde_json::from_str(data) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let bait =
        format!("{{{{{HIDDEN}}}}} {{{{{{{HIDDEN}}}}}}} {{{{#if {HIDDEN}}}}}{{{{{HIDDEN}}}}}{{{{/if}}}}");
    members.insert("bait".to_owned(), json!(bait));
    members.insert("baits".to_owned(), json!({bait.as_str(): bait, "list": [bait]}));
    members.insert(HIDDEN.to_owned(), json!(PERSON));
    Scope::new(members)
}

/// Whether a template may read the hidden name without spelling it: through all of the scope.
fn reads_widely(text: &str) -> bool {
    let is_dot_alone = text
        .split(|c: char| !c.is_alphanumeric() && c != '.')
        .any(|word| word.starts_with('.') || word.ends_with('.') || word.contains(".."));
    is_dot_alone || [HIDDEN, PERSON, "this", "@", "[", "\\"].iter().any(|word| text.contains(word))
}

fn has_person(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(PERSON),
        Value::Array(items) => items.iter().any(has_person),
        Value::Object(members) => {
            members.iter().any(|(key, value)| key.contains(PERSON) || has_person(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

//! What a certificate says of a look whether erased people are still gone.

use super::fact::Fact;

/// A sentence for people; empty for any other fact.
pub(super) fn watched(fact: &Fact) -> String {
    let Fact::Watched { after, people, gone, came_back, erased_again, returned, unknown, missing, .. } = fact
    else {
        return String::new();
    };
    if let Some(missing) = missing {
        return format!("After {after} nobody could be looked for again ({missing}).");
    }
    if gone == people {
        let whom = match people {
            1 => "the person".to_owned(),
            people => format!("all {people} people"),
        };
        return format!(
            "After {after} {whom} of this job whom it erased was looked for again: nobody was found."
        );
    }
    let parts = [
        (*gone, "still gone"),
        (*came_back, "there again"),
        (*erased_again, "there again, and erased again"),
        (*returned, "there again with a newer consent"),
        (*unknown, "not known"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    format!(
        "After {after} the {people} people of this job whom it erased were looked for again: {}.",
        parts.join(", ")
    )
}

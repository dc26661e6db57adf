//! What a certificate says of a look whether erased people are still gone.

use std::collections::BTreeMap;

use super::fact::Fact;

/// A sentence for people; empty for any other fact. `may_be`: whether the request was erased is not known.
pub(super) fn watched(fact: &Fact, may_be: bool) -> String {
    let Fact::Watched { people, gone, came_back, erased_again, returned, unknown, missing, .. } = fact else {
        return String::new();
    };
    let Fact::Watched { after, by, named_only, .. } = fact else { return String::new() };
    let by = by_which(by, *named_only);
    // Whether somebody was ever gone is not known either then.
    let (erased, there) = if may_be { ("erased, or may have", "there") } else { ("erased", "there again") };
    if let Some(missing) = missing {
        return format!("After {after} nobody could be looked for again ({missing}).");
    }
    if gone == people {
        let (whom, were) = match people {
            1 => ("the person".to_owned(), "was"),
            people => (format!("all {people} people"), "were"),
        };
        return format!(
            "After {after} {whom} of this job whom it {erased} {were} looked for again{by}: nobody was found."
        );
    }
    let parts = [
        (*gone, "still gone".to_owned()),
        (*came_back, there.to_owned()),
        (*erased_again, format!("{there}, and erased again")),
        (*returned, format!("{there} with a newer consent")),
        (*unknown, "not known".to_owned()),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    format!(
        "After {after} the {people} people of this job whom it {erased} were looked for again{by}: {}.",
        parts.join(", ")
    )
}

/// By what they were looked for: how many identifiers of each kind, and never which.
fn by_which(by: &BTreeMap<String, u64>, is_named_only: bool) -> String {
    let parts: Vec<String> = by.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let by = if parts.is_empty() { String::new() } else { format!(" by {}", parts.join(", ")) };
    match is_named_only {
        true => format!("{by} (only by what the requests name: what else they had was not kept then)"),
        false => by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gone_is_said_with_what_was_asked() {
        let fact = r#"{"fact":"watched","job":"job-1","after":"7d","people":2,"gone":2,"came_back":0,"erased_again":0,"returned":0,"unknown":0"#;
        let said = |more: &str| watched(&serde_json::from_str(&format!("{fact}{more}}}")).unwrap(), false);

        let asked = said(r#","by":{"email":1,"external_id":2},"events":[0,9]"#);
        assert!(asked.contains("looked for again by 1 email, 2 external_id: nobody was found"), "{asked}");
        // As an earlier release wrote it, and of what such a release carried out.
        assert!(said("").contains("looked for again: nobody"), "{}", said(""));
        assert!(said(r#","named_only":true"#).contains("only by what the requests name"));
    }

    #[test]
    fn nobody_is_called_there_again_of_whom_nobody_knows_that_they_were_gone() {
        let fact = r#"{"fact":"watched","job":"job-1","after":"7d","people":2,"gone":1,"came_back":1,"erased_again":0,"returned":0,"unknown":0}"#;
        let said = |may_be| watched(&serde_json::from_str(fact).unwrap(), may_be);

        assert!(said(false).ends_with("looked for again: 1 still gone, 1 there again."), "{}", said(false));
        assert!(said(true).ends_with("looked for again: 1 still gone, 1 there."), "{}", said(true));
    }
}

//! Conditions: any text is compiled or told what is wrong with it, and evaluating one over any data
//! ends, is bounded, is the same twice, and names no value in an error.

use privaflow::condition::Condition;

/// An expression, a line `---`, and the data as JSON.
pub fn check(data: &[u8]) {
    let Some((text, data)) = super::two_parts(data) else { return };
    let condition = match Condition::compile(text) {
        Ok(condition) => condition,
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused without a reason");
            for mistake in mistakes {
                assert!(mistake.at.start <= mistake.at.end && mistake.at.end <= text.len(), "{mistake:?}");
            }
            return;
        }
    };
    let scope = super::template::scope(data);

    let (value, holds) = (condition.value(&scope), condition.test(&scope));

    assert_eq!(value, condition.value(&scope), "the same expression over the same data");
    match (&value, &holds) {
        (Ok(value), Ok(holds)) => assert_eq!(value.as_bool(), Some(*holds)),
        (Ok(value), Err(_)) => assert!(!value.is_boolean()),
        (Err(error), Err(_)) => {
            assert!(
                data.len() > 2 || !format!("{error} {error:?}").contains("zq7-person"),
                "an error names a value"
            );
        }
        (Err(error), Ok(_)) => unreachable!("holds, but has no value: {error}"),
    }
}

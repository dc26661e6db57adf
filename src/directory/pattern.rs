//! Names with `*` for anything, compared without case, as settings write roles.

/// Whether a name fits a pattern.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.trim().to_lowercase(), name.trim().to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// Whether a name fits one of several patterns.
pub(super) fn fits_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, name))
}

/// Whether two names are the same to a person.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_anything_and_nothing() {
        assert!(fits("Privacy Officer", "privacy officer") && !fits("Privacy", "Privacy Officer"));
        assert!(fits("*privacy*", "Privacy") && fits("*privacy*", "Head of Privacy (EU)"));
        assert!(fits("Site*min", "Site Admin") && !fits("Site*min", "Site Admins"));
        assert!(fits("*", "") && fits("", "") && !fits("", "x"));
        assert!(fits("a*b*c", "a-b-b-c") && !fits("a*bc*c", "abc"));
        assert!(fits("É*", "équipe"));
    }
}

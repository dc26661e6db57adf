//! Settings files: any text is read or told what is wrong with it, and what is shown of it holds no
//! more than it did.

use std::path::Path;

use privaflow::config::{Host, HostError, Settings};
use privaflow::source::{Severity, Source};

/// The bytes are the file; its first line is read as a host, too.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let reading = Settings::read(text, Path::new("folder"));
    let is_refused = reading.mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
    assert_eq!(
        reading.settings.is_none(),
        is_refused,
        "settings come out exactly when no mistake is an error"
    );
    assert_eq!(reading.text.len(), text.len(), "what is shown stands where it stood");
    super::workflow::shown(&Source::new("privaflow.yaml", reading.text), &reading.mistakes);
    assert!(!format!("{:?}", reading.settings).is_empty());
    host(text.lines().next().unwrap_or_default());
}

fn host(written: &str) {
    match Host::parse(written) {
        Ok(host) => assert_eq!(Host::parse(&host.to_string()), Ok(host), "a host reads back as itself"),
        Err(error) => {
            assert!(!error.help().is_empty());
            if let HostError::TooMuch { plain: Some(plain), .. } = error {
                assert!(Host::parse(&plain).is_ok(), "what is proposed is no host");
                // `::0` and `::` are one address, which is told in its shortest form; `%6e` is an `n`.
                let is_another_form = plain.starts_with('[') || !written.is_ascii() || written.contains('%');
                let lower = written.to_lowercase();
                // Nor is `:04` more than `:4`.
                let is_written = match plain.rsplit_once(':') {
                    Some((host, port)) => lower.split_once(&format!("{host}:")).is_some_and(|(_, rest)| {
                        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                        digits.trim_start_matches('0') == port.trim_start_matches('0')
                    }),
                    None => lower.contains(&plain),
                };
                assert!(is_written || is_another_form, "{plain:?} was not written");
            }
        }
    }
}

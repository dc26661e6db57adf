//! Forms of several parts (RFC 7578), put together once so that they can be sent twice.
//!
//! The line that parts them is made from a digest of what is in them, so the same form is the same bytes; and
//! it is never a text that stands in one of them.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

/// One field, or one file.
#[derive(Clone)]
pub struct Part {
    /// Name of the field.
    pub name: String,
    /// Name of the file; a field that is no file has none.
    pub file_name: Option<String>,
    /// Type of the content; plain text has none.
    pub content_type: Option<Cow<'static, str>>,
    /// As it is.
    pub bytes: Bytes,
}

impl Part {
    /// A field with a text.
    pub fn text(name: &str, value: &str) -> Part {
        let bytes = Bytes::copy_from_slice(value.as_bytes());
        Part { name: name.to_owned(), file_name: None, content_type: None, bytes }
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.name)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// A form as it travels.
pub struct Form {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// All parts.
    pub body: Bytes,
}

impl Form {
    /// Puts the parts together.
    pub fn of(parts: &[Part]) -> Form {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.name.as_bytes());
            digest.update(part.file_name.as_deref().unwrap_or_default().as_bytes());
            digest.update(&part.bytes);
        }
        let boundary = boundary(parts, digest.finalize().into());
        let size: usize = parts.iter().map(|part| part.bytes.len() + 256).sum();
        let mut body = BytesMut::with_capacity(size);
        for part in parts {
            let mut head =
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name));
            if let Some(file_name) = &part.file_name {
                head.push_str(&format!("; filename=\"{}\"", quoted(file_name)));
            }
            if let Some(content_type) = &part.content_type {
                head.push_str(&format!("\r\nContent-Type: {}", one_line(content_type)));
            }
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(&part.bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Form { content_type: format!("multipart/form-data; boundary={boundary}"), body: body.freeze() }
    }
}

/// A line that stands in no part.
fn boundary(parts: &[Part], mut seed: [u8; 32]) -> String {
    loop {
        let line: String = seed.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
        if !parts.iter().any(|part| holds(&part.bytes, line.as_bytes())) {
            return line;
        }
        seed = Sha256::digest(seed).into();
    }
}

fn holds(bytes: &[u8], line: &[u8]) -> bool {
    bytes.windows(line.len()).any(|window| window == line)
}

/// What stands in a header has no line ends.
fn one_line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

/// Nothing in a name ends it (WHATWG HTML, "Multipart form data").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files_stand_between_lines_that_none_of_them_holds() {
        let file = Part {
            name: "file".to_owned(),
            file_name: Some("a\"b\r\nc.pdf".to_owned()),
            content_type: Some("application/pdf\r\n".into()),
            bytes: Bytes::from_static(b"%PDF"),
        };
        let form = Form::of(&[Part::text("grant_type", "client_credentials"), file]);
        let line = form.content_type.strip_prefix("multipart/form-data; boundary=").unwrap();

        let expected = format!(
            "--{line}\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n\
             --{line}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b%0D%0Ac.pdf\"\r\n\
             Content-Type: application/pdf\r\n\r\n%PDF\r\n--{line}--\r\n"
        );
        assert_eq!(form.body, expected.as_bytes());
    }

    #[test]
    fn a_line_that_stands_in_a_part_is_not_taken() {
        let first = boundary(&[], [7; 32]);

        let second = boundary(&[Part::text("a", &format!("x{first}y"))], [7; 32]);

        assert_ne!(first, second);
    }

    #[test]
    fn other_contents_are_parted_by_another_line() {
        let line = |text: &str| Form::of(&[Part::text("a", text)]).content_type;

        assert_ne!(line("1"), line("2"));
    }
}

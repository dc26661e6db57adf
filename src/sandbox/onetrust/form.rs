//! Forms, as the token endpoint and the upload of files take them: multipart and urlencoded.
//!
//! Strict on purpose: what no client library would send is refused, so that a body put together by
//! hand shows its mistakes here (RFC 7578 and RFC 2046 for multipart).

use memchr::memmem;

use super::reply::Refusal;

/// One part of a multipart body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub name: String,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub data: &'a [u8],
}

/// The names and values of an urlencoded or multipart form; parts that are files are refused.
pub(super) fn fields(content_type: &str, body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    if is(content_type, "application/x-www-form-urlencoded") {
        return Ok(url::form_urlencoded::parse(body).into_owned().collect());
    }
    let text = |part: Part<'_>| match (part.file_name, std::str::from_utf8(part.data)) {
        (None, Ok(text)) => Ok((part.name, text.to_owned())),
        _ => Err(Refusal::bad("a field of the form is a file")),
    };
    parts(content_type, body)?.into_iter().map(text).collect()
}

/// The parts of a multipart body.
pub(super) fn parts<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, Refusal> {
    if !is(content_type, "multipart/form-data") {
        return Err(Refusal::new(415, "Content type is not supported"));
    }
    let boundary = parameter(content_type, "boundary")
        .filter(|boundary| !boundary.is_empty() && boundary.len() <= 70)
        .ok_or_else(|| Refusal::bad("the multipart body has no boundary"))?;
    split(&boundary, body).ok_or_else(|| Refusal::bad("the multipart body is malformed"))
}

/// Whether a content type is of a kind, whatever its parameters.
pub(super) fn is(content_type: &str, kind: &str) -> bool {
    content_type.split(';').next().is_some_and(|stated| stated.trim().eq_ignore_ascii_case(kind))
}

fn split<'a>(boundary: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let mut rest = body.strip_prefix(format!("--{boundary}").as_bytes())?;
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        rest = rest.strip_prefix(b"\r\n")?;
        let end = memmem::find(rest, delimiter.as_bytes())?;
        let (part, after) = rest.split_at(end);
        parts.push(one(part)?);
        rest = after.get(delimiter.len()..)?;
    }
    Some(parts)
}

fn one(part: &[u8]) -> Option<Part<'_>> {
    let end = memmem::find(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(part.get(..end)?).ok()?;
    let mut parsed =
        Part { name: String::new(), file_name: None, content_type: None, data: part.get(end + 4..)? };
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-disposition") {
            if !is(value, "form-data") {
                return None;
            }
            parsed.name = parameter(value, "name")?;
            parsed.file_name = parameter(value, "filename");
        } else if name.eq_ignore_ascii_case("content-type") {
            parsed.content_type = Some(value.trim().to_owned());
        }
    }
    (!parsed.name.is_empty()).then_some(parsed)
}

/// A parameter of a header, quoted or not.
fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim().to_owned());
        }
        rest = next.split_once(';')?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_bytes_names_and_types() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"attachment\"\r\n\
            Content-Type: application/json\r\n\r\n{}\r\n--x\r\ncontent-disposition: form-data; \
            name=\"file\"; filename=\"a;b.csv\"\r\n\r\n1\r\n--\xff\r\n--x--\r\n";

        let parts = parts("multipart/form-data; boundary=x", body).unwrap();

        assert_eq!((parts[0].name.as_str(), parts[0].data), ("attachment", &b"{}"[..]));
        assert_eq!(parts[0].content_type.as_deref(), Some("application/json"));
        assert_eq!(parts[1].file_name.as_deref(), Some("a;b.csv"));
        assert_eq!(parts[1].data, b"1\r\n--\xff");
    }

    #[test]
    fn bodies_that_break_off_or_name_nothing_are_refused() {
        let kind = "multipart/form-data; boundary=\"x\"";
        let texts = ["", "--x", "--x\r\n", "--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"];
        for text in texts {
            assert!(parts(kind, text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(parts("application/json", b"{}").unwrap_err().status, 415);
    }

    #[test]
    fn fields_come_by_either_form() {
        let multipart = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
        let wanted = vec![("a".to_owned(), "1".to_owned())];

        assert_eq!(fields("application/x-www-form-urlencoded", b"a=1").unwrap(), wanted);
        assert_eq!(fields("multipart/form-data; boundary=x", multipart.as_bytes()).unwrap(), wanted);
    }
}

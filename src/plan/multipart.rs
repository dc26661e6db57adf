//! A body that is a form of two parts: JSON, and the file that it describes (RFC 7578).
//!
//! What separates the parts is made of the file, so the same call is the same bytes, and it is never a
//! text that stands in the file.

use sha2::{Digest, Sha256};

/// A file to be sent.
pub(super) struct File<'f> {
    /// Name of its part.
    pub part: &'f str,
    /// Its own name.
    pub name: &'f str,
    /// What it holds: `text/plain; charset=utf-8`.
    pub content_type: &'f str,
    /// All of it.
    pub content: &'f str,
}

/// The body, and its content type.
pub(super) fn body(json_part: &str, json: &[u8], file: &File<'_>) -> (Vec<u8>, String) {
    let boundary = boundary(json, file);
    let mut body = Vec::with_capacity(file.content.len() + json.len() + 512);
    let mut put = |text: &str| body.extend_from_slice(text.as_bytes());
    put(&format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{json_part}\"\r\n"));
    put("Content-Type: application/json\r\n\r\n");
    body.extend_from_slice(json);
    let mut put = |text: &str| body.extend_from_slice(text.as_bytes());
    put(&format!("\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; ", file.part));
    put(&format!(
        "filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
        quoted(file.name),
        one_line(file.content_type)
    ));
    put(file.content);
    put(&format!("\r\n--{boundary}--\r\n"));
    (body, format!("multipart/form-data; boundary={boundary}"))
}

fn boundary(json: &[u8], file: &File<'_>) -> String {
    let mut seed = Sha256::new().chain_update(json).chain_update(file.content).finalize();
    loop {
        let digits: String = seed.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let boundary = format!("privaflow-{digits}");
        if !file.content.contains(&boundary) && !String::from_utf8_lossy(json).contains(&boundary) {
            return boundary;
        }
        seed = Sha256::digest(seed);
    }
}

/// A name inside quotes (HTML Standard, "Multipart form data").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands in a header has no line ends.
fn one_line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

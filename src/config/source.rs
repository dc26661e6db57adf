//! Where a credential is found: a variable of the environment, a file, or the output of a command.
//!
//! Reading is an edge and done here; when to read, and what was read last, is the work of `token`.
//! What a command writes to its error output is never shown: it may name secrets.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use zeroize::{Zeroize, Zeroizing};

use super::token::TokenError;
use crate::secret::Secret;

/// Longest credential: far above any key or signed token, and small enough for a header.
const MOST_BYTES: usize = 16 * 1024;

/// A command that asks a person for a fingerprint must have time for it.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a credential is found.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// A variable of the environment.
    Env(String),
    /// A file; line breaks at its end do not count.
    File(PathBuf),
    /// The standard output of a program, started without a shell.
    Command {
        /// Name or path.
        program: String,
        /// As given.
        arguments: Vec<String>,
    },
    /// Handed in by ourselves, for a stand-in of a service.
    Fixed(Secret),
}

/// Whether a credential seems to be there, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// The variable is set, the file can be read, the program is installed.
    There,
    /// What is missing.
    Missing(String),
}

impl TokenSource {
    /// How it is found, never what it is: `env BRAZE_API_KEY`.
    pub fn describe(&self) -> String {
        match self {
            TokenSource::Env(name) => format!("env {name}"),
            TokenSource::File(path) => format!("file {}", path.display()),
            // The arguments name places in a vault, which are nobody's business here.
            TokenSource::Command { program, .. } => format!("command {program}"),
            TokenSource::Fixed(_) => "built in".to_owned(),
        }
    }

    /// Whether it seems to be there now. Starts no command.
    pub fn presence(&self) -> Presence {
        match self {
            TokenSource::Env(name) => match std::env::var_os(name) {
                Some(value) if !value.is_empty() => Presence::There,
                Some(_) => Presence::Missing(format!("{name} is empty")),
                None => Presence::Missing(format!("{name} is not set")),
            },
            TokenSource::File(path) => match std::fs::File::open(path) {
                Ok(_) => Presence::There,
                Err(error) => Presence::Missing(format!("{}: {}", path.display(), said(&error))),
            },
            TokenSource::Command { program, .. } if is_installed(program) => Presence::There,
            TokenSource::Command { program, .. } => Presence::Missing(format!("no program `{program}`")),
            TokenSource::Fixed(_) => Presence::There,
        }
    }

    /// Reads it. `owner` names whose it is in an error.
    pub(super) async fn read(&self, owner: &str) -> Result<Secret, TokenError> {
        let owner = owner.to_owned();
        let found = match self {
            TokenSource::Fixed(secret) => return Ok(secret.clone()),
            TokenSource::Env(name) => match std::env::var(name) {
                Ok(value) => Zeroizing::new(value),
                Err(std::env::VarError::NotPresent) => {
                    return Err(TokenError::Unset { name: name.clone(), owner });
                }
                Err(std::env::VarError::NotUnicode(_)) => return Err(TokenError::NotText { owner }),
            },
            TokenSource::File(path) => file(path, &owner).await?,
            TokenSource::Command { program, arguments } => command(program, arguments, &owner).await?,
        };
        let value = match self {
            TokenSource::Env(_) => found.as_str(),
            TokenSource::File(_) => found.trim_end_matches(['\r', '\n']),
            TokenSource::Command { .. } | TokenSource::Fixed(_) => found.trim(),
        };
        if value.is_empty() {
            return Err(TokenError::Empty { from: self.describe(), owner });
        }
        // Anything else could end a header and begin another one.
        if !value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') || value.len() > MOST_BYTES {
            return Err(TokenError::NotText { owner });
        }
        Ok(Secret::new(value.to_owned()))
    }
}

async fn file(path: &Path, owner: &str) -> Result<Zeroizing<String>, TokenError> {
    let unreadable =
        |source| TokenError::Unreadable { path: path.to_owned(), owner: owner.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let bytes = capped(file).await.map_err(unreadable)?;
    text(bytes, owner)
}

async fn command(program: &str, arguments: &[String], owner: &str) -> Result<Zeroizing<String>, TokenError> {
    let broken =
        |source| TokenError::NotStarted { program: program.to_owned(), owner: owner.to_owned(), source };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(broken)?;
    let output = child.stdout.take();
    let run = async {
        let bytes = match output {
            Some(output) => capped(output).await?,
            None => Zeroizing::default(),
        };
        Ok((bytes, child.wait().await?))
    };
    let (bytes, status) = tokio::time::timeout(COMMAND_TIMEOUT, run)
        .await
        .map_err(|_| TokenError::TooSlow { program: program.to_owned(), owner: owner.to_owned() })?
        .map_err(broken)?;
    if !status.success() {
        return Err(TokenError::Failed { program: program.to_owned(), owner: owner.to_owned(), status });
    }
    text(bytes, owner)
}

/// Reads a little more than the longest credential, so that a longer one is noticed.
async fn capped(from: impl tokio::io::AsyncRead + Unpin) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // Room for all of it, so that no copy is left behind in memory by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 64));
    from.take(MOST_BYTES as u64 + 8).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn text(mut bytes: Zeroizing<Vec<u8>>, owner: &str) -> Result<Zeroizing<String>, TokenError> {
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        error.into_bytes().zeroize();
        TokenError::NotText { owner: owner.to_owned() }
    })
}

fn is_installed(program: &str) -> bool {
    if program.contains(std::path::MAIN_SEPARATOR) {
        return Path::new(program).is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// What the system says about a file or a program, in words that need no manual.
pub(super) fn said(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it is not there".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        kind => kind.to_string(),
    }
}

//! `privaflow init [DIR]`: settings, workflows and requests to start from.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Failure, output};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to write; made when missing
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// What is written: the same files as the project's own.
const FILES: [(&str, &str); 7] = [
    ("privaflow.yaml", include_str!("../../examples/privaflow.yaml")),
    ("workflows/user-deletion.yaml", include_str!("../../workflows/user-deletion.yaml")),
    ("workflows/consent-global.yaml", include_str!("../../workflows/consent-global.yaml")),
    ("workflows/consent-groups.yaml", include_str!("../../workflows/consent-groups.yaml")),
    ("workflows/consent-groups-track.yaml", include_str!("../../workflows/consent-groups-track.yaml")),
    ("examples/deletion-requests.ndjson", include_str!("../../examples/deletion-requests.ndjson")),
    ("examples/consent-changes.ndjson", include_str!("../../examples/consent-changes.ndjson")),
];

/// Writes the files; a file that is there already is left as it is.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    for (name, text) in FILES {
        let path = args.dir.join(name);
        let word = if write_new(&path, text)? { "wrote" } else { "kept " };
        output::text(&format!("{word} {}\n", path.display()))?;
    }
    anstream::eprintln!(
        "next: privaflow run workflows/user-deletion.yaml --input examples/deletion-requests.ndjson --sandbox"
    );
    Ok(ExitCode::SUCCESS)
}

/// Writes a file unless it is there; true if it was written.
fn write_new(path: &Path, text: &str) -> Result<bool, Failure> {
    let broken =
        |error: std::io::Error| Failure::Usage(format!("cannot write {}: {}", path.display(), error.kind()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(broken)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true).map_err(broken),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(broken(error)),
    }
}

//! `privaflow init [DIR]`: settings, workflows and requests to start from.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::output::{self, Format};
use super::{Common, Failure};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to write to; made when missing
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// What is written: the same files as the project's own.
const FILES: [(&str, &str); 11] = [
    ("privaflow.yaml", include_str!("../../examples/privaflow.yaml")),
    ("workflows/user-deletion.yaml", include_str!("../../workflows/user-deletion.yaml")),
    ("workflows/consent-global.yaml", include_str!("../../workflows/consent-global.yaml")),
    ("workflows/consent-groups.yaml", include_str!("../../workflows/consent-groups.yaml")),
    ("workflows/consent-groups-track.yaml", include_str!("../../workflows/consent-groups-track.yaml")),
    ("workflows/access-export.yaml", include_str!("../../workflows/access-export.yaml")),
    ("workflows/rectification.yaml", include_str!("../../workflows/rectification.yaml")),
    ("workflows/do-not-sell.yaml", include_str!("../../workflows/do-not-sell.yaml")),
    ("examples/deletion-requests.ndjson", include_str!("../../examples/deletion-requests.ndjson")),
    ("examples/consent-changes.ndjson", include_str!("../../examples/consent-changes.ndjson")),
    (
        ".gitignore",
        "# The store: the journal of all jobs, and what failed.\n/.privaflow/\n# What people asked to see of themselves.\n/answers/\n",
    ),
];

/// The workflows among them, by the names of their files.
pub(super) fn workflows() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.into_iter().filter_map(|(name, text)| Some((name.strip_prefix("workflows/")?, text)))
}

/// Writes the files; a file that is there already is left as it is.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let is_here = args.dir == Path::new(".");
    for (name, text) in FILES {
        let path = if is_here { PathBuf::from(name) } else { args.dir.join(name) };
        let written = write_new(&path, text)?;
        match common.output {
            Format::Json => output::json(&json!({ "file": path, "written": written }))?,
            Format::Text => {
                let word = if written { "wrote" } else { "kept, as it is there already:" };
                output::text(&format!("{word} {}\n", path.display()))?;
            }
        }
    }
    let go = if is_here { String::new() } else { format!("cd {} && ", args.dir.display()) };
    anstream::eprintln!(
        "\nnext, without a key and without changing anything:\n  {go}privaflow run workflows/user-deletion.yaml --input examples/deletion-requests.ndjson --sandbox\n  {go}privaflow serve --sandbox"
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

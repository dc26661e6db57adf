//! Where the socket of a store stands.
//!
//! Usually in the store itself, which only its owner may enter. The system bounds the path of a
//! socket to some hundred bytes; beyond that it stands in a private directory among the temporary ones,
//! and a file in the store says where. A socket that a killed process left behind answers nobody, and
//! whoever owns the store next puts its own in its place.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::error::HostError;

/// The longest path of a socket that every system takes (104 bytes on macOS, with the zero at its end).
const LONGEST_PATH_BYTES: usize = 100;

/// A socket that listens; it goes away when this is dropped, which must be before the store is let go.
#[derive(Debug)]
pub(super) struct Socket {
    pub listener: UnixListener,
    path: PathBuf,
    pointer: Option<PathBuf>,
    folder: Option<tempfile::TempDir>,
}

impl Socket {
    /// Listens in a store that this process owns.
    pub(super) fn listen(store: &Path) -> Result<Socket, HostError> {
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| HostError::Socket { doing, path, source }
        };
        let own = own_path(store).map_err(failed("find", store))?;
        let pointer = pointer_in(store);
        // Nobody else owns the store, so what is there was left behind.
        remove_what_it_points_to(&pointer);
        for left in [&own, &pointer] {
            match fs::remove_file(left) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(failed("remove", left)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        let (path, folder) = if is_too_long(&own) {
            let folder = tempfile::Builder::new().prefix("privaflow-").tempdir();
            let folder = folder.map_err(failed("make a directory for", &own))?;
            (folder.path().join("control.sock"), Some(folder))
        } else {
            (own, None)
        };
        let listener = UnixListener::bind(&path).map_err(failed("listen on", &path))?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))
            .map_err(failed("close to others", &path))?;
        let mut socket = Socket { listener, path, pointer: None, folder };
        if socket.folder.is_some() {
            fs::write(&pointer, socket.path.as_os_str().as_bytes()).map_err(failed("write", &pointer))?;
            socket.pointer = Some(pointer);
        }
        Ok(socket)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        for path in self.pointer.iter().chain([&self.path]) {
            if let Err(error) = fs::remove_file(path) {
                tracing::debug!(path = %path.display(), %error, "the store's socket was not removed");
            }
        }
    }
}

/// Connects to whoever owns a store; `None` when nobody answers there.
pub(super) async fn connect(store: &Path) -> Option<UnixStream> {
    let own = own_path(store).ok()?;
    let path = if is_too_long(&own) {
        let told = fs::read(pointer_in(store)).ok()?;
        PathBuf::from(std::ffi::OsStr::from_bytes(&told))
    } else {
        own
    };
    UnixStream::connect(path).await.ok()
}

/// A process that was killed leaves its directory among the temporary ones.
fn remove_what_it_points_to(pointer: &Path) {
    let Ok(told) = fs::read(pointer) else { return };
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(&told));
    let removed = fs::remove_file(&path).and_then(|()| path.parent().map_or(Ok(()), fs::remove_dir));
    if let Err(error) = removed {
        tracing::debug!(path = %path.display(), %error, "an old socket was not removed");
    }
}

/// The same path for every process, wherever it was started.
fn own_path(store: &Path) -> io::Result<PathBuf> {
    Ok(store.canonicalize()?.join("control.sock"))
}

fn is_too_long(path: &Path) -> bool {
    path.as_os_str().len() > LONGEST_PATH_BYTES
}

fn pointer_in(store: &Path) -> PathBuf {
    store.join("control.path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_has_the_store_finds_its_socket_however_long_its_path_is() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["s".to_owned(), "s".repeat(200)] {
            let store = folder.path().join(name);
            fs::create_dir(&store).unwrap();
            assert!(connect(&store).await.is_none());

            let socket = Socket::listen(&store).unwrap();
            let mode = fs::metadata(&socket.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(connect(&store).await.is_some());

            drop(socket);
            assert!(connect(&store).await.is_none());
            assert_eq!(fs::read_dir(&store).unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_answers_nobody_and_is_replaced() {
        let store = tempfile::tempdir().unwrap();
        drop(std::os::unix::net::UnixListener::bind(store.path().join("control.sock")).unwrap());
        assert!(connect(store.path()).await.is_none());

        let _socket = Socket::listen(store.path()).unwrap();

        assert!(connect(store.path()).await.is_some());
    }
}

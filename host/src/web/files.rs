//! A file of a site.

use crate::serving;

/// A file, by its path in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// With slashes.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl File {
    pub(super) fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> File {
        File { path: path.into(), bytes: bytes.into() }
    }
}

/// Files as the host keeps them.
pub fn hosted(files: Vec<File>) -> serving::Site {
    let hosted = |file: File| {
        let media_type = media_type(&file.path);
        (file.path, serving::File { media_type, bytes: file.bytes.into() })
    };
    files.into_iter().map(hosted).collect()
}

/// What a server says a file of this path is.
pub fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("md" | "ts") => "text/plain; charset=utf-8",
        // Named so that nobody takes it for compressed content, which it is not: it is a compressed file.
        Some("bin") => "application/gzip",
        _ => "application/octet-stream",
    }
}

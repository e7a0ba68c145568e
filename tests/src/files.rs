//! A server of files as any other: it knows nothing of what it serves, sends `x.gz` for `x` to whoever takes that, and
//! counts what it sends.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use edgewit::web::media_type;

/// A server of a folder on a free port; it ends when it is dropped.
pub struct Files {
    /// The address of the folder, with a slash at its end.
    pub base: String,
    address: SocketAddr,
    folder: Arc<Mutex<Option<PathBuf>>>,
    sent: Arc<Mutex<Vec<(String, u64)>>>,
}

impl Files {
    /// Serves `folder`.
    pub fn serve(folder: &Path) -> Files {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let files = Files {
            base: format!("http://{address}/"),
            address,
            folder: Arc::new(Mutex::new(Some(folder.to_owned()))),
            sent: Arc::default(),
        };
        let (folder, sent) = (files.folder.clone(), files.sent.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(folder) = lock(&folder).clone() else { break };
                let sent = sent.clone();
                // A browser that goes away leaves a broken connection, which is no fault.
                std::thread::spawn(move || stream.and_then(|stream| answer(stream, &folder, &sent)).ok());
            }
        });
        files
    }

    /// Serves another folder from now on.
    pub fn change(&self, folder: &Path) {
        *lock(&self.folder) = Some(folder.to_owned());
    }

    /// The paths that were asked for so far, and how many bytes each answer had.
    pub fn sent(&self) -> Vec<(String, u64)> {
        lock(&self.sent).clone()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        *lock(&self.folder) = None;
        // The thread waits for a connection, and ends with this one.
        drop(TcpStream::connect(self.address));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, folder: &Path, sent: &Mutex<Vec<(String, u64)>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut gzip = false;
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        let line = line.to_ascii_lowercase();
        gzip |= line.starts_with("accept-encoding:") && line.contains("gzip");
    }
    let relative = PathBuf::from(path.split('?').next().unwrap_or_default().trim_start_matches('/'));
    let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    let file = folder.join(&relative);
    let file = if file.is_dir() { file.join("index.html") } else { file };
    let compressed = PathBuf::from(format!("{}.gz", file.display()));
    let gzip = gzip && compressed.is_file();
    let found = if inside { std::fs::read(if gzip { &compressed } else { &file }).ok() } else { None };
    let (status, body) = match found {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", b"not found".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {}\r\ncontent-length: {}\r\n{}connection: close\r\n\r\n",
        media_type(&file.to_string_lossy()),
        body.len(),
        if gzip { "content-encoding: gzip\r\n" } else { "" }
    );
    lock(sent).push((path, (head.len() + body.len()) as u64));
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

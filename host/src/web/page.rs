//! The page of a model, and what makes it work without a network.

use serde_json::json;

use super::{File, Origin, module};
use crate::digest::sha256;
use crate::pack::description::Description;

macro_rules! page {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!("../../../components/browser/page/", $path)))),+]
    };
}

/// The files of the page that are the same for every model.
const FILES: [(&str, &str); 13] = page![
    "page.css",
    "page.js",
    "card.js",
    "curve.js",
    "dom.js",
    "form.js",
    "format.js",
    "picture.js",
    "result.js",
    "scoring.js",
    "table.js",
    "words.js",
    "worker.js",
];
const INDEX: &str = include_str!("../../../components/browser/page/index.html");
const SERVICE_WORKER: &str = include_str!("../../../components/browser/page/sw.js");
const ICON: &str = include_str!("../../../components/browser/page/icon.svg");
const KEY: &str = include_str!("../../../components/browser/page/key.js");
const LEAVE: &str = include_str!("../../../components/browser/page/leave.js");
const MANIFEST: &str = "<link rel=\"manifest\" href=\"manifest.webmanifest\">\n";

/// Adds the page to the module's `files`.
pub(super) fn add(files: &mut Vec<File>, description: &Description, origin: Origin) {
    let model = &description.model;
    let title = format!("{} {}", model.name, model.version);
    let about = model.manifest.description.as_deref().unwrap_or("Predictions in this page.");
    let origin = if origin == Origin::Host { "host" } else { "files" };
    let index = index(&title, about, origin).replace("{page}", "").replace("{manifest}", MANIFEST);
    let manifest = json!({
        "name": title, "short_name": model.name, "description": about,
        "start_url": "./", "scope": "./", "display": "standalone",
        "background_color": "#12151a", "theme_color": "#12151a",
        "icons": [{ "src": "icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any maskable" }],
    });
    files.extend(FILES.map(|(path, text)| File::new(path, text)));
    files.push(File::new("icon.svg", ICON));
    files.push(File::new("manifest.webmanifest", manifest.to_string()));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let version = version(files, &index);
    files.push(File::new("sw.js", service_worker(files, &version)));
    files.push(File::new("index.html", index.replace("{version}", &version)));
}

/// A page that knows of no model until it has a key: `index.html`, a service worker for who was here before there were keys,
/// and below `page/` what is the same for every model.
pub(super) fn shell() -> Vec<File> {
    let index = index("Edgewit", "", "host").replace("{version}", "");
    let index = index.replace("{page}", "page/").replace("{manifest}", "");
    let own = [("icon.svg", ICON), ("model.js", KEY)];
    let page = FILES.into_iter().chain(module::FILES).chain(own);
    let page = page.map(|(path, text)| File::new(format!("page/{path}"), text));
    [File::new("index.html", index), File::new("sw.js", LEAVE)].into_iter().chain(page).collect()
}

fn index(title: &str, about: &str, origin: &str) -> String {
    let index = INDEX.replace("{title}", &escape(title)).replace("{about}", &escape(about));
    index.replace("{origin}", origin)
}

/// What the cache of the service worker is named by: the digest of everything.
fn version(files: &[File], index: &str) -> String {
    let digest = |file: &File| format!("{} {}\n", sha256(&file.bytes), file.path);
    let digests = files.iter().map(digest).chain([index.to_owned(), SERVICE_WORKER.to_owned()]);
    sha256(digests.collect::<String>().as_bytes())[..16].to_owned()
}

/// The service worker with what it keeps. The page adds the builds' files that it fetches.
fn service_worker(files: &[File], version: &str) -> String {
    let of_page = |path: &&str| {
        !path.contains('/')
            && !path.ends_with(".ts")
            && !matches!(*path, "README.md" | "model.json" | "package.json")
    };
    let paths = ["./"].into_iter().chain(files.iter().map(|file| &*file.path).filter(of_page));
    let paths = json!(paths.collect::<Vec<_>>());
    format!("const VERSION = \"{version}\";\nconst FILES = {paths};\n{SERVICE_WORKER}")
}

/// Text in HTML, also between quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

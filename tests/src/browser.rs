//! A real browser: Debian's Chromium, driven by its ChromeDriver over the W3C's WebDriver protocol.
//! Source: <https://www.w3.org/TR/webdriver2/>

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// The key of an element in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Flags for a machine without a display, a GPU, or a network beyond itself.
const FLAGS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--enable-precise-memory-info",
];

/// A browser with a window and a profile of its own; dropping it ends the process.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    folder: tempfile::TempDir,
    /// Which one it is.
    pub version: String,
}

impl Browser {
    /// Starts a browser whose reader prefers `language`. None, with a message, where there is none; CI must have one.
    pub fn start(language: &str) -> Option<Browser> {
        Browser::launch(language, None)
    }

    /// The same, which keeps a trace of its tasks for [`Browser::tasks`].
    pub fn traced(language: &str) -> Option<Browser> {
        let categories = "blink.user_timing,disabled-by-default-devtools.timeline";
        Browser::launch(language, Some(categories))
    }

    fn launch(language: &str, traced: Option<&str>) -> Option<Browser> {
        let mut driver = Command::new("chromedriver");
        let Ok(mut driver) = driver.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
        else {
            assert!(std::env::var_os("CI").is_none(), "needs chromium and chromium-driver");
            eprintln!("skipped: needs chromium and chromium-driver");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().expect("stdout is piped")).lines();
        let port = lines.find_map(|line| {
            let line = line.expect("the line is text");
            line.split("started successfully on port ").nth(1)?.trim_end_matches('.').parse::<u16>().ok()
        });
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let folder = tempfile::tempdir().expect("a folder");
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        let lang = format!("--lang={language}");
        let flags = FLAGS.into_iter().chain([&*profile, &*lang, "--window-size=1280,1000"]);
        let mut options = json!({
            "args": flags.collect::<Vec<_>>(),
            "prefs": {
                "intl.accept_languages": language,
                "download.default_directory": folder.path(), "download.prompt_for_download": false,
            },
        });
        let mut logs = json!({ "browser": "ALL" });
        if let Some(categories) = traced {
            options["perfLoggingPrefs"] =
                json!({ "enableNetwork": false, "enablePage": false, "traceCategories": categories });
            logs["performance"] = json!("ALL");
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)));
        let mut browser = Browser {
            driver,
            agent: agent.build().into(),
            session: format!("http://127.0.0.1:{}/session", port.expect("the driver says its port")),
            folder,
            version: String::new(),
        };
        let capabilities =
            json!({ "alwaysMatch": { "goog:chromeOptions": options, "goog:loggingPrefs": logs } });
        let made = browser.command("", json!({ "capabilities": capabilities }));
        browser.session += &format!("/{}", made["sessionId"].as_str().expect("a session"));
        browser.version = made["capabilities"]["browserVersion"].as_str().unwrap_or_default().to_owned();
        browser.command("/timeouts", json!({ "script": 90_000, "pageLoad": 60_000 }));
        Some(browser)
    }

    /// Goes to a page.
    pub fn open(&self, address: &str) {
        self.command("/url", json!({ "url": address }));
    }

    /// Runs the body of an asynchronous function with `arguments` as `a`, and gives what it returns.
    pub fn run(&self, script: &str, arguments: Value) -> Value {
        let script = format!(
            "const done = arguments[1]; (async (a) => {{ {script} }})(arguments[0])\
             .then((value) => done({{ value }}), (error) => done({{ error: `${{error.name}}: ${{error.message}}` }}));"
        );
        let mut result = self.command("/execute/async", json!({ "script": script, "args": [arguments] }));
        assert!(result["error"].is_null(), "{}\n{}", result["error"], self.log());
        result["value"].take()
    }

    /// Waits until an expression is true, looking again whenever the page changes.
    pub fn wait(&self, expression: &str) {
        let script = format!(
            "const holds = () => {{ try {{ return {expression}; }} catch {{ return false; }} }};
             const until = performance.now() + 60000;
             while (!holds()) {{
                 if (performance.now() > until) throw new Error('never true: ' + {expression:?});
                 await new Promise(requestAnimationFrame);
             }}"
        );
        self.run(&script, json!(null));
    }

    /// The text of the first element that fits a selector.
    pub fn text(&self, selector: &str) -> String {
        let text = self.run("return document.querySelector(a).innerText;", json!(selector));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks an element as a person does.
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.command(&format!("/element/{element}/click"), json!({}));
    }

    /// Types into an element in place of what is in it; into an input of files, a path.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        let is_file = self.run("return document.querySelector(a).type === 'file';", json!(selector)) == true;
        // All is selected with the control key; what is typed takes its place, or the backspace key's nothing.
        let typed = if text.is_empty() { "\u{e003}" } else { text };
        let keys = if is_file { text.to_owned() } else { format!("\u{e009}a\u{e000}{typed}") };
        self.command(&format!("/element/{element}/value"), json!({ "text": keys }));
    }

    /// A command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("/goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    /// Runs the actions of a pointer or a keyboard.
    pub fn act(&self, actions: Value) {
        self.command("/actions", json!({ "actions": actions }));
    }

    /// Draws what the page shows, whole, into target/screenshots.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let picture = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true }));
        let bytes = BASE64_STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        let folder = crate::root().join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, bytes).expect("written");
        path
    }

    /// What the page wrote to its console, errors of the browser among it.
    pub fn log(&self) -> String {
        let entries = self.command("/se/log", json!({ "type": "browser" }));
        let entries = entries.as_array().into_iter().flatten().filter_map(|entry| entry["message"].as_str());
        entries.collect::<Vec<_>>().join("\n")
    }

    /// The file that the page has offered under `name`, once it is whole.
    pub fn download(&self, name: &str) -> Vec<u8> {
        let path = self.folder.path().join(name);
        let until = Instant::now() + Duration::from_secs(60);
        // The browser renames a file when it is whole, and tells nobody.
        while !path.exists() {
            assert!(Instant::now() < until, "{name} was never downloaded");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::read(path).expect("the download can be read")
    }

    /// The resident bytes of the process that shows the page.
    pub fn memory(&self) -> u64 {
        let ours = |pid: u32| {
            let parent = |pid: u32| -> Option<u32> {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                // The name, in brackets, may have any character.
                stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
            };
            std::iter::successors(Some(pid), |pid| parent(*pid).filter(|pid| *pid > 1))
                .any(|pid| pid == self.driver.id())
        };
        let processes = std::fs::read_dir("/proc").expect("a system that shows its processes");
        let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let resident = |pid: u32| {
            let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
            read("cmdline")?.contains("--type=renderer").then_some(())?;
            let status = read("status")?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
        };
        pids.filter(|pid| ours(*pid)).filter_map(resident).max().expect("a page is open")
    }

    /// The processor time of each task of the page's main thread while `work` is done; that of other threads and programs
    /// does not count, however busy the machine is. Once in a [traced](Browser::traced) browser.
    /// Source: the Trace Event Format of Chromium, whose times are in microseconds.
    pub fn tasks(&self, work: impl FnOnce()) -> Vec<Duration> {
        self.run("performance.mark('work begins');", Value::Null);
        work();
        self.run("performance.mark('work is done');", Value::Null);
        let entries = self.command("/se/log", json!({ "type": "performance" }));
        let entries = entries.as_array().expect("a list").iter().map(|entry| {
            serde_json::from_str::<Value>(entry["message"].as_str().expect("text")).expect("JSON")
        });
        let events = entries.map(|mut entry| entry["message"]["params"].take()).collect::<Vec<_>>();
        let mark =
            |name: &str| events.iter().find(|event| event["name"] == name).expect("a trace with marks");
        let time = |event: &Value| event["ts"].as_f64().expect("a time");
        let (begin, end) = (mark("work begins"), mark("work is done"));
        let of_page = |event: &&Value| {
            (&event["name"], &event["tid"], &event["pid"])
                == (&json!("RunTask"), &begin["tid"], &begin["pid"])
                && (time(begin)..time(end)).contains(&time(event))
        };
        let of_thread =
            |event: &Value| Duration::from_micros(event["tdur"].as_u64().expect("a time of its thread"));
        events.iter().filter(of_page).map(of_thread).collect()
    }

    /// A folder for what a test gives to the page.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn find(&self, selector: &str) -> String {
        let found = self.command("/element", json!({ "using": "css selector", "value": selector }));
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    fn command(&self, path: &str, body: Value) -> Value {
        let response = self.agent.post(format!("{}{path}", self.session)).send_json(&body);
        let mut response = response.expect("the driver answers");
        // A trace has tens of megabytes.
        let answer = response.body_mut().with_config().limit(1 << 30).read_json::<Value>();
        let mut answer = answer.expect("the driver answers in JSON");
        assert!(response.status().is_success(), "{path} {body}: {}", answer["value"]["message"]);
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes the browser with it.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

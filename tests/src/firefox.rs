//! A second kind of browser: Firefox, which speaks WebDriver BiDi itself, over a WebSocket.
//! Source: <https://w3c.github.io/webdriver-bidi/>

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// A browser with one page and a profile of its own; dropping it ends the process.
pub struct Firefox {
    process: Child,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    commands: u64,
    page: Value,
    _profile: tempfile::TempDir,
}

impl Firefox {
    /// Starts one. None, with a message, where there is none; CI must have one.
    pub fn start() -> Option<Firefox> {
        let profile = tempfile::tempdir().expect("a folder");
        let start = |program: &str| {
            let mut firefox = Command::new(program);
            firefox.args(["--headless", "--no-remote", "--remote-debugging-port=0", "--profile"]);
            // What it keeps beside its profile belongs there, too.
            firefox.arg(profile.path()).env("HOME", profile.path());
            firefox.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()
        };
        let Some(mut process) = ["firefox-esr", "firefox"].into_iter().find_map(start) else {
            assert!(std::env::var_os("CI").is_none(), "needs firefox");
            eprintln!("skipped: needs firefox");
            return None;
        };
        let mut lines = BufReader::new(process.stderr.take().expect("stderr is piped")).lines();
        let address = lines.find_map(|line| {
            Some(line.ok()?.split_once("WebDriver BiDi listening on ")?.1.trim().to_owned())
        });
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = format!("{}/session", address.expect("it says its address"));
        let (socket, _) = tungstenite::connect(address).expect("it listens");
        let mut firefox = Firefox { process, socket, commands: 0, page: Value::Null, _profile: profile };
        firefox.command("session.new", json!({ "capabilities": {} }));
        firefox.page = firefox.command("browsingContext.getTree", json!({}))["contexts"][0]["context"].take();
        Some(firefox)
    }

    /// Goes to a page.
    pub fn open(&mut self, address: &str) {
        let place = json!({ "context": self.page, "url": address, "wait": "complete" });
        self.command("browsingContext.navigate", place);
    }

    /// Runs the body of an asynchronous function, and gives what it returns.
    pub fn run(&mut self, script: &str) -> Value {
        let expression =
            format!("(async () => {{ {script} }})().then((value) => JSON.stringify(value ?? null))");
        let script =
            json!({ "expression": expression, "target": { "context": self.page }, "awaitPromise": true });
        let result = self.command("script.evaluate", script);
        let text = result["result"]["value"].as_str();
        serde_json::from_str(text.unwrap_or_else(|| panic!("{expression}: {result}"))).expect("JSON")
    }

    /// Waits until an expression is true, looking again whenever the page changes.
    pub fn wait(&mut self, expression: &str) {
        self.run(&format!(
            "const holds = () => {{ try {{ return {expression}; }} catch {{ return false; }} }};
             const until = performance.now() + 60000;
             while (!holds()) {{
                 if (performance.now() > until) throw new Error('never true');
                 await new Promise(requestAnimationFrame);
             }}"
        ));
    }

    /// Presses and releases keys, one after the other.
    pub fn press(&mut self, keys: &str) {
        let press = |key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key }));
        let keys = keys.chars().map(String::from).flat_map(press).collect::<Vec<_>>();
        let actions = json!([{ "type": "key", "id": "keyboard", "actions": keys }]);
        self.command("input.performActions", json!({ "context": self.page, "actions": actions }));
    }

    /// Draws what the page shows, whole, into target/screenshots.
    pub fn screenshot(&mut self, name: &str) {
        let whole = json!({ "context": self.page, "origin": "document" });
        let picture = self.command("browsingContext.captureScreenshot", whole);
        let bytes = BASE64_STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        let folder = crate::root().join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("written");
    }

    fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.commands += 1;
        let command = json!({ "id": self.commands, "method": method, "params": parameters });
        self.socket.send(Message::text(command.to_string())).expect("it listens");
        loop {
            let Message::Text(text) = self.socket.read().expect("it answers") else { continue };
            let mut answer: Value = serde_json::from_str(&text).expect("JSON");
            if answer["id"] == self.commands {
                assert_eq!(answer["type"], "success", "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

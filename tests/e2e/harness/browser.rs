//! A real browser without a window, driven by W3C's `WebDriver`: Chromium with its chromedriver.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::sh;

use super::http::Ask;
use super::leash::Leash;
use super::{free_port, scratch};

/// The key of an element's reference, as the standard has it.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The keyboard's Tab and Enter, as the standard has them.
pub const TAB: char = '\u{e004}';
pub const ENTER: char = '\u{e007}';

pub struct Browser {
    session: String,
    _folder: TempDir,
    _driver: Leash,
}

/// Something on the page.
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    pub fn open() -> Browser {
        let (port, folder) = (free_port(), scratch());
        let mut driver = sh::command("chromedriver");
        driver.arg(format!("--port={port}"));
        let log = folder.path().join("chromedriver.log");
        let mut leash = Leash::start(&driver, &log);
        let base = format!("http://127.0.0.1:{port}");
        leash.until_ready("chromedriver", || {
            let reply = Ask::get(format!("{base}/status")).try_send();
            reply.ok().filter(|reply| reply.status == 200)
        });
        let profile = folder.path().join("profile");
        let asked = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-proxy-server", "--window-size=1280,1000",
                format!("--user-data-dir={}", profile.display()),
            ]},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = Ask::new("POST", format!("{base}/session"))
            .body(asked.to_string())
            .send();
        let answer = answer.expect(200).json();
        let id = answer["value"]["sessionId"]
            .as_str()
            .expect("a session has an id");
        let browser = Browser {
            session: format!("{base}/session/{id}"),
            _folder: folder,
            _driver: leash,
        };
        // What is looked for may be on the page that comes.
        browser.post("timeouts", &json!({"implicit": 5_000}));
        browser
    }

    #[track_caller]
    fn post(&self, command: &str, parameters: &Value) -> Value {
        let url = format!("{}/{command}", self.session);
        let reply = Ask::new("POST", url).body(parameters.to_string()).send();
        reply.expect(200).json()["value"].clone()
    }

    #[track_caller]
    fn ask(&self, command: &str) -> Value {
        let reply = Ask::get(format!("{}/{command}", self.session)).send();
        reply.expect(200).json()["value"].clone()
    }

    pub fn go(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    pub fn url(&self) -> String {
        self.ask("url").as_str().unwrap().into()
    }

    pub fn title(&self) -> String {
        self.ask("title").as_str().unwrap().into()
    }

    /// The first element that a CSS selector fits.
    #[track_caller]
    pub fn find(&self, selector: &str) -> Element<'_> {
        let found = self.post(
            "element",
            &json!({"using": "css selector", "value": selector}),
        );
        self.element(&found)
    }

    /// What has the keyboard.
    pub fn focused(&self) -> Element<'_> {
        self.element(&self.ask("element/active"))
    }

    fn element(&self, reference: &Value) -> Element<'_> {
        Element {
            browser: self,
            id: reference[ELEMENT].as_str().unwrap().into(),
        }
    }

    /// Presses and lets go of a key.
    pub fn press(&self, key: char) {
        let actions = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        self.post(
            "actions",
            &json!({"actions": [
                {"type": "key", "id": "keyboard", "actions": actions},
            ]}),
        );
    }

    /// What people read in the first element that a selector fits; none while there is no such
    /// element, as between two pages.
    pub fn read(&self, selector: &str) -> Option<String> {
        let script = "return document.querySelector(arguments[0])?.innerText ?? null";
        let call = json!({"script": script, "args": [selector]});
        let reply = Ask::new("POST", format!("{}/execute/sync", self.session))
            .body(call.to_string())
            .send();
        reply.json()["value"].as_str().map(String::from)
    }

    /// Whether the page is wider than the window.
    pub fn scrolls_sideways(&self) -> bool {
        let script = "const d = document.documentElement; return d.scrollWidth > d.clientWidth;";
        self.post("execute/sync", &json!({"script": script, "args": []})) == true
    }

    /// What the console complained of since the last call.
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.post("se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().unwrap().iter();
        entries
            .filter(|entry| ["SEVERE", "WARNING"].contains(&entry["level"].as_str().unwrap()))
            .map(|entry| entry["message"].as_str().unwrap().into())
            .collect()
    }

    /// Keeps a picture of the window for people to look at.
    pub fn picture(&self, name: &str) -> PathBuf {
        let bytes = STANDARD
            .decode(self.ask("screenshot").as_str().unwrap())
            .unwrap();
        // Cargo gives us target/tmp.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("e2e");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.png"));
        fs::write(&file, bytes).unwrap();
        file
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that ends without this may leave its browser running.
        let _ = Ask::new("DELETE", &self.session).try_send();
    }
}

impl Element<'_> {
    fn command(&self, command: &str) -> String {
        format!("element/{}/{command}", self.id)
    }

    #[track_caller]
    pub fn click(&self) {
        self.browser.post(&self.command("click"), &json!({}));
    }

    /// Types text, or chooses a file by its path.
    #[track_caller]
    pub fn enter(&self, text: &str) {
        self.browser
            .post(&self.command("value"), &json!({ "text": text }));
    }

    pub fn text(&self) -> String {
        self.browser
            .ask(&self.command("text"))
            .as_str()
            .unwrap()
            .into()
    }

    /// Empty if there is none.
    pub fn attribute(&self, name: &str) -> String {
        let value = self
            .browser
            .ask(&self.command(&format!("attribute/{name}")));
        value.as_str().unwrap_or_default().into()
    }

    pub fn is_shown(&self) -> bool {
        self.browser.ask(&self.command("displayed")) == true
    }
}

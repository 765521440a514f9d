//! A real Chromium, driven over its debugging protocol: messages of JSON, each ended by a zero, on two pipes
//! (<https://chromedevtools.github.io/devtools-protocol/>).

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What to type where it is missing.
const INSTALL: &str = "apt-get install -y --no-install-recommends chromium fonts-dejavu-core";
/// What a page is waited for has to happen within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one tab; it ends with the test.
pub(crate) struct Browser {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: String,
    next: u64,
    /// What its console and its policies complained of.
    pub(crate) complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory");
        // It reads commands from its file 3 and answers on its file 4.
        let script = "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null";
        let mut command = Command::new("sh");
        command.args([
            "-c",
            script,
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
        ]);
        command.args(["--no-first-run", "--disable-background-networking", "--disable-component-update"]);
        command.args(["--disable-sync", "--remote-debugging-pipe", "--window-size=1280,1000"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let (commands, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (answers, session, complaints) = (BufReader::new(answers), String::new(), Vec::new());
        let mut browser =
            Self { process, commands, answers, session, next: 0, complaints, _profile: profile };
        let targets = browser.send("Target.getTargets", &json!({}));
        let pages = targets["targetInfos"].as_array().expect("targets").iter();
        let page =
            pages.filter(|target| target["type"] == "page").map(|page| page["targetId"].clone()).next();
        let attached = browser.send("Target.attachToTarget", &json!({ "targetId": page, "flatten": true }));
        attached["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable", "Network.enable"] {
            browser.send(domain, &json!({}));
        }
        browser
    }

    /// Sends a command and gives its result; what fails in the page is an error with the protocol's words.
    fn try_send(&mut self, method: &str, parameters: &Value) -> Result<Value, String> {
        self.next += 1;
        let mut command = json!({ "id": self.next, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        let sent = self.commands.write_all(format!("{command}\0").as_bytes());
        sent.unwrap_or_else(|error| panic!("chromium is gone: {error}; as root: {INSTALL}"));
        loop {
            let mut message = Vec::new();
            self.answers.read_until(0, &mut message).expect("a message");
            assert!(message.pop() == Some(0), "chromium is gone; as root: {INSTALL}");
            let message: Value = serde_json::from_slice(&message).expect("JSON");
            if message["method"] == "Log.entryAdded" || message["method"] == "Runtime.exceptionThrown" {
                self.complaints.push(message["params"].to_string());
            }
            if message["id"] == json!(self.next) {
                return match message.get("error") {
                    Some(error) => Err(error.to_string()),
                    None => Ok(message["result"].clone()),
                };
            }
        }
    }

    fn send(&mut self, method: &str, parameters: &Value) -> Value {
        self.try_send(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Goes to an address.
    pub(crate) fn go(&mut self, url: &str) {
        self.send("Page.navigate", &json!({ "url": url }));
    }

    /// What an expression gives in the page; `None` while one page goes and the next one comes.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Option<Value> {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.try_send("Runtime.evaluate", &asked).ok()?;
        answer.get("exceptionDetails").is_none().then(|| answer["result"]["value"].clone())
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.evaluate(&format!("!!({expression})")) != Some(json!(true)) {
            if Instant::now() > deadline {
                let page =
                    "location.href + '\\n' + document.documentElement.className + document.body.innerText";
                let shown = self.evaluate(page).unwrap_or_default();
                panic!("never: {what}\n{}", shown.as_str().unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The size of the window, and whether its colours are dark.
    pub(crate) fn looks(&mut self, width: u32, dark: bool) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.send("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.send("Emulation.setEmulatedMedia", &features);
    }

    /// Whether script runs.
    pub(crate) fn script(&mut self, runs: bool) {
        self.send("Emulation.setScriptExecutionDisabled", &json!({ "value": !runs }));
    }

    /// Presses a key in what has the focus.
    pub(crate) fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.send("Input.dispatchKeyEvent", &json!({ "type": kind, "key": key, "code": key }));
        }
    }

    /// The cookies that it keeps, as the protocol tells them.
    pub(crate) fn cookies(&mut self) -> Value {
        self.send("Network.getCookies", &json!({}))["cookies"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! Chromium without a window, driven through its own protocol over a pair of pipes. What goes wrong in a page and
//! what it asks of the network is kept.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    number: u64,
    session: Option<String>,
    /// Errors and warnings of the console, exceptions, and requests other than for the page itself.
    pub(crate) trouble: Vec<String>,
    _profile: tempfile::TempDir,
}

/// Where Chromium is. Without it a test says that it is skipped; in CI it fails.
pub(crate) fn chromium() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&paths)
        .map(|folder| folder.join("chromium"))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI needs the package chromium"
        );
        eprintln!("SKIPPED: no chromium here; install it to test the page of reports");
    }
    found
}

impl Browser {
    pub(crate) fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        // It reads from descriptor 3 and writes to 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 1>&2", "sh"])
            .arg(program)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--hide-scrollbars",
                "--no-first-run",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let to = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, from) = channel();
        std::thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else {
                    break;
                };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            to,
            from,
            number: 0,
            session: None,
            trouble: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Asks for something and waits for the answer.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let text = message.to_string();
        self.to
            .write_all(text.as_bytes())
            .expect("the browser reads");
        self.to.write_all(&[0]).expect("the browser reads");
        let number = self.number;
        let answer = self.wait(|message| message["id"] == number);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self
                .from
                .recv_timeout(PATIENCE)
                .expect("the browser answers");
            self.trouble.extend(trouble(&message));
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Shows a page in a window of this size.
    pub(crate) fn open(&mut self, address: &str, width: u32, height: u32, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        );
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        self.call("Page.navigate", json!({ "url": address }));
        self.wait(|message| message["method"] == "Page.loadEventFired");
        // Twice, as about:blank has an event of its own.
        let ready = "new Promise((done) => { const look = () => document.readyState === 'complete' && \
                     location.protocol === 'file:' ? done(true) : setTimeout(look, 10); look(); })";
        self.evaluate(ready);
    }

    /// The value of an expression in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let result = self.call("Runtime.evaluate", parameters);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Has [`time_of_processor`](Self::time_of_processor) count, from here on.
    pub(crate) fn count_time_of_processor(&mut self) {
        let domain = json!({ "timeDomain": "threadTicks" });
        self.call("Performance.enable", domain);
    }

    /// How long the page has worked so far, seconds, whatever else the machine did.
    pub(crate) fn time_of_processor(&mut self) -> f64 {
        let told = self.call("Performance.getMetrics", json!({}));
        let metrics = told["metrics"].as_array().cloned().unwrap_or_default();
        let time = metrics
            .iter()
            .find(|metric| metric["name"] == "TaskDuration");
        let time = time.and_then(|metric| metric["value"].as_f64());
        time.expect("a metric")
    }

    /// What the window shows, as PNG.
    pub(crate) fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        Base64::decode_vec(shot["data"].as_str().expect("a picture")).expect("Base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = b"{\"id\":0,\"method\":\"Browser.close\"}\0";
        let _ = self.to.write_all(close);
        for _ in 0..50 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a message tells of trouble.
fn trouble(message: &Value) -> Option<String> {
    let told = &message["params"];
    match message["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(format!("exception: {}", told["exceptionDetails"])),
        "Runtime.consoleAPICalled" if told["type"] != "log" => {
            Some(format!("console: {}", told["args"]))
        }
        "Log.entryAdded" => Some(format!("log: {}", told["entry"])),
        "Network.requestWillBeSent" => {
            let address = told["request"]["url"].as_str().unwrap_or_default();
            let own = told["type"] == "Document" && address.starts_with("file:");
            (!own && !address.starts_with("data:") && address != "about:blank")
                .then(|| format!("request: {address}"))
        }
        _ => None,
    }
}

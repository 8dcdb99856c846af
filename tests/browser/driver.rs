//! A headless Chromium, driven over the DevTools protocol by a pipe: JSON messages, a NUL after each
//! (<https://chromedevtools.github.io/devtools-protocol/>). No port is opened, and nothing is left running.

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No answer takes this long, on whatever machine: a browser that gives none is stuck.
const STUCK: Duration = Duration::from_secs(120);

pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: String,
    last: u64,
    /// What the page did by itself, as the browser told it.
    events: Vec<Value>,
    profile: TempDir,
}

impl Browser {
    /// Starts Chromium with an empty page.
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let program = std::env::var("LVS_MATRIX_BROWSER").unwrap_or_else(|_| "chromium".to_owned());
        let said = std::fs::File::create(profile.path().join("stderr")).unwrap();
        // The browser reads commands from descriptor 3 and writes to 4.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null",
                "sh",
                &program,
            ])
            .args([
                "--headless",
                "--remote-debugging-pipe",
                // Its sandbox needs what containers, and root, do not have; all that it opens here is our
                // own.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--no-first-run",
                "--no-default-browser-check",
                "--disable-background-networking",
                "--disable-breakpad",
                "--disable-crash-reporter",
                "--disable-component-update",
                "--disable-extensions",
                "--disable-sync",
                "--hide-scrollbars",
                // It would ignore an address that changes more than 200 times in 10 s, as it does where many
                // cells are opened.
                "--disable-ipc-flooding-protection",
                "--force-color-profile=srgb",
                "about:blank",
            ])
            .arg(format!(
                "--user-data-dir={}",
                profile.path().join("profile").display()
            ))
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            .process_group(0)
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while lines.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            child,
            to,
            from,
            session: String::new(),
            last: 0,
            events: Vec::new(),
            profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call(
            "Target.attachToTarget",
            json!({ "targetId": target, "flatten": true }),
        );
        attached["sessionId"]
            .as_str()
            .unwrap()
            .clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// A command and its result.
    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.to
            .write_all(&bytes)
            .unwrap_or_else(|error| panic!("{method}: {error}\n{}", self.stderr()));
        let id = self.last;
        let answer = self.wait_for(method, |message| message["id"] == id);
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + STUCK;
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            match self.from.recv_timeout(rest) {
                Ok(message) if wanted(&message) => return message,
                Ok(message) => self.event(message),
                Err(error) => panic!(
                    "the browser gave no answer to {what} ({error}); on Debian it is the package `chromium`; \
                     it said:\n{}",
                    self.stderr()
                ),
            }
        }
    }

    fn event(&mut self, message: Value) {
        // A page that waits for somebody to close a dialog answers nothing.
        assert_ne!(
            message["method"], "Page.javascriptDialogOpening",
            "a page opened a dialog: {message}"
        );
        self.events.push(message);
    }

    /// Opens `url` and waits until it is loaded.
    pub(crate) fn open(&mut self, url: &str) {
        // The same page with another fragment would not be loaded again.
        self.navigate("about:blank");
        self.events.clear();
        self.navigate(url);
    }

    fn navigate(&mut self, url: &str) {
        let said = self.call("Page.navigate", json!({ "url": url }));
        assert!(said["errorText"].is_null(), "{url}: {said}");
        let loaded = |message: &Value| message["method"] == "Page.loadEventFired";
        if let Some(at) = self.events.iter().position(&loaded) {
            self.events.remove(at);
        } else {
            self.wait_for(url, loaded);
        }
    }

    /// The value of an expression in the page; a promise is awaited.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            json!({
                "expression": expression, "returnByValue": true,
                "awaitPromise": true, "userGesture": true,
            }),
        );
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Asserts that an expression is true.
    pub(crate) fn holds(&mut self, expression: &str) {
        let value = self.value(expression);
        assert_eq!(value, true, "{expression}");
    }

    /// Waits until an expression is true: the browser tells of steps in its history later.
    pub(crate) fn becomes(&mut self, expression: &str) {
        let end = Instant::now() + STUCK;
        while self.value(expression) != true {
            assert!(Instant::now() < end, "waited in vain for {expression}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Presses and releases a key by its name in the DOM (`Enter`, `ArrowDown`, `/`).
    pub(crate) fn key(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "Tab" => 9,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 0,
        };
        let text = match key {
            "Enter" => "\r",
            key if key.chars().count() == 1 => key,
            _ => "",
        };
        let event = |kind: &str, text: &str| {
            json!({
                "type": kind,
                "key": key,
                "windowsVirtualKeyCode": code,
                "text": text,
            })
        };
        self.call("Input.dispatchKeyEvent", event("keyDown", text));
        self.call("Input.dispatchKeyEvent", event("keyUp", ""));
    }

    pub(crate) fn keys(&mut self, text: &str) {
        for key in text.chars() {
            self.key(&key.to_string());
        }
    }

    /// The page's width and height in CSS pixels.
    pub(crate) fn size(&mut self, width: u32, height: u32) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 }),
        );
    }

    /// What the system says of colours, motion and medium.
    pub(crate) fn media(&mut self, medium: &str, features: &[(&str, &str)]) {
        let features: Vec<Value> = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "media": medium, "features": features }),
        );
    }

    /// The whole page as it is seen, as PNG in base64.
    pub(crate) fn screenshot(&mut self) -> String {
        let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        self.picture(json!({ "format": "png", "clip": clip, "captureBeyondViewport": true }))
    }

    /// The element as it is seen, with some pixels around it, as a small WebP in base64.
    pub(crate) fn screenshot_of(&mut self, selector: &str) -> String {
        let clip = self.value(&format!(
            "(() => {{ const at = document.querySelector('{selector}').getBoundingClientRect();
               return {{ x: at.x + scrollX - 8, y: at.y + scrollY - 8, width: at.width + 16,
                         height: at.height + 16, scale: 1 }}; }})()"
        ));
        let quality = json!({ "format": "webp", "quality": 80, "clip": clip, "captureBeyondViewport": true });
        self.picture(quality)
    }

    fn picture(&mut self, how: Value) -> String {
        let picture = self.call("Page.captureScreenshot", how);
        picture["data"].as_str().unwrap().to_owned()
    }

    /// Asserts that since it was opened the page raised no exception, wrote nothing to the console (where the
    /// browser also says what a Content-Security-Policy refused), and asked for nothing but itself.
    pub(crate) fn assert_quiet(&mut self, document: &Path) {
        // Whatever it was about to say, it has said when it has drawn itself once more.
        self.call(
            "Page.captureScreenshot",
            json!({ "format": "jpeg", "quality": 1 }),
        );
        let own = format!("file://{}", document.display());
        for event in &self.events {
            let method = event["method"].as_str().unwrap_or_default();
            let bad = [
                "Runtime.exceptionThrown",
                "Runtime.consoleAPICalled",
                "Log.entryAdded",
            ]
            .contains(&method);
            assert!(!bad, "{event:#}");
            if method == "Network.requestWillBeSent" {
                let url = event["params"]["request"]["url"].as_str().unwrap();
                let url = url.split('#').next().unwrap();
                assert!(url == own || url.starts_with("data:"), "the page asked for {url}");
            }
        }
    }

    fn stderr(&self) -> String {
        std::fs::read_to_string(self.profile.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Browser {
    /// The browser and all that it started are a process group of their own; its files go when none of them
    /// can write any more.
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
        let end = Instant::now() + STUCK;
        while is_running(group) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Does a process of the group run? One that has ended and that nobody has reaped does not: whoever inherits
/// the browser's children need not look after them (proc_pid_stat(5): the state and the group follow the
/// name's parenthesis).
fn is_running(group: Pid) -> bool {
    let group = group.as_raw_pid().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    stats.any(|stat| {
        let rest = stat.rsplit(") ").next().unwrap_or_default();
        let fields: Vec<&str> = rest.split(' ').take(3).collect();
        matches!(fields.as_slice(), [state, _, own] if !["Z", "X"].contains(state) && *own == group)
    })
}

//! What a command prints: text for a person, or one JSON object a line for a script.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Where a command's answers go: stdout. Progress and logs go to stderr.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Prints JSON if asked to.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether it prints JSON.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints one answer: `text` for a person, `{"event": event, …value}` for a script.
    pub(crate) fn emit(self, event: &str, value: &impl Serialize, text: impl AsRef<str>) {
        if self.json {
            let mut object = serde_json::json!({ "event": event });
            if let (Some(object), Ok(serde_json::Value::Object(fields))) =
                (object.as_object_mut(), serde_json::to_value(value))
            {
                object.extend(fields);
            }
            println!("{object}");
        } else {
            println!("{}", text.as_ref());
        }
    }

    /// A line that only a person is told.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        if !self.json {
            println!("{}", text.as_ref());
        }
    }

    /// Shows that something takes time, on a terminal; says so once elsewhere.
    pub(crate) fn wait(self, what: &str) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            if !self.json {
                eprintln!("{what} …");
            }
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        bar.set_style(ProgressStyle::default_spinner());
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        bar
    }
}

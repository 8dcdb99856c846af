//! What a segment says, in words.

use super::payload::plural;

/// What a segment says, rows counted together.
#[derive(Debug, Default)]
pub(super) struct Notes {
    said: Vec<String>,
    rows: u64,
}

impl Notes {
    pub(super) fn say(&mut self, text: String) {
        self.count_rows();
        self.said.push(text);
    }

    /// Says it if there is something to say; was there?
    pub(super) fn maybe(&mut self, text: Option<String>) -> bool {
        let understood = text.is_some();
        if let Some(text) = text {
            self.say(text);
        }
        understood
    }

    pub(super) fn row(&mut self) {
        self.rows += 1;
    }

    fn count_rows(&mut self) {
        if self.rows > 0 {
            self.said.push(plural(self.rows, "row"));
            self.rows = 0;
        }
    }

    pub(super) fn text(mut self) -> String {
        self.count_rows();
        self.said.join("; ")
    }
}

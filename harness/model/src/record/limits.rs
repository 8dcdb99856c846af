//! What a record of a cell can hold. A folder of a run may come from anywhere: what no cell could have left
//! is refused before it is judged, or judging and its pages would take as much time, memory and disk as
//! somebody likes.

use super::CellRecord;

/// No text in a record is longer than this, bytes: scenarios, the tables of a director and the answers of
/// programs are shorter.
const MOST_TEXT: usize = 2 << 20;

/// Is there a text in these bytes of JSON that is longer than [`MOST_TEXT`]? Its length, counted as it stands
/// there.
#[must_use]
pub fn overlong_text(json: &[u8]) -> Option<usize> {
    let mut began = None;
    let mut escaped = false;
    for (at, byte) in json.iter().enumerate() {
        match (began, *byte) {
            (None, b'"') => began = Some(at + 1),
            (None, _) => {}
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(from), b'"') => {
                if at - from > MOST_TEXT {
                    return Some(at - from);
                }
                began = None;
            }
            (Some(_), _) => {}
        }
    }
    None
}

impl CellRecord {
    /// What there is more of than any cell has: `its 20000 steps (at most 10000)`.
    #[must_use]
    pub fn more_than_any_cell(&self) -> Option<String> {
        let sockets = self.client_sockets.as_ref().map_or(0, Vec::len);
        let counts = [
            ("steps", self.steps.len(), 10_000),
            ("steps of its plan", self.plan.steps.len(), 10_000),
            ("hosts of its plan", self.plan.hosts.len(), 256),
            ("commands by hand", self.by_hand.len(), 10_000),
            ("client events", self.client_events.len(), 50_000),
            ("command lines that made the lab", self.preparation.len(), 10_000),
            ("snapshots", self.snapshots.len(), 10_000),
            ("lines of the control plane", self.control_log.len(), 50_000),
            ("changes of the VIP", self.vip_changes.len(), 10_000),
            ("probes", self.probes.len(), 256),
            (
                "attempts of probes",
                self.probes.iter().map(|probe| probe.attempts.len()).sum(),
                50_000,
            ),
            ("views of servers", self.server_views.len(), 256),
            ("sockets of the client", sockets, 50_000),
            (
                "points of the capture",
                self.capture.as_ref().map_or(0, |capture| capture.points.len()),
                256,
            ),
        ];
        let (what, found, most) = counts.into_iter().find(|(_, found, most)| found > most)?;
        Some(format!("its {found} {what} (at most {most})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_text_is_found_whatever_is_in_it() {
        let long = |inner: &str| format!(r#"{{"short": "\"", "name": "{inner}"}}"#);
        assert_eq!(overlong_text(long(&"x".repeat(MOST_TEXT)).as_bytes()), None);
        let more = "x".repeat(MOST_TEXT + 1);
        assert_eq!(overlong_text(long(&more).as_bytes()), Some(MOST_TEXT + 1));
        // Escaped quotes end no text, and what is between texts is none.
        let escaped = "\\\"".repeat(MOST_TEXT / 2 + 1);
        assert!(overlong_text(long(&escaped).as_bytes()).is_some());
        let apart = format!("[{}\"\"]", "\"x\", ".repeat(MOST_TEXT));
        assert_eq!(overlong_text(apart.as_bytes()), None);
    }
}

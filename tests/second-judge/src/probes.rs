//! What the probes lived through, told from the packets of their host alone: a request of theirs was answered
//! or it was not. Of the record only the times and ports of the attempts are read.

use crate::capture::{Frame, What};
use crate::record::{Record, list};
use serde_json::Value;

/// What became of a probe's attempts.
#[derive(Debug, PartialEq, Eq)]
pub struct Probed {
    /// The probe's name.
    pub probe: String,
    /// The attempts that were over by the end of the observation.
    pub attempts: i64,
    /// Those of them that were answered.
    pub answered: i64,
    /// How long the longest outage lasted, in nanoseconds.
    pub longest: i64,
}

/// So many answers in a row end an outage.
const IN_A_ROW: usize = 10;

/// What the report says of them.
#[must_use]
pub fn reported(cell: &Value) -> Vec<Probed> {
    let number = |value: &Value| value.as_i64().unwrap_or(-1);
    let of = |probe: &Value| Probed {
        probe: probe["probe"].as_str().unwrap_or_default().to_owned(),
        attempts: number(&probe["attempts"]),
        answered: number(&probe["answered"]),
        longest: number(&probe["longest-outage-ns"]),
    };
    list(&cell["probes"]).iter().map(of).collect()
}

/// What the packets say of them.
#[must_use]
pub fn probed(record: &Record, frames: &[Frame]) -> Vec<Probed> {
    let of = |probe: &Value| {
        let attempts = list(&probe["attempts"]).iter();
        let time = timeout(record, &probe["probe"]);
        let over = attempts.filter(|attempt| attempt["end"] != "unfinished");
        let all: Vec<(i64, bool)> = over
            .filter_map(|attempt| {
                Some((
                    attempt["began"].as_i64()?,
                    answered(record, frames, attempt, time),
                ))
            })
            .collect();
        let end = record.json["ended"].as_i64().unwrap_or_default();
        Probed {
            probe: probe["probe"].as_str().unwrap_or_default().to_owned(),
            attempts: i64::try_from(all.len()).unwrap_or(-1),
            answered: i64::try_from(all.iter().filter(|(_, answered)| *answered).count()).unwrap_or(-1),
            longest: longest(&all, end),
        }
    };
    list(&record.json["probes"]).iter().map(of).collect()
}

/// How long an attempt of this probe may take, in nanoseconds.
fn timeout(record: &Record, probe: &Value) -> Option<i64> {
    let hosts = list(&record.json["plan"]["hosts"]).iter();
    let runs = hosts.flat_map(|host| list(&host["runs"]));
    let mut probes = runs.flat_map(|run| list(&run["probes"]));
    let time = &probes.find(|one| one["name"] == *probe)?["timeout"];
    Some(time["secs"].as_i64()? * 1_000_000_000 + time["nanos"].as_i64()?)
}

/// Was the last thing that a probe asked in this time answered? What comes when its time is over is no
/// answer: a probe may notice a little later that it is over. Neither is what had come before it asked, and
/// comes again because the server has not heard that it came.
fn answered(record: &Record, frames: &[Frame], attempt: &Value, time: Option<i64>) -> bool {
    let at = |key: &str| attempt[key].as_i64().map(|at| at + record.epoch);
    let (Some(began), Some(ended), Some(port)) = (at("began"), at("ended"), attempt["port"].as_u64()) else {
        return false;
    };
    let over = time.filter(|_| attempt["end"] == "timed-out");
    let ended = over.map_or(ended, |time| ended.min(began + time));
    let own = |frame: &&Frame| frame.host == "probe" && began <= frame.at && frame.at <= ended;
    // What the probe has had when it asks: the number of the byte that it expects next.
    let mut had: Option<u32> = None;
    let mut answered = false;
    for frame in frames.iter().filter(own) {
        let What::Tcp { segment, .. } = &frame.what else {
            continue;
        };
        let (from, to) = (segment.source.1, segment.target.1);
        let asks = |text: &[u8]| segment.payload.windows(text.len()).any(|window| window == text);
        if u64::from(from) == port && (asks(b"@@server_id") || asks(b" probe")) {
            (had, answered) = (Some(segment.acknowledgement), false);
        } else if u64::from(to) == port
            && !segment.payload.is_empty()
            && had.is_some_and(|had| segment.sequence.wrapping_sub(had) < 1 << 31)
        {
            // An ERR packet begins with 0xff behind its header of four bytes.
            answered = segment.payload.get(4) != Some(&0xff);
        }
    }
    answered
}

/// The longest outage of attempts, each with its beginning and whether it was answered.
fn longest(all: &[(i64, bool)], end: i64) -> i64 {
    let lost: Vec<usize> = (0..all.len()).filter(|index| !all[*index].1).collect();
    let mut longest = 0;
    let mut first = 0;
    for (place, index) in lost.iter().enumerate() {
        let goes_on = lost.get(place + 1).is_some_and(|next| next - index <= IN_A_ROW);
        if !goes_on {
            let over = all.get(index + 1).map_or(end, |(began, _)| *began);
            longest = longest.max(over - all[lost[first]].0);
            first = place + 1;
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_ends_when_ten_in_a_row_are_answered() {
        let all = |answered: &str| -> Vec<(i64, bool)> {
            (0..)
                .zip(answered.chars())
                .map(|(at, sign)| (at, sign == '+'))
                .collect()
        };
        assert_eq!(longest(&all("+++"), 3), 0);
        assert_eq!(longest(&all("+--+"), 4), 2);
        assert_eq!(longest(&all("+--"), 7), 6, "to the end");
        assert_eq!(longest(&all("-+++++++++-+"), 12), 11, "nine answers end none");
        assert_eq!(longest(&all("-++++++++++--+"), 14), 2, "ten do");
    }
}

//! Of two directors, or of one with a name of its author's, a sentence names the one whose interface saw a
//! packet.

use lvs_matrix_model::verdict::JudgedCell;

/// Rules say `packet 12 on director` and `director 上的数据包 12`, whichever director it was. In a lab
/// whose directors are named each such place gets the name of the one that saw the packet.
pub(super) fn named(cell: &JudgedCell, text: String) -> String {
    if !cell.record.plan.names_directors() {
        return text;
    }
    let seen_by = |number: u32| {
        let mut packets = cell.packets().iter();
        let packet = packets.find(|packet| packet.number == number);
        let points = cell.record.capture.as_ref().map(|capture| &capture.points);
        let point = packet
            .zip(points)
            .and_then(|(packet, points)| points.get(packet.point));
        let director = point?.node.director()?;
        Some(director)
    };
    let text = renamed(&text, ON, |before, _| {
        Some(format!(" on {}", seen_by(last_packet(before)?)?))
    });
    renamed(&text, AT, |_, after| {
        Some(format!("{} 上的", seen_by(first_packet(after)?)?))
    })
}

const ON: &str = " on director";
const AT: &str = "director 上的";

/// Puts something in the place of each occurrence of `what` for which there is something.
fn renamed(text: &str, what: &str, by: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(what) {
        out.push_str(before);
        // Part of a longer name.
        let whole = !after.starts_with(|next: char| next.is_ascii_alphanumeric());
        let other = by(&out, after).filter(|_| whole);
        out.push_str(other.as_deref().unwrap_or(what));
        rest = after;
    }
    out + rest
}

/// The number of the packet that a text ends with: `… packet 12`, `… packet 12, at 1.5s`.
fn last_packet(text: &str) -> Option<u32> {
    let (_, last) = text.rsplit_once("packet ")?;
    let digits = last
        .find(|next: char| !next.is_ascii_digit())
        .unwrap_or(last.len());
    let (number, rest) = last.split_at(digits);
    let timed = rest
        .strip_prefix(", at ")
        .is_some_and(|time| !time.contains([',', ';', '(', ')']));
    (rest.is_empty() || timed).then(|| number.parse().ok())?
}

/// The number of the packet that a text begins with: `数据包 12…`.
fn first_packet(text: &str) -> Option<u32> {
    let number = text.strip_prefix("数据包 ")?;
    let digits = number
        .find(|next: char| !next.is_ascii_digit())
        .unwrap_or(number.len());
    number.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_where_it_is_named() {
        assert_eq!(last_packet("arrived (packet 12"), Some(12));
        assert_eq!(last_packet("arrived (packet 12, at 1m2s"), Some(12));
        for other in [
            "arrived (packet 12 on client), and what was",
            "set x",
            "packet 12, at 1s; that",
        ] {
            assert_eq!(last_packet(other), None, "{other}");
        }
        assert_eq!(first_packet("数据包 7，1s）"), Some(7));
        assert_eq!(first_packet("表"), None);
    }

    #[test]
    fn only_what_is_asked_for_gets_another_name() {
        let text = "packet 1 on director, packet 2 on director; set x on director, packet 2 on director2";
        let second = |before: &str, _: &str| (last_packet(before)? == 2).then(|| " on director2".to_owned());
        let named = "packet 1 on director, packet 2 on director2; set x on director, packet 2 on director2";
        assert_eq!(renamed(text, ON, second), named);
    }
}

//! The text.

use super::*;
use lvs_matrix_explain::{Status, explain};
use lvs_matrix_language::Language;
use lvs_matrix_model::capture::{Body, Encapsulation, Transport};
use lvs_matrix_report::explanation;

/// The whole text is in the stored report, where it is reviewed with the run that it is of; here, what must
/// be in it.
#[test]
fn an_explanation_names_the_rule_the_packets_and_the_cure() {
    let text = explanation(Language::English, &stored("hang-to-the-end/300s"));
    for part in [
        "hang-to-the-end/300s: hung, then error",
        "was dropped: with expire_nodest_conn=0",
        "ip_vs_in_hook in net/netfilter/ipvs/ip_vs_core.c",
        "The entry's time of 15m",
        "on director)",
        "set net.ipv4.vs.expire_nodest_conn=1",
        // A command line stays on one line.
        "`ipvsadm -e -t 192.0.2.100:3306 -r 192.0.2.31:3306 -g -w 0`",
    ] {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = if part.contains('`') {
            text.contains(part)
        } else {
            flat.contains(part)
        };
        assert!(found, "{part} is missing in\n{text}");
    }
    assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
}

#[test]
fn without_an_explanation_it_says_so_and_what_is_known() {
    let mut cell = stored("config-change/absent_up_execute-sql_0");
    sysctl(
        &mut cell,
        &Node::first_director(),
        "net.ipv4.vs.expire_nodest_conn",
        "1",
    );
    let text = plain(&explain(&cell));
    assert!(
        text.contains("says why nothing reached the client. It does not guess"),
        "{text}"
    );
    for item in &cell.observed.evidence {
        let begin: String = item
            .fact
            .to_string()
            .split(' ')
            .take(3)
            .collect::<Vec<_>>()
            .join(" ");
        assert!(text.contains(&begin), "{begin} is missing in\n{text}");
    }
}

#[test]
fn what_is_not_known_is_not_explained() {
    let cell = stored("config-change/absent_up_execute-sql_0");
    let mut record = cell.record;
    record.capture.as_mut().unwrap().points[0].dropped = 1;
    let bytes = fs::read(
        kept()
            .join("config-change/absent_up_execute-sql_0")
            .join(CAPTURE_FILE),
    )
    .unwrap();
    let doubtful = judged(record, Some(&bytes));
    let explanation = explain(&doubtful);
    assert!(explanation.paragraphs.is_empty() && explanation.advice.is_empty());
    assert_eq!(
        explanation.status,
        Status::Undetermined {
            reasons: vec!["the capture on client lost 1 packet".to_owned()]
        }
    );
    assert!(plain(&explanation).contains("the capture on client lost 1 packet"));
}

/// Foreign text reaches the explanation by the statement.
#[test]
fn foreign_text_is_harmless() {
    let mut cell = stored("config-change/present_up_execute-sql_0");
    let operation = cell.observed.operation.as_mut().unwrap();
    operation.what = "query `\u{1b}[31m\u{202e} \n::error::x ##[group]`".to_owned();
    let text = plain(&explain(&cell));
    assert!(text.contains("error"), "{text}");
    for bad in ["\u{1b}", "\u{202e}", "\n::", "##["] {
        assert!(!text.contains(bad), "{bad:?} in\n{text}");
    }
}

/// A tunnelled segment is found on its way as well: the rules look at the inner one.
#[test]
fn the_way_of_a_segment_is_found_by_the_segment() {
    let mut cell = stored("config-change/present_up_execute-sql_0");
    let director = cell.record.plan.host(&Node::first_director()).unwrap().mac();
    cell.change_packets(|packets| {
        for packet in packets {
            let Body::Ip {
                source,
                destination,
                transport,
            } = &packet.body
            else {
                continue;
            };
            if packet.source_mac == director && matches!(transport, Transport::Tcp(_)) {
                packet.body = Body::Ip {
                    source: *source,
                    destination: *destination,
                    transport: Transport::Tunneled {
                        by: Encapsulation::IpInIp,
                        source: *source,
                        destination: *destination,
                        transport: Box::new(transport.clone()),
                    },
                };
            }
        }
    });
    assert_eq!(rules(&explain(&cell)), ["passed-on"]);
}

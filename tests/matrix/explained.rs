//! Why each client saw what it saw: every cell of every scenario that is shipped has an explanation, by
//! rules that can explain what it lived through, and each packet that a sentence names is the right one.

use super::goes_with::go_together;
use super::{run, unmet};
use lvs_matrix_explain::{Status, explain};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::client::Settings;
use lvs_matrix_model::record::CellRecord;
use lvs_matrix_model::verdict::{Behaviour, Citation, JudgedCell, judged};
use lvs_matrix_second_judge::twice::{judge_again, wrongly_cited};
use std::fs;

fn judged_anew(id: &str) -> JudgedCell {
    let folder = run().out.join(id);
    let record: CellRecord = serde_json::from_slice(&fs::read(folder.join("record.json")).unwrap()).unwrap();
    judged(record, Some(&fs::read(folder.join("capture.pcapng")).unwrap()))
}

/// A capture of so many packets is no fixture.
#[test]
fn the_rest_of_a_large_upload_is_explained() {
    let rules = |cell: &JudgedCell| -> Vec<&str> {
        let paragraphs = explain(cell).paragraphs.into_iter();
        paragraphs.map(|paragraph| paragraph.rule).collect()
    };
    let mut hung = judged_anew("client-actions/absent_large-upload_0");
    assert_eq!(
        rules(&hung),
        ["entry-without-server", "retransmissions-exhausted"]
    );
    // Eight retransmissions are not what tcp_retries2 allowed.
    let hosts = &mut hung.record.plan.hosts;
    let client = hosts.iter_mut().find(|host| host.node == Node::Client).unwrap();
    let mut sysctls = client.sysctls.iter_mut();
    let (_, value) = sysctls.find(|(key, _)| key == "net.ipv4.tcp_retries2").unwrap();
    "8".clone_into(value);
    assert_eq!(rules(&hung), ["entry-without-server"]);
    let refused = explain(&judged_anew("client-actions/absent_large-upload_1"));
    let text = &refused.paragraphs.last().unwrap().text;
    assert!(
        text.contains("from its byte ") && text.contains(" on, (packet"),
        "{text}"
    );
}

#[test]
fn every_cell_is_explained_by_rules_that_fit_and_cites_the_right_packets() {
    assert_eq!(unmet(), "");
    let mut complaints = Vec::new();
    for cell in run().report["cells"].as_array().unwrap() {
        let id = cell["id"].as_str().unwrap();
        let (cell, folder) = (judged_anew(id), run().out.join(id));
        let explanation = explain(&cell);
        assert_eq!(explanation.status, Status::Explained, "{id}");
        let rules: Vec<&str> = explanation
            .paragraphs
            .iter()
            .map(|paragraph| paragraph.rule)
            .collect();
        assert!(!rules.is_empty(), "{id}: no rule");
        go_together(&cell, &rules);
        assert_eq!(explanation.contradictions(), [], "{id}");
        let hung = matches!(cell.observed.behaviour, Behaviour::Hung { .. });
        // Where the client's settings end the wait, the wait may be what was asked for.
        let set = cell.record.plan.client().settings != Settings::default();
        assert!(
            !hung || set || !explanation.advice.is_empty(),
            "{id}: a hang without advice"
        );
        let packets = |places: &[Citation]| -> Vec<u32> {
            let number = |place: &Citation| match place {
                Citation::Packet(number) => Some(*number),
                Citation::Event(_) | Citation::Snapshot(_) | Citation::Step(_) | Citation::Server(_) => None,
            };
            places.iter().filter_map(number).collect()
        };
        let paragraphs = explanation.paragraphs.into_iter();
        let said: Vec<_> = paragraphs.map(|one| (one.text, packets(&one.shown_by))).collect();
        let wrong = wrongly_cited(&folder, &said).unwrap();
        complaints.extend(wrong.into_iter().map(|complaint| format!("{id}: {complaint}")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_second_judge_agrees_on_every_cell() {
    assert_eq!(unmet(), "");
    let tally = judge_again(&run().out).unwrap();
    let found = tally.found.iter().map(|(id, why)| format!("{id}: {why}"));
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(tally.cells, run().report["cells"].as_array().unwrap().len());
}

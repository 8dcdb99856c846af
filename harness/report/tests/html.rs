//! The report for the browser, as text: what is in it, and that nothing foreign can act. `tests/browser.rs`
//! opens it.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that its input was not what it needs"
)]

mod common;

use lvs_matrix_model::client::Program;
use lvs_matrix_model::record::{ClientRecord, Transcript, TranscriptLine, TranscriptSource};
use lvs_matrix_report::{RunState, html, markdown_cell};
use std::collections::BTreeSet;

/// The elements of an HTML text, each as `name` and its attributes' names, without the text of script and
/// style.
fn tags(html: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap();
        let tag = &rest[..end];
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        // What is in quotes is no name. Quotes within a value are escaped, so they come in pairs.
        let bare: String = tag[name.len()..].split('"').step_by(2).collect();
        assert!(!bare.contains(['<', '&', '\'', '`']), "{tag}");
        let attributes = tag[name.len()..]
            .split('"')
            .step_by(2)
            .flat_map(str::split_whitespace)
            .map(|attribute| attribute.trim_end_matches('='))
            .filter(|attribute| !attribute.is_empty())
            .collect();
        found.push((name, attributes));
        rest = &rest[end + 1..];
        for raw in ["script", "style"] {
            if name == raw {
                rest = &rest[rest.find(&format!("</{raw}>")).unwrap()..];
            }
        }
    }
    found
}

#[test]
fn html_has_no_other_elements_and_attributes_around_foreign_text() {
    let (harmless, hostile) = (html(&common::report()), html(&common::hostile::report()));
    let known = |text| -> (BTreeSet<String>, BTreeSet<String>) {
        let tags = tags(text);
        let names = tags.iter().map(|(name, _)| (*name).to_owned());
        let attributes = tags.iter().flat_map(|(_, attributes)| attributes);
        (
            names.collect(),
            attributes.map(|name| (*name).to_owned()).collect(),
        )
    };
    let (names, attributes) = known(&harmless);
    assert!(
        names.contains("noscript") && attributes.contains("data-cell"),
        "{names:?} {attributes:?}"
    );
    let acting = |name: &&String| {
        name.starts_with("on") || ["src", "style", "srcdoc", "action"].contains(&name.as_str())
    };
    assert_eq!(attributes.iter().find(acting), None);
    let (new_names, new_attributes) = known(&hostile);
    assert_eq!(new_names.difference(&names).next(), None);
    assert_eq!(new_attributes.difference(&attributes).next(), None);
    for once in ["<script>", "<style>", "</html>", "</noscript>\n</div>\n<footer>"] {
        assert_eq!(hostile.matches(once).count(), 1, "{once}");
    }
    assert!(hostile.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

/// Links within the page lead somewhere; the others lead to files of the run's folder.
#[test]
fn every_link_of_the_html_has_its_place() {
    let text = html(&common::report());
    let ids: BTreeSet<&str> = text
        .split(" id=\"")
        .skip(1)
        .map(|part| part.split('"').next().unwrap())
        .collect();
    let count = text.matches(" id=\"").count();
    assert_eq!(count, ids.len(), "ids are unique");
    let links: Vec<&str> = text
        .split(" href=\"")
        .skip(1)
        .map(|part| part.split('"').next().unwrap())
        .collect();
    assert!(links.len() > 50, "{} links", links.len());
    for link in links {
        match link.strip_prefix('#') {
            Some("") => {}
            // What stands behind a question mark selects.
            Some(place) => {
                let place = place.split('?').next().unwrap();
                assert!(ids.contains(place), "nothing is at #{place}");
            }
            None if link.starts_with("data:image/") => {}
            // What a scenario reproduces is on the web.
            None if link == "https://incidents.example/463968?a=1&amp;b=2" => {}
            None => assert!(!link.contains([':', '%']) && !link.starts_with('/'), "{link}"),
        }
    }
}

/// What a client program printed is shown as it printed it, folded, and as harmless as anything foreign.
#[test]
fn transcripts_are_shown_and_harmless() {
    let mut cell = common::hung();
    let line = |from, text: &str| TranscriptLine {
        at: common::ms(1_500),
        from,
        text: text.to_owned(),
    };
    cell.record.plan.client_mut().unwrap().program = Program::InteractiveCli;
    cell.record.client = Some(ClientRecord {
        version: Some("mariadb from 11.8 <b>".to_owned()),
        transcripts: vec![Transcript {
            operation: 1,
            argv: vec![
                "mariadb".to_owned(),
                "--host=192.0.2.100".to_owned(),
                "<i>".to_owned(),
            ],
            lines: vec![
                line(
                    TranscriptSource::Terminal,
                    "mysql> select 1;</pre><script>alert(1)</script>",
                ),
                line(TranscriptSource::Error, "ERROR 2013 (HY000): Lost connection"),
            ],
            cut: true,
        }],
        ..ClientRecord::default()
    });
    let page = html(&common::report_of(vec![cell.clone()], RunState::Ended));
    assert!(page.contains(
        "<details class=\"transcript\"><summary>What <code>mariadb --host=192.0.2.100 \
        &#39;&lt;i&gt;&#39;</code> showed:</summary>"
    ));
    assert!(page.contains(
        "     1.5s  mysql&gt; select 1;&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;\n     1.5s  ! ERROR \
         2013"
    ));
    assert!(
        page.contains("(more was printed than is kept)") && page.contains("<code>interactive-cli</code>")
    );
    // The same lines as on the markdown page.
    let report = common::report_of(vec![cell], RunState::Ended);
    let markdown = markdown_cell(&report, &report.cells()[0]);
    assert!(
        markdown.contains("     1.5s  ! ERROR 2013 (HY000): Lost connection\n"),
        "{markdown}"
    );
}

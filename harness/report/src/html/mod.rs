//! The report for the browser: one file that needs no network and no other file, and lets nothing foreign
//! act.
//!
//! Every cell's page is in a `<noscript>`. Where scripts run, a browser keeps such an element as mere text,
//! which costs next to nothing for a thousand cells, and the script makes a page of the one that is opened.
//! Where none run, the browser shows them all, one below the other, and the links between them are ordinary
//! fragments.
//!
//! Foreign text is escaped; should that ever fail, the page's Content-Security-Policy names the one script
//! and the one style sheet by their hashes, and nothing else is run, loaded or sent.

mod cell;
mod overview;
mod preparations;
mod scenario;

use crate::causes::Found;
use crate::escape;
use crate::run::RunReport;
use crate::totals::sentence;
use crate::view::{Lies, View};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lvs_matrix_language::Language;
use preparations::Preparations;
use sha2::{Digest, Sha256};
use std::fmt::{Result, Write as _};

/// The script, in one function of its own so that it leaves no name behind.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("page/dom.js"),
    include_str!("page/theme.js"),
    include_str!("page/state.js"),
    include_str!("page/map.js"),
    include_str!("page/effects.js"),
    include_str!("page/cell.js"),
    include_str!("page/search.js"),
    include_str!("page/route.js"),
    "})();\n"
);

/// Those of the drawings come first, so that the page's own colours win.
fn style() -> String {
    [crate::svg::style(), STYLE].concat()
}

const STYLE: &str = concat!(
    include_str!("page/base.css"),
    include_str!("page/overview.css"),
    include_str!("page/map.css"),
    include_str!("page/cell.css"),
    include_str!("page/catalogue.css"),
    include_str!("page/print.css"),
);

/// The report as one HTML file, ending with a newline. Links to records, captures and logs are relative to
/// the run's folder; `#scenario`, `#scenario/cell` and `#scenario/cell/packet-12` are places in it.
#[must_use]
pub fn html(report: &RunReport) -> String {
    let mut out = String::with_capacity(65_536 + report.cells().len() * 16_384);
    // Writing into a String cannot fail; the result is only there for `?`.
    let _ = page(&mut out, report);
    out
}

fn page(out: &mut String, report: &RunReport) -> Result {
    let words = report.language();
    let view = View {
        lies: Lies::InTheFile,
        words,
    };
    head(out, report)?;
    out.push_str("<body>\n");
    top(out, words)?;
    writeln!(out, "<main id=\"overview\" tabindex=\"-1\">")?;
    let found = Found::of(words, report);
    overview::summary(out, view, report, &found)?;
    let causes = found.keys();
    filters(out, words)?;
    let preparations: Vec<_> = report
        .run()
        .scenarios
        .iter()
        .map(|scenario| Preparations::of(words, report.rows(&scenario.name)))
        .collect();
    for (scenario, preparations) in report.run().scenarios.iter().zip(&preparations) {
        scenario::section(out, view, report, scenario, preparations, &causes)?;
    }
    out.push_str("</main>\n<main id=\"cell\" tabindex=\"-1\" hidden></main>\n<div id=\"cells\">\n");
    for (scenario, preparations) in report.run().scenarios.iter().zip(&preparations) {
        for row in report.rows(&scenario.name) {
            cell::block(out, words, scenario, row, preparations)?;
        }
    }
    out.push_str("</div>\n");
    overview::foot(out, words, report)?;
    out.push_str("</body>\n</html>\n");
    Ok(())
}

fn head(out: &mut String, report: &RunReport) -> Result {
    let words = report.language();
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">",
        words.tag()
    )?;
    let style = style();
    writeln!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{}'; \
         style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'\">",
        hash(SCRIPT),
        hash(&style)
    )?;
    out.push_str(include_str!("page/head.html"));
    let texts = escape::xml(&words.script()).into_owned();
    writeln!(out, "<meta name=\"lvs-matrix-words\" content=\"{texts}\">")?;
    writeln!(
        out,
        "<title>{} – lvs-matrix</title>",
        escape::xml(sentence(words, report).trim_end_matches(['.', '。']))
    )?;
    writeln!(out, "<style>{style}</style>\n<script>{SCRIPT}</script>\n</head>")
}

/// The beginning of a page that has no script, up to its body.
pub(crate) fn bare_head(out: &mut String, words: Language, title: &str) -> Result {
    small_head(out, words, title, None)
}

/// The beginning of a page with a script of its own, up to its body.
pub(crate) fn scripted_head(out: &mut String, words: Language, title: &str, script: &str) -> Result {
    small_head(out, words, title, Some(script))
}

fn small_head(out: &mut String, words: Language, title: &str, script: Option<&str>) -> Result {
    let style = style();
    let allowed = script.map_or_else(String::new, |script| format!("script-src '{}'; ", hash(script)));
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; {allowed}style-src '{}'; \
         img-src data:; base-uri 'none'; form-action 'none'\">",
        words.tag(),
        hash(&style)
    )?;
    out.push_str(include_str!("page/head.html"));
    let script = script.map_or_else(String::new, |script| format!("<script>{script}</script>\n"));
    writeln!(
        out,
        "<title>{title} – lvs-matrix</title>\n<style>{style}</style>\n{script}</head>\n<body>"
    )
}

/// Its end.
pub(crate) fn page_end(out: &mut String) {
    out.push_str("</body>\n</html>\n");
}

/// What stays at the top while the rest is scrolled.
fn top(out: &mut String, words: Language) -> Result {
    writeln!(
        out,
        "<a class=\"skip\" href=\"#overview\">{}</a>\n<header class=\"top\">\n\
         <h1><a href=\"#\">lvs-matrix</a> <span>{}</span></h1>\n<form class=\"search scripted\" \
         role=\"search\">\n\
         <label for=\"search\">{}</label>\n<input type=\"search\" id=\"search\" placeholder=\"{}\" \
         autocomplete=\"off\" \
         spellcheck=\"false\" aria-keyshortcuts=\"/\" aria-controls=\"hits\">\n<kbd \
         aria-hidden=\"true\">/</kbd>\n<ul id=\"hits\" hidden></ul>\n</form>\n\
         <button type=\"button\" id=\"theme\" class=\"scripted\">{}</button>\n</header>",
        words.skip(),
        words.subtitle(),
        words.search_cells(),
        words.search_hint(),
        words.theme()
    )
}

/// The place of the filters, which the script makes.
fn filters(out: &mut String, words: Language) -> Result {
    writeln!(
        out,
        "<section class=\"filters scripted\" id=\"matrix\" aria-labelledby=\"matrix.title\">\n<h2 \
         id=\"matrix.title\">{}</h2>\n\
         <div class=\"groups\"></div>\n<p class=\"note\" role=\"status\" id=\"no-such-place\" hidden></p>\n\
         <p class=\"note\"><span role=\"status\" id=\"found\"></span> {}</p>\n</section>",
        words.the_matrix(),
        words.darker()
    )
}

/// A source expression of CSP: the SHA-256 of an element's text.
fn hash(text: &str) -> String {
    format!(
        "sha256-{}",
        BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What would end the element early, or change how a parser reads it (HTML's script data states).
    #[test]
    fn script_and_style_are_whole_within_their_elements() {
        for text in [SCRIPT, &style()] {
            let text = text.to_ascii_lowercase();
            for bad in [
                "</script", "</style", "<!--", "<script", "\r", "https://", "http://", "@import", "url(",
            ] {
                assert!(!text.contains(bad), "{bad}");
            }
        }
    }

    /// <https://www.w3.org/TR/CSP3/#example-hash>-like: a known pair.
    #[test]
    fn hashes_are_those_of_csp() {
        assert_eq!(
            hash("alert('Hello, world.');"),
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }
}

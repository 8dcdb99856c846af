//! `report.html` in a headless Chromium: it opens, filters, searches and is walked by keyboard, nothing
//! foreign acts in it, and it asks for nothing. `LVS_MATRIX_SCREENSHOTS=DIR` leaves pictures there;
//! `AXE_CORE=axe.min.js` holds the pages against the accessibility rules of axe-core, which is not part of
//! this repository (`npm pack axe-core`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[path = "browser/catalogue.rs"]
mod catalogue;
#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/foreign.rs"]
mod foreign;
#[path = "browser/looks.rs"]
mod looks;
#[path = "browser/select.rs"]
mod select;
#[path = "browser/thousand.rs"]
mod thousand;

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use driver::Browser;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use support::{json, lvs_matrix, results, say};

/// A hang with everything that a cell's page can hold.
const HANG: &str = "config-change/absent_up_execute-sql_0";

/// How many cells the maps show: a box may stand for several that say the same.
const SHOWN: &str =
    "[...document.querySelectorAll('a.chip')].reduce((sum, chip) => sum + Number(chip.dataset.count), 0)";

/// One browser at a time: several of them on a small machine only wait for each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stored() -> &'static Path {
    lvs_matrix_archive::kept()
}

/// The report of the stored run, made once.
fn report_of_the_stored_run() -> &'static Path {
    static PAGE: OnceLock<PathBuf> = OnceLock::new();
    PAGE.get_or_init(|| report_in("en"))
}

/// The same in the article's language.
fn report_in_chinese() -> &'static Path {
    static PAGE: OnceLock<PathBuf> = OnceLock::new();
    PAGE.get_or_init(|| report_in("zh"))
}

fn report_in(language: &str) -> PathBuf {
    let page = results(&format!("browser-{language}")).join("report.html");
    let arguments = ["--format", "html", "--lang", language];
    let said = say(lvs_matrix().arg("report").arg(stored()).args(arguments)).expect_code(0);
    fs::write(&page, said.stdout).unwrap();
    page
}

fn url(page: &Path, fragment: &str) -> String {
    format!("file://{}#{fragment}", page.display())
}

/// The ids of the cells of a run, from its report for programs.
fn ids(run: &Path) -> Vec<String> {
    let report = json(&run.join("report.json"));
    let cells = report["cells"].as_array().unwrap().iter();
    cells
        .map(|cell| cell["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_cell_opens_and_every_link_leads_somewhere() {
    let _alone = alone();
    let page = report_of_the_stored_run();
    let mut browser = Browser::start();
    browser.open(&url(page, ""));
    let ids = ids(stored());
    assert_eq!(browser.value(SHOWN), ids.len());
    for id in &ids {
        browser.value(&format!("location.hash = '{id}'"));
        browser.becomes(&format!("document.title.startsWith('{id} ')"));
        browser
            .holds("document.querySelector('#overview').hidden && !document.querySelector('#cell').hidden");
        browser.holds("document.querySelectorAll('#cell article h3').length > 5");
        browser.holds("document.activeElement === document.querySelector('#cell h2') && scrollY === 0");
        // What is cited is there; ids are unique.
        let lost = browser.value(
            "(() => { const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
              const cells = [...document.querySelectorAll('[data-cell]')].map((cell) => cell.dataset.cell);
              const cited = [...document.querySelectorAll('#cell a[href^=\"#\"]')];
              const links = cited.map((link) => link.hash.slice(1));
              const known = new Set([...ids, ...cells, '']);
              const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
              return [...links.filter((link) => !known.has(link)), ...twice]; })()",
        );
        assert_eq!(lost, Value::Array(vec![]), "{id}");
        let files = browser.value(
            "[...document.querySelectorAll('#cell a:not([href^=\"#\"])')].map((link) => \
             link.getAttribute('href'))",
        );
        let files: Vec<&str> = files
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file.as_str().unwrap())
            .collect();
        assert!(
            files.contains(&format!("{id}/capture.pcapng").as_str()),
            "{files:?}"
        );
        for file in files.into_iter().filter(|file| !file.starts_with("https://")) {
            // The servers' logs are not kept.
            assert!(file.ends_with(".log") || stored().join(file).is_file(), "{file}");
        }
    }
    browser.assert_quiet(page);
}

#[test]
fn a_link_to_a_packet_shows_the_packet() {
    let _alone = alone();
    let page = report_of_the_stored_run();
    let mut browser = Browser::start();
    // By a link of the page, on an interface whose trace is folded.
    browser.open(&url(page, HANG));
    let director = browser.value("document.querySelector('details.trace:not([open]) span[id]').id");
    let director = director.as_str().unwrap();
    browser.value(&format!("location.hash = '{director}'"));
    browser.becomes("Boolean(document.querySelector('.hit'))");
    browser.holds(&format!("document.activeElement.id === '{director}'"));
    browser.holds("document.querySelector('.hit').closest('details').open");
    // And from outside.
    browser.open(&url(page, director));
    browser.holds(&format!("document.querySelector('.hit').id === '{director}'"));
    browser.holds(
        "(({ top, bottom }) => top > 0 && bottom < \
        innerHeight)(document.querySelector('.hit').getBoundingClientRect())",
    );
    browser.open(&url(page, "config-change/preparation-1"));
    browser.holds("document.getElementById('config-change/preparation-1').open");
    browser.holds("document.querySelector('#no-such-place').hidden");
    // What does not exist is the overview, which says so.
    for lost in ["config-change/absent_up/%zz", "nosuch", "nosuch?q=rs1"] {
        browser.open(&url(page, lost));
        browser.holds("!document.querySelector('#overview').hidden");
        let name = lost.split('?').next().unwrap();
        browser.holds(&format!(
            "document.querySelector('#no-such-place').checkVisibility() && \
             document.querySelector('#no-such-place').textContent.includes('{name}')"
        ));
    }
    browser.value(&format!("location.hash = '{HANG}'"));
    browser.becomes("document.querySelector('#overview').hidden");
    browser.value("location.hash = ''");
    browser.becomes(
        "!document.querySelector('#overview').hidden && document.querySelector('#no-such-place').hidden",
    );
    browser.assert_quiet(page);
}

#[test]
fn without_scripts_all_is_there() {
    let _alone = alone();
    let page = report_of_the_stored_run();
    let mut browser = Browser::start();
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        serde_json::json!({ "value": true }),
    );
    browser.open(&url(page, HANG));
    let ids = ids(stored());
    let seen = "(selector) => [...document.querySelectorAll(selector)].filter((element) => \
        element.checkVisibility()).length";
    assert_eq!(browser.value(&format!("({seen})('tr[data-cell]')")), ids.len());
    assert_eq!(browser.value(&format!("({seen})('#cells article')")), ids.len());
    assert_eq!(browser.value(&format!("({seen})('.scripted, .map')")), 0);
    // The address leads to the cell, and a citation to its packet.
    let top =
        format!("Math.abs(document.getElementById('{HANG}').getBoundingClientRect().top) < innerHeight / 2");
    browser.becomes(&top);
    let unknown = browser.value(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.hash.slice(1))
           .filter((place) => place && !document.getElementById(place))",
    );
    assert_eq!(unknown, Value::Array(vec![]));
    browser.assert_quiet(page);
}

//! The catalogue: it is searched, and what was sought can be sent to others.

use super::{Browser, alone, lvs_matrix, results, say, stored, url};
use std::path::PathBuf;

fn page() -> PathBuf {
    let site = results("browser-catalogue").join("site");
    say(lvs_matrix()
        .arg("catalogue")
        .arg(stored())
        .arg("--out")
        .arg(&site))
    .expect_code(0);
    site.join("index.html")
}

/// How many of these can be seen.
fn shown(selector: &str) -> String {
    format!("[...document.querySelectorAll('{selector}')].filter((one) => one.checkVisibility()).length")
}

#[test]
fn the_catalogue_is_searched() {
    let _alone = alone();
    let page = page();
    let mut browser = Browser::start();
    browser.open(&url(&page, ""));
    let count = |browser: &mut Browser, selector: &str| browser.value(&shown(selector)).as_u64().unwrap();
    let changes = count(&mut browser, "details.change");
    let lines = count(&mut browser, "details.change tbody tr");
    assert!(changes > 10 && lines > changes, "{changes}, {lines}");
    let seek = |browser: &mut Browser, text: &str| {
        browser.value(&format!(
            "(() => {{ const field = document.querySelector('#search'); field.value = '{text}'; \
             field.dispatchEvent(new Event('input')); }})()"
        ));
    };
    // Words of a title and of a line: the lines that have them stay.
    seek(&mut browser, "remove real server idle HUNG");
    let found = count(&mut browser, "details.change tbody tr");
    assert!(found > 0 && found < lines, "{found}");
    browser.holds(
        "[...document.querySelectorAll('details.change tbody tr')].filter((row) => \
         row.checkVisibility()).every((row) => ['hung', 'idle'].every((word) => \
         row.textContent.includes(word)))",
    );
    browser.holds(
        "document.querySelector('#none').hidden && decodeURIComponent(location.hash).includes('idle')",
    );
    // Nothing has it: that is said.
    seek(&mut browser, "nosuchword");
    assert_eq!(count(&mut browser, "details.change"), 0);
    browser.holds("document.querySelector('#none').checkVisibility()");
    seek(&mut browser, "");
    assert_eq!(count(&mut browser, "details.change tbody tr"), lines);
    // By a link.
    browser.open(&url(&page, "q=freeze%20mysqld"));
    browser.holds("document.querySelector('#search').value === 'freeze mysqld'");
    let found = count(&mut browser, "details.change");
    assert!(found > 0 && found < changes, "{found}");
    browser.assert_quiet(&page);
}

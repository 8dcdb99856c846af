//! What is selected and walked: search, filters, axes of one's own, the keyboard.

use super::driver::Browser;
use super::{alone, ids, report_of_the_stored_run, stored, url};
use crate::support::json;
use serde_json::Value;

#[test]
fn search_and_filters_select_and_the_address_keeps_it() {
    let _alone = alone();
    let page = report_of_the_stored_run();
    let report = json(&stored().join("report.json"));
    let count = |wanted: &dyn Fn(&Value) -> bool| {
        report["cells"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|cell| wanted(cell))
            .count()
    };
    let shown = "document.querySelectorAll('a.chip').length";
    let rows = "[...document.querySelectorAll('tr[data-cell]')].filter((row) => !row.hidden).length";
    let mut browser = Browser::start();
    browser.open(&url(page, ""));
    browser.key("/");
    browser.holds("document.activeElement.id === 'search'");
    browser.keys("etimedout ");
    let timed_out = count(&|cell| cell["error"]["errno-name"] == "ETIMEDOUT");
    assert!(timed_out > 0);
    assert_eq!(browser.value(shown), timed_out);
    assert_eq!(browser.value(rows), timed_out);
    // What is being typed is left alone.
    assert_eq!(
        browser.value("document.querySelector('#search').value"),
        "etimedout "
    );
    let said = browser.value("document.querySelector('#found').textContent");
    assert_eq!(said, format!("{timed_out} of {} cells.", ids(&stored()).len()));
    browser.key("Enter");
    browser.holds("document.activeElement.matches('a.chip')");
    browser.key("/");
    browser.key("Escape");
    assert_eq!(browser.value(shown), ids(&stored()).len());

    let hung = count(&|cell| cell["behaviour"] == "hung");
    browser.value("document.querySelector('button[value=hung]').click()");
    assert_eq!(browser.value(shown), hung);
    browser.value("document.querySelector('button[value=answered]').click()");
    assert_eq!(
        browser.value(shown),
        hung + count(&|cell| cell["behaviour"] == "answered")
    );
    browser.value("document.querySelector('button[value=answered]').click()");

    // What an axis changes, as report.md has it too.
    browser.value("document.querySelector('#clear').click()");
    let effects = browser.value("document.querySelector('#config-change .effects').textContent");
    assert!(effects.as_str().unwrap().contains(
        "expire-nodest-conn 0 → 1 changes 1 of 12 outcomesabsent_up_execute-sql_1: hung, then error 2013"
    ));

    // Two axes of one's own, a third held.
    let choose = |label: &str, value: &str| {
        format!(
            "(() => {{ const label = [...document.querySelectorAll('#config-change .controls label')]
               .find((label) => label.firstChild.data.trim() === '{label}');
               label.lastChild.value = '{value}'; label.lastChild.dispatchEvent(new Event('change')); }})()"
        )
    };
    browser.value("document.querySelector('#clear').click()");
    browser.value(&choose("Rows", "expire-nodest-conn"));
    browser.value(&choose("Columns", "mysqld"));
    browser.value(&choose("client", "waiting"));
    let heads =
        "[...document.querySelectorAll('#config-change .map th')].map((head) => head.textContent).join(' ')";
    assert_eq!(browser.value(heads), "expire-nodest-conn mysqld up down 0 1");
    let waiting = count(&|cell| cell["scenario"] == "config-change" && cell["axes"]["client"] == "waiting");
    assert_eq!(
        browser.value("document.querySelectorAll('#config-change a.chip').length"),
        waiting
    );
    // The axis of the columns for the rows: they change places.
    browser.value(&choose("Rows", "mysqld"));
    assert_eq!(browser.value(heads), "mysqld expire-nodest-conn 0 1 up down");

    // The same address shows the same, and so does the way back from a cell.
    let address = browser.value("location.href");
    browser.open(address.as_str().unwrap());
    assert_eq!(browser.value(heads), "mysqld expire-nodest-conn 0 1 up down");
    browser.value("document.querySelector('#config-change a.chip').click()");
    browser.becomes("!document.querySelector('#cell').hidden");
    browser.value("history.back()");
    browser.becomes("!document.querySelector('#overview').hidden");
    assert_eq!(browser.value("location.href"), address);
    assert_eq!(browser.value(heads), "mysqld expire-nodest-conn 0 1 up down");
    browser.assert_quiet(page);
}

#[test]
fn all_can_be_done_by_keyboard() {
    let _alone = alone();
    let page = report_of_the_stored_run();
    let mut browser = Browser::start();
    browser.size(1280, 900);
    browser.open(&url(page, ""));
    // Every map has one place in the order of Tab.
    let in_order = "document.querySelectorAll('#config-change a.chip[tabindex=\"0\"]').length";
    assert_eq!(browser.value(in_order), 1);
    // By the table of scenarios, which leads over those before it.
    let mut tabs = 0;
    let mut walk = |browser: &mut Browser, to: &str| {
        while browser.value(&format!("document.activeElement.matches('{to}')")) != true {
            browser.key("Tab");
            tabs += 1;
            assert!(tabs < 60, "Tab does not lead to {to}");
        }
    };
    walk(&mut browser, "#overview a[href=\"#config-change\"]");
    browser.key("Enter");
    browser.becomes("location.hash === '#config-change'");
    walk(&mut browser, "#config-change a.chip");
    let focused = "document.activeElement.dataset.cell";
    let first = browser.value(focused);
    browser.key("ArrowRight");
    let right = browser.value(focused);
    browser.key("ArrowDown");
    let down = browser.value(focused);
    browser.key("ArrowUp");
    assert_eq!(browser.value(focused), right);
    browser.key("ArrowLeft");
    assert_eq!(browser.value(focused), first);
    browser.key("End");
    let last = browser.value(focused);
    browser.key("Home");
    assert_eq!(browser.value(focused), first);
    let mut seen = vec![&first, &right, &down, &last];
    seen.dedup();
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert_eq!(browser.value(in_order), 1);
    // Into a cell and back to where one was.
    browser.key("ArrowRight");
    browser.key("Enter");
    browser.becomes("!document.querySelector('#cell').hidden");
    assert_eq!(
        browser.value("document.querySelector('#cell').dataset.cell"),
        right
    );
    browser.key("Escape");
    browser.becomes("!document.querySelector('#overview').hidden");
    browser.becomes(&format!("document.activeElement.dataset.cell === {right}"));
    // From a cell's page to the search.
    browser.key("Enter");
    browser.becomes("!document.querySelector('#cell').hidden");
    browser.key("/");
    browser.becomes("document.activeElement.id === 'search'");
    browser.keys("powered");
    browser.holds("document.querySelector('#search').value === 'powered'");
    browser.assert_quiet(page);
}

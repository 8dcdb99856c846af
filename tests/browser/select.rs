//! What is selected and walked: search, filters, axes of one's own, the keyboard.

use super::driver::Browser;
use super::{HANG, SHOWN, alone, ids, report_of_the_stored_run, stored, url};
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
    let shown = SHOWN;
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
    assert_eq!(said, format!("{timed_out} of {} cells.", ids(stored()).len()));
    // The hits are there at once, below the field: how many there are, then so many of them.
    browser.holds("!document.querySelector('#hits').hidden");
    let listed = "document.querySelectorAll('#hits li:not(.note)').length";
    assert_eq!(browser.value(listed), timed_out.min(12));
    let noted = browser.value("document.querySelector('#hits .note').textContent");
    assert_eq!(noted, format!("{timed_out} of {} cells.", ids(stored()).len()));
    browser.holds(
        "[...document.querySelectorAll('#hits li:not(.note)')]
           .every((hit) => /etimedout/i.test(hit.textContent))",
    );
    browser.key("Enter");
    browser.holds("document.activeElement.matches('a.chip')");
    browser.becomes("document.querySelector('#hits').hidden");
    browser.key("/");
    browser.key("Escape");
    assert_eq!(browser.value(shown), ids(stored()).len());

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
    assert_eq!(
        browser.value(heads),
        "mysqld up mysqld down expire-nodest-conn 0 expire-nodest-conn 1"
    );
    let waiting = count(&|cell| cell["scenario"] == "config-change" && cell["axes"]["client"] == "waiting");
    assert_eq!(
        browser.value(&SHOWN.replace("a.chip", "#config-change a.chip")),
        waiting
    );
    // The axis of the columns for the rows: they change places.
    browser.value(&choose("Rows", "mysqld"));
    let turned = "expire-nodest-conn 0 expire-nodest-conn 1 mysqld up mysqld down";
    assert_eq!(browser.value(heads), turned);

    // The same address shows the same, and so does the way back from a cell.
    let address = browser.value("location.href");
    browser.open(address.as_str().unwrap());
    assert_eq!(browser.value(heads), turned);
    browser.value("document.querySelector('#config-change a.chip').click()");
    browser.becomes("!document.querySelector('#cell').hidden");
    browser.value("history.back()");
    browser.becomes("!document.querySelector('#overview').hidden");
    assert_eq!(browser.value("location.href"), address);
    assert_eq!(browser.value(heads), turned);
    browser.assert_quiet(page);
}

/// A search from within a cell leaves the cell where it is until a hit is opened.
#[test]
fn hits_are_shown_wherever_one_is() {
    let _alone = alone();
    let page = report_of_the_stored_run();
    let mut browser = Browser::start();
    browser.size(360, 800);
    browser.open(&url(page, HANG));
    browser.key("/");
    browser.keys("silent-server");
    browser.holds("!document.querySelector('#cell').hidden && !document.querySelector('#hits').hidden");
    browser.holds("document.documentElement.scrollWidth <= innerWidth");
    assert_eq!(
        browser.value("location.hash"),
        format!("#{HANG}"),
        "the address is that of the cell that is shown"
    );
    browser.key("ArrowDown");
    browser.holds("document.activeElement.matches('#hits a')");
    let first = browser.value("document.activeElement.getAttribute('href')");
    browser.key("ArrowUp");
    browser.holds("document.activeElement.id === 'search'");
    browser.key("ArrowDown");
    browser.key("Enter");
    browser.becomes(&format!("location.hash === {first}"));
    browser.becomes("document.querySelector('#hits').hidden");
    assert_eq!(first, "#silent-server/only");
    // The way back leads to what is selected.
    browser.value("document.querySelector('#cell .back').click()");
    browser.becomes("!document.querySelector('#overview').hidden");
    assert_eq!(browser.value(SHOWN), 1);
    browser.assert_quiet(page);
}

/// A cause leads to its cells, boxes that say the same are one, and values have the names of their axes.
#[test]
fn causes_lead_to_their_cells_and_what_is_alike_is_one() {
    let _alone = alone();
    let page = report_of_the_stored_run();
    let report = json(&stored().join("report.json"));
    let mut browser = Browser::start();
    browser.open(&url(page, ""));
    let causes = report["causes"].as_array().unwrap();
    let some = causes.iter().take(3).enumerate();
    for (place, cause) in some {
        let click = format!("document.querySelectorAll('.found a[href*=\"?cause=\"]')[{place}].click()");
        browser.value(&click);
        let cells = cause["cells"].as_array().unwrap();
        browser.becomes(&format!("{SHOWN} === {}", cells.len()));
        let shown = "[...document.querySelectorAll('tr[data-cell]')].filter((row) => !row.hidden)
            .map((row) => row.dataset.cell)";
        assert_eq!(&browser.value(shown), &cause["cells"]);
    }
    browser.value("document.querySelector('#clear').click()");
    assert_eq!(browser.value(SHOWN), ids(stored()).len());
    let merged = "[...document.querySelectorAll('#config-change a.chip')]
        .filter((chip) => Number(chip.dataset.count) > 1).length";
    assert!(browser.value(merged).as_u64().unwrap() > 3);
    // Each says by which values of which axes it differs from the others of its box, or that nothing does.
    browser.holds(
        "[...document.querySelectorAll('#config-change .chip .rest')].length > 0 &&
         [...document.querySelectorAll('#config-change .chip .rest')].every((rest) =>
           /^((client|mysqld|real-server|expire-nodest-conn) .+|all \\d+ alike)$/.test(rest.textContent))",
    );
    browser.holds(
        "[...document.querySelectorAll('#config-change .map th small')].length ===
         [...document.querySelectorAll('#config-change .map th')].length",
    );
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

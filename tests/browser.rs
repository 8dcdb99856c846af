//! `report.html` in a headless Chromium: it opens, filters, searches and is walked by keyboard, nothing foreign acts in it, and it
//! asks for nothing. `LVS_MATRIX_SCREENSHOTS=DIR` leaves pictures there; `AXE_CORE=axe.min.js` holds the pages against the
//! accessibility rules of axe-core, which is not part of this repository (`npm pack axe-core`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/thousand.rs"]
mod thousand;

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use driver::Browser;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use support::{copy_folder, json, lvs_matrix, repository, results, say};

/// A hang with everything that a cell's page can hold.
const HANG: &str = "config-change/absent_up_execute-sql_0";

/// One browser at a time: several of them on a small machine only wait for each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stored() -> PathBuf {
    repository().join("reports/linux-7.2")
}

/// The report of a stored run, in a folder of its own.
fn report_of_the_stored_run(name: &str) -> PathBuf {
    let page = results(name).join("report.html");
    let said = say(lvs_matrix().arg("report").arg(stored()).args(["--format", "html"])).expect_code(0);
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
    cells.map(|cell| cell["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_cell_opens_and_every_link_leads_somewhere() {
    let _alone = alone();
    let page = report_of_the_stored_run("browser-cells");
    let mut browser = Browser::start();
    browser.open(&url(&page, ""));
    let ids = ids(&stored());
    assert_eq!(browser.value("document.querySelectorAll('a.chip').length"), ids.len());
    for id in &ids {
        browser.value(&format!("location.hash = '{id}'"));
        browser.becomes(&format!("document.title.startsWith('{id} ')"));
        browser.holds("document.querySelector('#overview').hidden && !document.querySelector('#cell').hidden");
        browser.holds("document.querySelectorAll('#cell article h3').length > 5");
        browser.holds("document.activeElement === document.querySelector('#cell h2') && scrollY === 0");
        // What is cited is there; ids are unique.
        let lost = browser.value(
            "(() => { const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
              const cells = [...document.querySelectorAll('[data-cell]')].map((element) => element.dataset.cell);
              const links = [...document.querySelectorAll('#cell a[href^=\"#\"]')].map((link) => link.hash.slice(1));
              const known = new Set([...ids, ...cells, '']);
              return [...links.filter((link) => !known.has(link)), ...ids.filter((id, at) => ids.indexOf(id) !== at)]; })()",
        );
        assert_eq!(lost, Value::Array(vec![]), "{id}");
        let files = browser.value(
            "[...document.querySelectorAll('#cell a:not([href^=\"#\"])')].map((link) => link.getAttribute('href'))",
        );
        let files: Vec<&str> = files
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file.as_str().unwrap())
            .collect();
        assert!(files.contains(&format!("{id}/capture.pcapng").as_str()), "{files:?}");
        for file in files {
            assert!(stored().join(file).is_file(), "{file}");
        }
    }
    browser.assert_quiet(&page);
}

#[test]
fn a_link_to_a_packet_shows_the_packet() {
    let _alone = alone();
    let page = report_of_the_stored_run("browser-packet");
    let mut browser = Browser::start();
    // By a link of the page, on an interface whose trace is folded.
    browser.open(&url(&page, HANG));
    let director = browser.value("document.querySelector('details.trace:not([open]) span[id]').id");
    let director = director.as_str().unwrap();
    browser.value(&format!("location.hash = '{director}'"));
    browser.becomes("Boolean(document.querySelector('.hit'))");
    browser.holds(&format!("document.activeElement.id === '{director}'"));
    browser.holds("document.querySelector('.hit').closest('details').open");
    // And from outside.
    browser.open(&url(&page, director));
    browser.holds(&format!("document.querySelector('.hit').id === '{director}'"));
    browser.holds("(({ top, bottom }) => top > 0 && bottom < innerHeight)(document.querySelector('.hit').getBoundingClientRect())");
    browser.open(&url(&page, "config-change/preparation-1"));
    browser.holds("document.getElementById('config-change/preparation-1').open");
    // What does not exist is the overview.
    browser.open(&url(&page, "config-change/absent_up/%zz"));
    browser.holds("!document.querySelector('#overview').hidden");
    browser.assert_quiet(&page);
}

#[test]
fn search_and_filters_select_and_the_address_keeps_it() {
    let _alone = alone();
    let page = report_of_the_stored_run("browser-filters");
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
    browser.open(&url(&page, ""));
    browser.key("/");
    browser.holds("document.activeElement.id === 'search'");
    browser.keys("etimedout ");
    let timed_out = count(&|cell| cell["error"]["errno-name"] == "ETIMEDOUT");
    assert!(timed_out > 0);
    assert_eq!(browser.value(shown), timed_out);
    assert_eq!(browser.value(rows), timed_out);
    // What is being typed is left alone.
    assert_eq!(browser.value("document.querySelector('#search').value"), "etimedout ");
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
    assert!(
        effects.as_str().unwrap().contains(
            "expire-nodest-conn 0 → 1 changes 1 of 12 outcomesabsent_up_execute-sql_1: hung, then error 2013"
        )
    );

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
    let heads = "[...document.querySelectorAll('#config-change .map th')].map((head) => head.textContent).join(' ')";
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
    browser.assert_quiet(&page);
}

#[test]
fn all_can_be_done_by_keyboard() {
    let _alone = alone();
    let page = report_of_the_stored_run("browser-keyboard");
    let mut browser = Browser::start();
    browser.size(1280, 900);
    browser.open(&url(&page, ""));
    // Every map has one place in the order of Tab.
    let in_order = "document.querySelectorAll('#config-change a.chip[tabindex=\"0\"]').length";
    assert_eq!(browser.value(in_order), 1);
    let mut tabs = 0;
    while browser.value("Boolean(document.activeElement.closest('#config-change a.chip'))") != true {
        browser.key("Tab");
        tabs += 1;
        assert!(tabs < 60, "Tab does not lead to the matrix");
    }
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
    assert_eq!(browser.value("document.querySelector('#cell').dataset.cell"), right);
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
    browser.assert_quiet(&page);
}

/// What servers, authors and kernels may write.
const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)> \"' onfocus=alert(4) a|b `tick` \
                       ]]> --> </template></noscript></script></style></title><b>bold</b> \u{1b}[31mred \u{202e}reversed\u{202c} \
                       \n::error file=x::boom\n##[group]z\n&lt;i&gt; javascript:alert(5) \\u003cscript>";

/// Replaces texts of others in a record, or in what was selected.
fn taint(value: &mut Value, tainted: &mut usize) {
    const FOREIGN: [&str; 15] = [
        "message",
        "sql",
        "claim",
        "proof",
        "output",
        "services",
        "connections",
        "command",
        "info",
        "kernel",
        "mysqld",
        "ipvsadm",
        "interface",
        "server-version",
        "reason",
    ];
    if let Value::Array(items) = value {
        items.iter_mut().for_each(|item| taint(item, tainted));
    }
    let Value::Object(fields) = value else { return };
    for (name, field) in fields {
        // A server's state is a word of ours; its version is its own.
        let foreign = FOREIGN.contains(&name.as_str()) && field != "running";
        if let Value::String(text) = field
            && foreign
        {
            text.push_str(HOSTILE);
            *tainted += 1;
        }
        taint(field, tainted);
    }
}

#[test]
fn nothing_foreign_acts() {
    let _alone = alone();
    let run = results("browser-hostile").join("run");
    copy_folder(&stored(), &run);
    let mut tainted = 0;
    let files = support::records(&run).into_iter().chain([run.join("run.json")]);
    for file in files {
        let mut value = json(&file);
        taint(&mut value, &mut tainted);
        fs::write(file, value.to_string()).unwrap();
    }
    assert!(tainted > 500, "{tainted}");
    let said = say(lvs_matrix().arg("judge").arg(&run));
    assert!(said.code() < 4, "{said:#?}");
    let page = run.join("report.html");
    let mut browser = Browser::start();
    browser.open(&url(&page, ""));
    let mut seen = 0;
    for id in ids(&run).iter().map(String::as_str).chain([""]) {
        browser.value(&format!("location.hash = '{id}'"));
        if !id.is_empty() {
            browser.becomes(&format!("document.title.startsWith('{id} ')"));
            seen += usize::from(
                browser.value("document.querySelector('#cell').textContent.includes('<script>alert(1)</script><img')")
                    == true,
            );
        }
        // Were something not escaped, it would be an element or an attribute here, whether or not the policy lets it act.
        let strange = browser.value(
            "[...document.querySelectorAll('*')].filter((element) =>
               ['IMG', 'IFRAME', 'OBJECT', 'EMBED', 'B-', 'I-', 'BASE', 'FOREIGNOBJECT'].includes(element.tagName.toUpperCase())
               || [...element.attributes].some(({ name, value }) => name.startsWith('on') || (name === 'style' && !/^--columns: \\d+;$/.test(value)) || name === 'src'
                 || (name === 'href' && /^\\s*javascript:/i.test(value))))
             .map((element) => element.outerHTML.slice(0, 200))",
        );
        assert_eq!(strange, Value::Array(vec![]), "{id}");
        assert_eq!(browser.value("document.scripts.length"), 1, "{id}");
        browser.holds("![...document.querySelectorAll('b')].some((element) => element.textContent === 'bold')");
    }
    assert_eq!(seen, ids(&run).len(), "the text is shown");
    browser.assert_quiet(&page);
}

/// Should escaping ever fail: the policy alone keeps a page from acting.
#[test]
fn the_policy_holds_without_escaping() {
    let _alone = alone();
    let page = report_of_the_stored_run("browser-policy");
    let html = fs::read_to_string(&page).unwrap();
    let bad = "<main id=\"overview\"><script>window.acted = 1</script><img src=\"https://example.org/x.png\" onerror=\"window.acted = 2\">\
               <img src=\"data:image/png,x\" onerror=\"window.acted = 3\"><p style=\"color: red\" id=\"styled\">x</p>\
               <form action=\"https://example.org/\"></form>";
    assert!(html.contains("<main id=\"overview\""));
    let at = html.find("<main id=\"overview\"").unwrap();
    let end = at + html[at..].find('>').unwrap() + 1;
    fs::write(&page, format!("{}{bad}{}", &html[..at], &html[end..])).unwrap();
    let mut browser = Browser::start();
    browser.open(&url(&page, ""));
    browser.holds("window.acted === undefined");
    browser.holds("getComputedStyle(document.querySelector('#styled')).color !== 'rgb(255, 0, 0)'");
    browser.holds("document.querySelectorAll('a.chip').length > 0");
}

#[test]
fn without_scripts_all_is_there() {
    let _alone = alone();
    let page = report_of_the_stored_run("browser-no-script");
    let mut browser = Browser::start();
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        serde_json::json!({ "value": true }),
    );
    browser.open(&url(&page, HANG));
    let ids = ids(&stored());
    let seen =
        "(selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility()).length";
    assert_eq!(browser.value(&format!("({seen})('tr[data-cell]')")), ids.len());
    assert_eq!(browser.value(&format!("({seen})('#cells article')")), ids.len());
    assert_eq!(browser.value(&format!("({seen})('.scripted, .map')")), 0);
    // The address leads to the cell, and a citation to its packet.
    let top = format!("Math.abs(document.getElementById('{HANG}').getBoundingClientRect().top) < innerHeight / 2");
    browser.becomes(&top);
    let unknown = browser.value(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.hash.slice(1))
           .filter((place) => place && !document.getElementById(place))",
    );
    assert_eq!(unknown, Value::Array(vec![]));
    browser.assert_quiet(&page);
}

#[test]
fn a_phone_the_dark_paper_and_stillness() {
    let _alone = alone();
    let page = report_of_the_stored_run("browser-media");
    let mut browser = Browser::start();
    for width in [360, 390, 768, 1280] {
        browser.size(width, 800);
        for place in [
            "",
            HANG,
            "config-change/present_down_execute-sql_0",
            "silent-server/only",
        ] {
            browser.open(&url(&page, place));
            let over = browser.value("document.documentElement.scrollWidth - innerWidth");
            assert!(over.as_i64().unwrap() <= 0, "{place} is {over} px too wide at {width}");
        }
    }
    let dark = "(() => { const [r, g, b] = getComputedStyle(document.documentElement).backgroundColor.match(/[\\d.]+/g).map(Number);
                return (r + g + b) / 3 < 128; })()";
    browser.open(&url(&page, ""));
    browser.media("screen", &[("prefers-color-scheme", "light")]);
    assert_eq!(browser.value(dark), false);
    browser.media("screen", &[("prefers-color-scheme", "dark")]);
    assert_eq!(browser.value(dark), true);
    // The switch wins over the system, and is remembered.
    browser.value("document.querySelector('#theme').click()");
    assert_eq!(browser.value(dark), false);
    browser.open(&url(&page, ""));
    assert_eq!(browser.value(dark), false);
    browser.value("document.querySelector('#theme').click()");
    browser.media("screen", &[("prefers-color-scheme", "light")]);
    assert_eq!(browser.value(dark), true);
    browser.media("print", &[]);
    assert_eq!(browser.value(dark), false, "paper is white");
    browser.holds("!document.querySelector('.filters').checkVisibility() && document.querySelector('.map table').checkVisibility()");
    browser.media("screen", &[("prefers-reduced-motion", "reduce")]);
    browser.holds(
        "[...document.querySelectorAll('*')].every((element) => getComputedStyle(element).transitionDuration === '0s'
                   && getComputedStyle(element).animationName === 'none')",
    );
    // Printing shows what is folded, and folds it again.
    browser.value("addEventListener('beforeprint', () => { window.folded = document.querySelectorAll('main:not([hidden]) details:not([open])').length; })");
    let folded = browser.value("document.querySelectorAll('main:not([hidden]) details:not([open])').length");
    assert!(folded.as_u64().unwrap() > 0);
    browser.call("Page.printToPDF", serde_json::json!({}));
    browser.becomes("window.folded === 0");
    browser.becomes(&format!(
        "document.querySelectorAll('main:not([hidden]) details:not([open])').length === {folded}"
    ));
    browser.assert_quiet(&page);
}

/// Places, each with a name, a width, and whether it is dark.
const VIEWS: [(&str, &str, u32, bool); 8] = [
    ("matrix", "", 1360, false),
    ("hang", HANG, 1360, false),
    ("fail-fast", "config-change/absent_up_execute-sql_1", 1360, false),
    ("phone-matrix", "", 390, false),
    ("phone-hang", HANG, 390, false),
    ("dark-matrix", "", 1360, true),
    ("dark-hang", HANG, 1360, true),
    ("dark-phone", "", 360, true),
];

#[test]
fn pictures_and_accessibility() {
    let _alone = alone();
    let (pictures, axe) = (std::env::var_os("LVS_MATRIX_SCREENSHOTS"), std::env::var_os("AXE_CORE"));
    let page = report_of_the_stored_run("browser-views");
    let mut browser = Browser::start();
    let mut all = Vec::new();
    for (name, place, width, dark) in VIEWS {
        browser.size(width, 900);
        browser.media(
            "screen",
            &[("prefers-color-scheme", if dark { "dark" } else { "light" })],
        );
        browser.open(&url(&page, place));
        if let Some(folder) = &pictures {
            let picture = browser.screenshot();
            fs::write(Path::new(folder).join(format!("{name}.png.base64")), picture).unwrap();
        }
        if let Some(axe) = &axe {
            let source = fs::read_to_string(axe).unwrap();
            browser.value(&format!("{source}\n;0"));
            let faults = browser.value(
                "axe.run().then(({ violations }) => violations.map(({ id, impact, help, nodes }) =>
                   ({ id, impact, help, nodes: nodes.slice(0, 3).map((node) => node.html + ' ' + node.failureSummary) })))",
            );
            all.extend(
                faults
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|fault| format!("{name}: {fault:#}")),
            );
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    if axe.is_none() {
        // A test cannot be skipped at run time; this is where it says that it was not whole.
        let _ = writeln!(std::io::stderr(), "axe-core was not run: AXE_CORE names no file");
    }
}

//! How it looks: widths, light and dark, paper, another language; pictures, and axe-core's rules.

use super::driver::Browser;
use super::{HANG, alone, ids, report_in_chinese, report_of_the_stored_run, stored, url};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;

#[test]
fn a_phone_the_dark_paper_and_stillness() {
    let _alone = alone();
    let page = report_of_the_stored_run();
    let mut browser = Browser::start();
    for width in [360, 390, 768, 1280] {
        browser.size(width, 800);
        for place in [
            "",
            HANG,
            "config-change/present_down_execute-sql_0",
            "silent-server/only",
        ] {
            browser.open(&url(page, place));
            let over = browser.value("document.documentElement.scrollWidth - innerWidth");
            assert!(
                over.as_i64().unwrap() <= 0,
                "{place} is {over} px too wide at {width}"
            );
        }
        // It could be scrolled, but its last column is the one to be seen.
        browser.open(&url(page, ""));
        let cut = browser.value(
            "(({ offsetWidth, parentElement }) => offsetWidth - \
            parentElement.clientWidth)(document.querySelector('.sums'))",
        );
        assert!(
            cut.as_i64().unwrap() <= 0,
            "the table of scenarios is cut by {cut} px at {width}"
        );
    }
    let dark = "(() => \
        { const [r, g, b] = getComputedStyle(document.documentElement).backgroundColor\
                .match(/[\\d.]+/g).map(Number);
                return (r + g + b) / 3 < 128; })()";
    browser.open(&url(page, ""));
    browser.media("screen", &[("prefers-color-scheme", "light")]);
    assert_eq!(browser.value(dark), false);
    browser.media("screen", &[("prefers-color-scheme", "dark")]);
    assert_eq!(browser.value(dark), true);
    // The switch wins over the system, and is remembered.
    browser.value("document.querySelector('#theme').click()");
    assert_eq!(browser.value(dark), false);
    browser.open(&url(page, ""));
    assert_eq!(browser.value(dark), false);
    browser.value("document.querySelector('#theme').click()");
    browser.media("screen", &[("prefers-color-scheme", "light")]);
    assert_eq!(browser.value(dark), true);
    browser.media("print", &[]);
    assert_eq!(browser.value(dark), false, "paper is white");
    browser.holds(
        "!document.querySelector('.filters').checkVisibility() && document.querySelector('.map \
        table').checkVisibility()",
    );
    browser.media("screen", &[("prefers-reduced-motion", "reduce")]);
    browser.holds(
        "[...document.querySelectorAll('*')].every((element) => getComputedStyle(element).transitionDuration \
         === '0s'
                   && getComputedStyle(element).animationName === 'none')",
    );
    // Printing shows what is folded, and folds it again.
    browser.value(
        "addEventListener('beforeprint', () => \
        { window.folded = document.querySelectorAll('main:not([hidden]) details:not([open])').length; })",
    );
    let folded = browser.value("document.querySelectorAll('main:not([hidden]) details:not([open])').length");
    assert!(folded.as_u64().unwrap() > 0);
    browser.call("Page.printToPDF", serde_json::json!({}));
    browser.becomes("window.folded === 0");
    browser.becomes(&format!(
        "document.querySelectorAll('main:not([hidden]) details:not([open])').length === {folded}"
    ));
    browser.assert_quiet(page);
}

/// Places, each with a name, a width, and whether it is dark.
const VIEWS: [(&str, &str, u32, bool); 9] = [
    ("matrix", "", 1360, false),
    ("faults", "faults", 1360, false),
    ("hang", HANG, 1360, false),
    ("fail-fast", "config-change/absent_up_execute-sql_1", 1360, false),
    ("phone-matrix", "", 390, false),
    ("phone-hang", HANG, 390, false),
    ("dark-matrix", "", 1360, true),
    ("dark-hang", HANG, 1360, true),
    ("dark-phone", "", 360, true),
];
/// Those of the report in Chinese.
const VIEWS_IN_CHINESE: [(&str, &str, u32, bool); 3] = [
    ("zh-matrix", "", 1360, false),
    ("zh-hang", HANG, 1360, false),
    ("zh-phone", HANG, 390, true),
];

#[test]
fn pictures_and_accessibility() {
    let _alone = alone();
    let (pictures, axe) = (
        std::env::var_os("LVS_MATRIX_SCREENSHOTS"),
        std::env::var_os("AXE_CORE"),
    );
    if pictures.is_none() && axe.is_none() {
        // A test cannot be skipped at run time; this is where it says that it looked at nothing.
        let _ = writeln!(
            std::io::stderr(),
            "no pictures, no axe-core: LVS_MATRIX_SCREENSHOTS and AXE_CORE are not set"
        );
        return;
    }
    let (english, chinese) = (report_of_the_stored_run(), report_in_chinese());
    let mut browser = Browser::start();
    let mut all = Vec::new();
    let views = VIEWS.map(|view| (english, view)).into_iter();
    for (page, (name, place, width, dark)) in views.chain(VIEWS_IN_CHINESE.map(|view| (chinese, view))) {
        browser.size(width, 900);
        browser.media(
            "screen",
            &[("prefers-color-scheme", if dark { "dark" } else { "light" })],
        );
        browser.open(&url(page, place));
        if let Some(folder) = &pictures {
            let picture = browser.screenshot();
            fs::write(Path::new(folder).join(format!("{name}.png.base64")), picture).unwrap();
        }
        if let Some(axe) = &axe {
            let source = fs::read_to_string(axe).unwrap();
            browser.value(&format!("{source}\n;0"));
            let faults = browser.value(
                "axe.run().then(({ violations }) => violations.map(({ id, impact, help, nodes }) =>
                   ({ id, impact, help,
                     nodes: nodes.slice(0, 3).map((node) => node.html + ' ' + node.failureSummary) })))",
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
}

/// The picture of the drain matrix that README and docs show (`make pictures`): of the page that
/// `LVS_MATRIX_PICTURE_OF` names, into the file `LVS_MATRIX_PICTURE`, in base64.
#[test]
fn picture_of_the_drain_matrix() {
    let _alone = alone();
    let variables = ["LVS_MATRIX_PICTURE_OF", "LVS_MATRIX_PICTURE"].map(std::env::var_os);
    let [Some(page), Some(picture)] = variables else {
        let _ = writeln!(
            std::io::stderr(),
            "no picture: LVS_MATRIX_PICTURE_OF and LVS_MATRIX_PICTURE are not set"
        );
        return;
    };
    let mut browser = Browser::start();
    browser.size(920, 900);
    browser.open(&url(Path::new(&page), "drain"));
    browser.holds("document.querySelectorAll('#drain .map a.chip').length === 24");
    fs::write(picture, browser.screenshot_of("#drain .map table")).unwrap();
}

/// What the script says is in the report's language, and the names of behaviours find cells in each.
#[test]
fn in_chinese_the_script_is_chinese_too() {
    let _alone = alone();
    let page = report_in_chinese();
    let mut browser = Browser::start();
    browser.open(&url(page, ""));
    browser.holds("document.documentElement.lang === 'zh-CN'");
    let said = |browser: &mut Browser, selector: &str| {
        let text = browser.value(&format!("document.querySelector('{selector}').textContent"));
        text.as_str().unwrap().to_owned()
    };
    assert_eq!(
        said(&mut browser, "#found"),
        format!("共 {} 个单元。", ids(stored()).len())
    );
    assert!(said(&mut browser, "button[value=hung]").starts_with("一直等待"));
    assert!(said(&mut browser, "#config-change .controls").starts_with("行 "));
    assert!(said(&mut browser, "#config-change .effects").contains("个结果中的"));
    for sought in ["hung", "一直等待"] {
        browser.value(&format!(
            "(() => \
             {{ const search = document.querySelector('#search'); search.value = '{sought}'; \
             search.dispatchEvent(new Event('input')); }})()"
        ));
        browser.holds("[...document.querySelectorAll('a.chip')].every((chip) => chip.matches('.b-hung'))");
        browser.holds("document.querySelectorAll('a.chip').length > 5");
    }
    browser.value(&format!("location.hash = '{HANG}'"));
    browser.becomes("Boolean(document.querySelector('#cell .walk'))");
    assert!(said(&mut browser, "#cell .walk").starts_with("← 全部单元"));
    // No word of the script or of the page is English but those that are the same in both, and what is marked
    // as English.
    let words = browser.value(
        "[...document.querySelectorAll('#cell h3, #cell h4, #cell th, #cell dt, nav a, button, label')]
           .filter((element) => !element.closest('dl.axes') && !element.closest('.controls'))
           .map((element) => element.textContent).filter((text) => /[a-z]{4,}/.test(text))",
    );
    assert_eq!(words, Value::Array(vec![]));
    browser.assert_quiet(page);
}

//! Texts of others: they are shown, and nothing in them acts.

use super::driver::Browser;
use super::{alone, ids, report_of_the_stored_run, stored, url};
use crate::support::{self, copy_folder, json, lvs_matrix, results, say};
use serde_json::Value;
use std::fs;

/// What servers, authors and kernels may write.
const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)> \"' \
    onfocus=alert(4) a|b `tick` \
                       ]]> --> \
                       </template></noscript></script></style></title><b>bold</b> \
                       \u{1b}[31mred \u{202e}reversed\u{202c} \
                       \n::error file=x::boom\n##[group]z\n&lt;i&gt; javascript:alert(5) \\u003cscript>";

/// Replaces texts of others in a record, or in what was selected.
fn taint(value: &mut Value, tainted: &mut usize) {
    const FOREIGN: [&str; 16] = [
        "message",
        "sql",
        "claim",
        "title",
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
    copy_folder(stored(), &run);
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
                browser.value(
                    "document.querySelector('#cell').textContent.includes('<script>alert(1)</script><img')",
                ) == true,
            );
        }
        // Were something not escaped, it would be an element or an attribute here, whether or not the policy
        // lets it act.
        let strange = browser.value(
            "[...document.querySelectorAll('*')].filter((element) =>
               ['IMG', 'IFRAME', 'OBJECT', 'EMBED', 'B-', 'I-', 'BASE', 'FOREIGNOBJECT']
                 .includes(element.tagName.toUpperCase())
               || [...element.attributes].some(({ name, value }) => name.startsWith('on')
                 || (name === 'style' && !/^--columns: \\d+;$/.test(value)) || name === 'src'
                 || (name === 'href' && /^\\s*javascript:/i.test(value))))
             .map((element) => element.outerHTML.slice(0, 200))",
        );
        assert_eq!(strange, Value::Array(vec![]), "{id}");
        assert_eq!(browser.value("document.scripts.length"), 1, "{id}");
        browser
            .holds("![...document.querySelectorAll('b')].some((element) => element.textContent === 'bold')");
    }
    assert_eq!(seen, ids(&run).len(), "the text is shown");
    browser.assert_quiet(&page);
}

/// Should escaping ever fail: the policy alone keeps a page from acting.
#[test]
fn the_policy_holds_without_escaping() {
    let _alone = alone();
    let page = results("browser-policy").join("report.html");
    let html = fs::read_to_string(report_of_the_stored_run()).unwrap();
    let bad = "<main id=\"overview\"><script>window.acted = 1</script><img src=\"https://example.org/x.png\" \
        onerror=\"window.acted = 2\"><img src=\"data:image/png,x\" onerror=\"window.acted = 3\"><p \
        style=\"color: red\" id=\"styled\">x</p><form action=\"https://example.org/\"></form>";
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

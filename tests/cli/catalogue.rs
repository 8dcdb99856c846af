//! `catalogue`: of the kept cells, which need no guest.

use super::plain;
use crate::support::say;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where the links of a page lead that are no places of the web.
fn targets(page: &str) -> BTreeSet<&str> {
    let parts = page.split("href=\"").skip(1);
    let targets = parts.filter_map(|part| Some(part.split_once('"')?.0));
    let of_web = |target: &&str| target.starts_with("http") || target.starts_with("data:");
    targets.filter(|target| !of_web(target)).collect()
}

/// The rows of the change whose title is this one, as text, each cell of the table after a `|`.
fn rows(page: &str, change: &str) -> Vec<String> {
    let title = format!("<summary><b>{change}</b></summary>");
    let (_, after) = page
        .split_once(&title)
        .unwrap_or_else(|| panic!("no {title} in the page"));
    let (own, _) = after.split_once("</details>").unwrap();
    let rows = own.split("<tr>").skip(2);
    rows.map(|row| {
        let row = row.replace("</td>", "|").replace("</th>", "|");
        let texts = row
            .split('<')
            .map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        texts.collect::<String>()
    })
    .collect()
}

#[test]
fn what_happens_if_is_told_with_what_helps_and_where_it_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let kept = lvs_matrix_archive::kept();
    let said = say(plain(&["catalogue"]).arg(kept).arg("--out").arg(&site)).expect_code(0);
    assert_eq!(
        said.stdout.trim_end(),
        site.join("index.html").display().to_string()
    );
    // The article's cell: who was connected hangs for a quarter of an hour, and this setting makes it fail.
    let page = fs::read_to_string(site.join("index.html")).unwrap();
    let of_deletion = rows(&page, "remove real server S");
    let idle = |row: &&String| row.starts_with("idle on an open connection, then asks|hung, then error");
    let hung: Vec<&String> = of_deletion.iter().filter(idle).collect();
    let [hung] = hung.as_slice() else {
        panic!("{of_deletion:#?}")
    };
    assert!(hung.contains("|15m") || hung.contains("|16m"), "{hung}");
    assert!(
        hung.contains("director net.ipv4.vs.expire_nodest_conn=1: failed-fast"),
        "{hung}"
    );
    assert!(hung.contains("config-change ("), "{hung}");
    // The same in Chinese, and every link of both leads somewhere, and so on.
    for (index, change) in [
        ("index.html", "remove real server S"),
        ("index.zh.html", "删除真实服务器 S"),
    ] {
        let page = fs::read_to_string(site.join(index)).unwrap();
        assert_eq!(rows(&page, change).len(), of_deletion.len(), "{index}");
        let links = targets(&page);
        assert!(links.len() > 20, "{index}: {links:?}");
        for link in links {
            assert!(site.join(link).is_file(), "{index}: {link}");
        }
    }
    let run = site.join(kept.file_name().unwrap());
    let page = fs::read_to_string(run.join("config-change.html")).unwrap();
    let files = targets(&page)
        .into_iter()
        .filter(|target| target.ends_with(".pcapng"));
    let files: Vec<&str> = files.collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files.into_iter().chain(["report.json", "junit.xml", "report.md"]) {
        assert!(run.join(file).is_file(), "{file}");
    }
}

#[test]
fn a_folder_that_is_in_use_and_one_that_is_no_run_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "").unwrap();
    let kept = lvs_matrix_archive::kept();
    let said = say(plain(&["catalogue"]).arg(kept).arg("--out").arg(folder.path())).expect_code(2);
    assert!(said.stderr.contains("is not empty"), "{}", said.stderr);
    let out = folder.path().join("site");
    let twice = say(plain(&["catalogue"]).args([&kept, &kept]).arg("--out").arg(&out)).expect_code(2);
    assert!(twice.stderr.contains("is named twice"), "{}", twice.stderr);
    let said = say(plain(&["catalogue"]).arg(folder.path()).arg("--out").arg(&out)).expect_code(2);
    assert!(
        said.stderr.contains("is not the folder of a run"),
        "{}",
        said.stderr
    );
    assert!(!out.exists());
}

/// A run that was stopped, beside the whole one: what has no record is counted, and what helped in one run is
/// not said of the other.
#[test]
fn what_is_missing_is_said_and_runs_are_not_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = lvs_matrix_archive::kept();
    let stopped = folder.path().join("stopped");
    let (hung, fast) = ("absent_up_execute-sql_0", "absent_up_execute-sql_1");
    fs::create_dir_all(stopped.join("config-change").join(hung)).unwrap();
    for file in ["record.json", "capture.pcapng"] {
        let file = Path::new("config-change").join(hung).join(file);
        fs::copy(kept.join(&file), stopped.join(&file)).unwrap();
    }
    let mut run: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(kept.join("run.json")).unwrap()).unwrap();
    let selected = run["selected"].as_array().unwrap().iter();
    let own = selected.filter(|cell| {
        let cell: lvs_matrix_model::matrix::CellRef = serde_json::from_value((*cell).clone()).unwrap();
        cell.scenario.as_str() == "config-change" && [hung, fast].contains(&cell.slug().as_str())
    });
    run["selected"] = own.cloned().collect();
    fs::write(stopped.join("run.json"), run.to_string()).unwrap();
    let site = folder.path().join("site");
    say(plain(&["catalogue"])
        .args([stopped.as_path(), kept])
        .arg("--out")
        .arg(&site))
    .expect_code(0);
    let page = fs::read_to_string(site.join("index.html")).unwrap();
    assert!(
        page.contains("Without a record that can be read, and not in here: 1 cell."),
        "{page}"
    );
    // The setting helped in the one cell of the whole run, and its twin without a sibling is not counted.
    let of_deletion = rows(&page, "remove real server S");
    let alone = folder.path().join("alone");
    say(plain(&["catalogue"]).arg(kept).arg("--out").arg(&alone)).expect_code(0);
    let of_kept = rows(
        &fs::read_to_string(alone.join("index.html")).unwrap(),
        "remove real server S",
    );
    let helps = |rows: &[String]| -> Vec<String> {
        let columns = rows.iter().map(|row| row.split('|').nth(5).unwrap().to_owned());
        columns.collect()
    };
    assert_eq!(helps(&of_deletion), helps(&of_kept));
}

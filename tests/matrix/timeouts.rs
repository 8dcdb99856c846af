//! Which setting of a client ends which hang.

use super::run;
use std::collections::BTreeSet;
use std::fs;

const SCENARIOS: [&str; 3] = ["client-timeouts/", "connect-timeouts/", "keepalive-cuts/"];
const USER_TIMEOUT: &str = "tcp-user-timeout";
const BOTH: &str = "keepalive-and-user-timeout";

/// The rules of `explain` that speak of a client's settings hold for the cells in which the setting made the
/// end, and for no other cell of the scenarios about settings.
#[test]
fn each_end_is_explained_by_its_setting() {
    let probes = [
        "client-timeouts/host-off_waiting_keepalive",
        "keepalive-cuts/60s_0",
    ];
    let probes_and_user_timeout = "client-timeouts/host-off_waiting_keepalive-and-user-timeout";
    let mut unacknowledged = Vec::new();
    for fault in ["server-deleted", "host-off"] {
        for setting in [USER_TIMEOUT, BOTH] {
            unacknowledged.push(format!("client-timeouts/{fault}_execute-sql_{setting}"));
        }
    }
    let probed = probes.into_iter().chain([probes_and_user_timeout]);
    let probed: BTreeSet<String> = probed.map(str::to_owned).collect();
    let own = ["host-off", "mysqld-frozen"].map(|fault| format!("connect-timeouts/{fault}_connect-timeout"));
    for (rule, wanted) in [
        ("user-timeout", unacknowledged.into_iter().collect()),
        ("probes-unanswered", probed.clone()),
        ("keepalive-exhausted", probed),
        ("time-out-of-the-program", BTreeSet::from(own)),
    ] {
        let cells = run().report["cells"].as_array().unwrap().iter();
        let ids = cells.map(|cell| cell["id"].as_str().unwrap());
        let explained = ids.filter(|id| {
            if !SCENARIOS.iter().any(|scenario| id.starts_with(scenario)) {
                return false;
            }
            let page = fs::read_to_string(run().out.join(id).join("report.md")).unwrap();
            page.contains(&format!("<sub>Rule {rule}: "))
        });
        let explained: BTreeSet<String> = explained.map(str::to_owned).collect();
        assert_eq!(explained, wanted, "{rule}");
    }
}

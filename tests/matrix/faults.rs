//! What is left on a server that a client has lost, and faults that last.

use super::{cell, record, run};
use rstest::rstest;

/// Who is told by the director alone, or by nobody, leaves a session behind; who is told by the server does
/// not.
#[rstest]
#[case("faults/host-off_execute-sql_0", 1)]
#[case("faults/reject-input_execute-sql_0", 1)]
#[case("faults/service-deleted_execute-sql_0", 1)]
#[case("delete-variants/service_one_execute-sql_0", 1)]
#[case("order/delete-speak-stop_1", 0)]
#[case("faults/mysqld-killed_execute-sql_0", 0)]
#[case("faults/mysqld-frozen_execute-sql_0", 0)]
#[case("faults/weight-0_execute-sql_0", 0)]
fn what_the_client_has_lost_and_the_server_holds(#[case] id: &str, #[case] orphans: usize) {
    let cell = cell(&run().report, id);
    let found = cell["orphaned-sessions"].as_array().unwrap();
    assert_eq!(found.len(), orphans, "{cell:#}");
    for orphan in found {
        assert_eq!(orphan["server"], "rs1", "{cell:#}");
        assert_eq!(
            orphan["client-port"], cell["operation"]["client-port"],
            "{cell:#}"
        );
        assert_eq!(orphan["socket"]["state"], "ESTAB", "{cell:#}");
        assert_eq!(orphan["session"]["command"], "Sleep", "{cell:#}");
    }
}

/// A fault that lasts is shown twice: when it was made, and when the observation ended, with the packets that
/// it met.
#[rstest]
#[case("faults/drop-input_execute-sql_0", "add-firewall-rule", true)]
#[case("faults/reject-input_new-connection_1", "add-firewall-rule", true)]
#[case("faults/loss_waiting_0", "set-netem", false)]
#[case("faults/link-down_waiting_0", "link-down", false)]
#[case("faults/mysqld-frozen_waiting_1", "freeze-mysqld", false)]
fn a_fault_that_lasts_is_looked_at_again(#[case] id: &str, #[case] action: &str, #[case] met: bool) {
    let cell = cell(&run().report, id);
    let record = record(cell);
    let mut steps = record["steps"].as_array().unwrap().iter();
    let step = steps.find(|step| step["action"].get(action).is_some()).unwrap();
    assert!(!step["outcome"]["done"]["proof"].is_null(), "{step:#}");
    let in_force = &step["at-end"]["in-force"];
    assert!(!in_force["shows"].is_null(), "{step:#}");
    if met {
        assert!(in_force["packets"].as_u64().unwrap() > 0, "{step:#}");
    }
}

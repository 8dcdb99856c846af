//! Key cells, said a second time: what the client must have lived through, in each kind of change, and by
//! whom it learnt it. That of all other cells is said in the scenarios alone. The article's own cells are in
//! `article.rs`.

use super::lived::*;
use rstest::rstest;

const EHOSTUNREACH: u16 = 113;

// Nothing was changed.
#[rstest]
#[case("config-change/present_up_execute-sql_0", Answered("rs1"))]
// In the table, mysqld down: the server's kernel says so itself.
#[case(
    "config-change/present_down_new-connection_0",
    FailedFast(2003, Some(ECONNREFUSED), NO_PROCESS)
)]
#[case(
    "config-change/present_down_execute-sql_0",
    FailedFast(2006, None, PROCESS_ENDED)
)]
#[case("config-change/present_down_waiting_1", FailedFast(2013, None, PROCESS_ENDED))]
// Not in the table: the article's NG is here, and what improves it.
#[case(
    "config-change/absent_up_new-connection_0",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case("config-change/absent_up_execute-sql_0", Hung(Error(&[ETIMEDOUT, ECONNRESET])))]
#[case(
    "config-change/absent_up_execute-sql_1",
    FailedFast(2013, Some(ECONNRESET), NO_ENTRY)
)]
#[case("config-change/absent_up_waiting_0", Answered("rs1"))]
// The FIN does not pass the director.
#[case(
    "config-change/absent_down_execute-sql_0",
    FailedFast(2006, None, PROCESS_ENDED)
)]
#[case("hang-to-the-end/300s", Hung(Error(&[ECONNRESET])))]
#[case("other-server/rs2", Answered("rs2"))]
#[case("re-add-recovers/only", Hung(Answer("rs1")))]
#[case(
    "restart-does-not-recover/waiting-through",
    FailedFast(2013, None, PROCESS_ENDED)
)]
#[case("silent-server/only", Hung(End::None))]
// Faults of servers, hosts, links and firewalls.
#[case("faults/mysqld-frozen_execute-sql_0", Hung(End::None))]
#[case("faults/host-off_new-connection_0", Hung(GaveUp(2003, Some(ETIMEDOUT), &[])))]
#[case("faults/host-off_execute-sql_0", Hung(GaveUp(2013, Some(ETIMEDOUT), &[])))]
#[case(
    "faults/link-down_execute-sql_0",
    Hung(GaveUp(2013, Some(EHOSTUNREACH), &[("ICMP host unreachable", "director")]))
)]
#[case(
    "faults/reject-input_execute-sql_0",
    Hung(GaveUp(2013, Some(ECONNREFUSED), &[("ICMP port unreachable", "rs1")]))
)]
#[case(
    "faults/reset-input_execute-sql_0",
    FailedFast(2013, Some(ECONNRESET), NO_PROCESS)
)]
#[case(
    "faults/weight-0_new-connection_0",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case("faults/weight-0_execute-sql_0", Answered("rs1"))]
// Deletions: the last service takes its entries with it, since Linux 5.9.
#[case(
    "delete-variants/service_none_execute-sql_0",
    FailedFast(2013, Some(ECONNRESET), NO_ENTRY)
)]
#[case("delete-variants/service_one_execute-sql_0", Hung(Error(&[ETIMEDOUT, ECONNRESET])))]
#[case("delete-variants/real-server-re-added_one_execute-sql_0", Answered("rs1"))]
// Procedures of operators: the entry outlives the wait, MariaDB closes an idle connection by an RST.
#[case("drain/kept-connection_weight-0-wait-delete", Hung(Error(&[ECONNRESET])))]
#[case(
    "drain/closed-by-wait-timeout_delete",
    Hung(GaveUp(2013, Some(ECONNRESET), NO_PROCESS))
)]
#[case(
    "drain/long-statement_weight-0-wait-stop-delete",
    FailedFast(2013, None, PROCESS_ENDED)
)]
#[case("order/delete-speak-stop_0", Hung(GaveUp(2013, None, PROCESS_ENDED)))]
// What the client was doing, and what it sets.
#[case("client-actions/absent_port-again-after-quit_0", Hung(Answer("rs2")))]
#[case("client-actions/absent_syn-on-its-way_0", Hung(End::None))]
#[case(
    "client-actions/absent_large-result_0",
    Hung(GaveUp(2013, Some(ECONNRESET), NO_PROCESS))
)]
#[case("client-timeouts/host-off_execute-sql_tcp-user-timeout", Hung(Error(&[ETIMEDOUT])))]
#[case("client-timeouts/host-off_waiting_tcp-user-timeout", Hung(End::None))]
#[case("connect-timeouts/host-off_connect-timeout", Hung(GaveUp(2002, Some(ETIMEDOUT), &[])))]
#[case("keepalive-cuts/60s_0", FailedFast(2013, Some(ETIMEDOUT), &[]))]
#[case("transactions/deleted_commit-on-its-way_0", Answered("rs1"))]
#[case(
    "transactions/killed_commit-on-its-way_0",
    FailedFast(2013, None, PROCESS_ENDED)
)]
#[case("orphaned-locks/lost-at-once-keepalive_same-row", Hung(Answer("rs1")))]
fn key_cell(#[case] id: &str, #[case] lived: Lived) {
    check(id, lived);
}

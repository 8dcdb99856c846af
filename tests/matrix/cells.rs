//! The cells of the scenarios that began it: the article's table and what completes it, said a second time.

use super::lived::*;
use rstest::rstest;

#[rstest]
// Real server in the table, mysqld up: nothing was changed.
#[case("config-change/present_up_new-connection_0", Answered("rs1"))]
#[case("config-change/present_up_new-connection_1", Answered("rs1"))]
#[case("config-change/present_up_execute-sql_0", Answered("rs1"))]
#[case("config-change/present_up_execute-sql_1", Answered("rs1"))]
#[case("config-change/present_up_waiting_0", Answered("rs1"))]
#[case("config-change/present_up_waiting_1", Answered("rs1"))]
// In the table, mysqld down: the server's kernel says so itself.
#[case(
    "config-change/present_down_new-connection_0",
    FailedFast(2003, Some(ECONNREFUSED), NO_PROCESS)
)]
#[case(
    "config-change/present_down_new-connection_1",
    FailedFast(2003, Some(ECONNREFUSED), NO_PROCESS)
)]
#[case(
    "config-change/present_down_execute-sql_0",
    FailedFast(2006, None, PROCESS_ENDED)
)]
#[case(
    "config-change/present_down_execute-sql_1",
    FailedFast(2006, None, PROCESS_ENDED)
)]
#[case("config-change/present_down_waiting_0", FailedFast(2013, None, PROCESS_ENDED))]
#[case("config-change/present_down_waiting_1", FailedFast(2013, None, PROCESS_ENDED))]
// Not in the table, mysqld up: the article's NG is here, and what improves it.
#[case(
    "config-change/absent_up_new-connection_0",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case(
    "config-change/absent_up_new-connection_1",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case("config-change/absent_up_execute-sql_0", Hung(Error(&[ETIMEDOUT, ECONNRESET])))]
#[case(
    "config-change/absent_up_execute-sql_1",
    FailedFast(2013, Some(ECONNRESET), NO_ENTRY)
)]
#[case("config-change/absent_up_waiting_0", Answered("rs1"))]
#[case("config-change/absent_up_waiting_1", Answered("rs1"))]
// Not in the table, mysqld down: the FIN does not pass the director.
#[case(
    "config-change/absent_down_new-connection_0",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case(
    "config-change/absent_down_new-connection_1",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case(
    "config-change/absent_down_execute-sql_0",
    FailedFast(2006, None, PROCESS_ENDED)
)]
#[case(
    "config-change/absent_down_execute-sql_1",
    FailedFast(2006, None, PROCESS_ENDED)
)]
#[case("config-change/absent_down_waiting_0", FailedFast(2013, None, PROCESS_ENDED))]
#[case("config-change/absent_down_waiting_1", FailedFast(2013, None, PROCESS_ENDED))]
// At age 0 the director's entry and the client's patience end at about the same time.
#[case("hang-to-the-end/0s", Hung(Error(&[ETIMEDOUT, ECONNRESET])))]
#[case("hang-to-the-end/120s", Hung(Error(&[ECONNRESET])))]
#[case("hang-to-the-end/300s", Hung(Error(&[ECONNRESET])))]
#[case("hang-to-the-end/890s", Hung(Error(&[ECONNRESET])))]
#[case("other-server/none", FailedFast(2003, Some(ECONNREFUSED), NO_SERVER))]
#[case("other-server/rs2", Answered("rs2"))]
#[case("re-add-recovers/only", Hung(Answer("rs1")))]
#[case(
    "restart-does-not-recover/waiting-through",
    FailedFast(2013, None, PROCESS_ENDED)
)]
#[case(
    "restart-does-not-recover/querying-after",
    FailedFast(2006, None, PROCESS_ENDED)
)]
#[case("silent-server/only", Hung(End::None))]
fn cell_of_the_matrix(#[case] id: &str, #[case] lived: Lived) {
    check(id, lived);
}

/// The ids of these cells.
pub(crate) fn ids() -> Vec<String> {
    super::ids_in(include_str!("cells.rs"))
}

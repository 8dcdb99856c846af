//! Most labs have mysqlds, and rules and advice speak of those. Where another server is in the place of a
//! mysqld, and what is said is as true of it, its name takes the place of the mysqld's.

use lvs_matrix_model::plan::{LabPlan, ServerKind};

/// What is said of a mysqld, and of a server that is none. Longer texts come first.
const WORDS: &[(&str, &str)] = &[
    ("log in and ask the server", "ask the server"),
    ("nothing of mysqlds", "nothing of servers"),
    ("登录并执行一次查询", "发送一次请求"),
];

/// The text in the words that fit what serves in the lab of `plan`.
pub(super) fn fitting(plan: &LabPlan, text: String) -> String {
    let own = match plan.server_kind() {
        ServerKind::Mysql => return text,
        ServerKind::TcpEcho | ServerKind::UdpEcho => "echo server",
        ServerKind::Program => "server program",
    };
    let named = ("mysqld", own);
    let words = WORDS.iter().chain(std::iter::once(&named));
    words.fold(text, |text, (of_mysqld, of_other)| {
        text.replace(of_mysqld, of_other)
    })
}

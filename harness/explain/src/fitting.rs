//! Most labs have mysqlds, and rules and advice speak of those. Where an echo server is in the place of a
//! mysqld, and what is said is as true of it, its name takes the place of the mysqld's.

use lvs_matrix_model::plan::LabPlan;

/// What is said of a mysqld, and of an echo server. Longer texts come first.
const WORDS: &[(&str, &str)] = &[
    ("log in and ask the server", "ask the server"),
    ("nothing of mysqlds", "nothing of servers"),
    ("mysqld", "echo server"),
    ("登录并执行一次查询", "发送一次请求"),
];

/// The text in the words that fit what serves in the lab of `plan`.
pub(super) fn fitting(plan: &LabPlan, text: String) -> String {
    if !plan.server_kind().is_echo() {
        return text;
    }
    let replaced = |text: String, (of_mysqld, of_echo): &(&str, &str)| text.replace(of_mysqld, of_echo);
    WORDS.iter().fold(text, replaced)
}

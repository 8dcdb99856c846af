//! Files that are too much: one clear mistake, soon. (Files that are noise: `tests/fuzz`.)

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::scenario::{
    MAX_BYTES, MAX_CELLS, Mistake, MistakeKind, Style, load, load_bytes, render,
};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Loads and renders; both together must be quick. (Measured on a busy machine and without optimization, so
/// the limit is wide; what it guards against takes minutes.)
fn mistakes_soon(bytes: &[u8]) -> Vec<Mistake> {
    let began = Instant::now();
    let mistakes = load_bytes(bytes).expect_err("this must not be accepted");
    let rendered = render(
        &mistakes,
        "file.yaml",
        &String::from_utf8_lossy(bytes),
        Style::Plain,
    );
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "took {took:?}");
    assert!(rendered.len() < 100_000, "{} bytes of text", rendered.len());
    mistakes
}

fn only_kind(bytes: &[u8]) -> MistakeKind {
    match mistakes_soon(bytes).as_slice() {
        [mistake] => mistake.kind,
        mistakes => panic!("one mistake is enough: {mistakes:#?}"),
    }
}

#[test]
fn an_alias_bomb_is_refused_before_it_is_read() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let of = format!("*a{}", level - 1);
        writeln!(bomb, "a{level}: &a{level} [{}]", [of.as_str(); 10].join(", ")).unwrap();
    }
    let small = mistakes_soon(bomb.as_bytes());
    let aliases = small
        .iter()
        .filter(|mistake| mistake.kind == MistakeKind::Alias)
        .count();
    assert_eq!(
        aliases, 1,
        "a small one is refused for what it is, once: {small:#?}"
    );
    let large = format!("{bomb}# {}\n", "x".repeat(10 * 1024 * 1024));
    assert_eq!(only_kind(large.as_bytes()), MistakeKind::TooLarge);
    let many = format!("a: &a [x]\nb: [{}]\n", "*a, ".repeat(MAX_BYTES / 5));
    assert_eq!(
        mistakes_soon(many.as_bytes()).last().unwrap().kind,
        MistakeKind::TooManyNodes
    );
}

#[test]
fn sizes_have_limits() {
    let large = format!("claim: {}", "x".repeat(MAX_BYTES));
    assert_eq!(only_kind(large.as_bytes()), MistakeKind::TooLarge);
    let wide = format!("claim: [{}]", "1, ".repeat(MAX_BYTES / 4));
    assert_eq!(only_kind(wide.as_bytes()), MistakeKind::TooManyNodes);
    let one_line = format!("name: {}", "x".repeat(MAX_BYTES - 100));
    assert!(
        mistakes_soon(one_line.as_bytes())
            .iter()
            .any(|m| m.kind == MistakeKind::BadName)
    );
    for nesting in ["[", "{a: ", "- ", "? "] {
        let deep = format!("name: x\nlab: {}", nesting.repeat(100_000));
        assert!(!mistakes_soon(deep.as_bytes()).is_empty());
    }
}

#[test]
fn a_flood_of_mistakes_ends() {
    let mut file = String::new();
    for number in 0..3000 {
        writeln!(file, "field{number}: 1").unwrap();
    }
    let mistakes = mistakes_soon(file.as_bytes());
    assert_eq!(mistakes.len(), 101);
    let last = mistakes.last().unwrap();
    assert_eq!(last.kind, MistakeKind::More);
    assert_eq!(last.message, "2905 more mistakes are not shown");
}

/// A scenario with this many axes of ten values, expectations and waits.
fn scenario(axes: usize, expectations: usize, waits: usize) -> String {
    let mut file = "name: large\nclaim: It is large.\nlab: { real-servers: { rs1: {} } }\nact:\n".to_owned();
    for _ in 0..waits {
        file.push_str("  - wait: 1ms\n");
    }
    file.push_str("  - connect: {}\nobserve: { patience: 5s, until: 1m }\naxes:\n");
    for axis in 0..axes {
        let values: Vec<_> = (0..10).map(|value| format!("v{value}: {{}}")).collect();
        writeln!(file, "  a{axis}: {{ {} }}", values.join(", ")).unwrap();
    }
    file.push_str("expect:\n");
    for _ in 0..expectations {
        file.push_str("  - observe-only: true\n");
    }
    file
}

#[test]
fn cells_are_counted_before_they_are_made() {
    let most = load(&scenario(4, 1, 10)).unwrap();
    assert_eq!(lvs_matrix_model::matrix::cells(&most).len(), MAX_CELLS);
    for axes in [5, 9, 25, 60] {
        assert_eq!(
            only_kind(scenario(axes, 1, 10).as_bytes()),
            MistakeKind::TooManyCells,
            "{axes} axes"
        );
    }
}

#[test]
fn what_all_cells_are_together_has_limits() {
    // 10,000 cells of 99 waits and a connect, and of one wait more.
    assert!(load(&scenario(4, 1, 99)).is_ok());
    assert_eq!(
        only_kind(scenario(4, 1, 100).as_bytes()),
        MistakeKind::TooManyCells
    );
    let sql = scenario(4, 1, 0).replace(
        "  - connect: {}\n",
        &format!(
            "  - connect: {{}}\n  - query: {{ sql: {} }}\n",
            "x".repeat(60_000)
        ),
    );
    assert_eq!(only_kind(sql.as_bytes()), MistakeKind::TooManyCells);
    let days = |waits: usize| {
        scenario(1, 1, 0).replace(
            "act:\n",
            &format!("before:\n{}act:\n", "  - wait: 24h\n".repeat(waits)),
        )
    };
    assert!(load(&days(3)).is_ok());
    assert_eq!(only_kind(days(4).as_bytes()), MistakeKind::DurationOutOfRange);
}

#[test]
fn the_most_cells_with_the_most_expectations_and_steps_are_checked_soon() {
    let began = Instant::now();
    let mistakes = load(&scenario(4, 800, 90)).unwrap_err();
    let took = began.elapsed();
    assert!(
        mistakes
            .iter()
            .any(|mistake| mistake.kind == MistakeKind::CoversNothing)
    );
    assert!(took < Duration::from_secs(20), "took {took:?}");
}

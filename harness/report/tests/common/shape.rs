//! The shape of markdown, whatever foreign text is in it.

/// Markdown outside of fenced blocks and code spans: where markup would act.
fn prose(markdown: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in markdown.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) => {
                if line == open.as_str() {
                    fence = None;
                }
            }
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                // A span of one backtick: every second part is code.
                let parts = line
                    .replace("\\`", "")
                    .split('`')
                    .step_by(2)
                    .collect::<Vec<_>>()
                    .join("");
                out.push_str(&parts);
                out.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "every fence is closed");
    out
}

/// Nothing foreign acts, details are balanced, and each row has the columns of its table.
pub(crate) fn keeps_its_shape(markdown: &str) {
    let mut prose = prose(markdown);
    for escaped in ["\\\\", "\\[", "\\]", "\\`"] {
        prose = prose.replace(escaped, "");
    }
    assert!(!prose.contains("<script>"), "{prose}");
    assert!(!prose.contains("](javascript"), "{prose}");
    let count = |what: &str| prose.matches(what).count();
    assert_eq!(count("<details"), count("</details>"), "details are balanced");
    let mut columns = None;
    for line in prose.lines() {
        if line.starts_with('|') {
            let count = line.matches('|').count();
            assert_eq!(
                *columns.get_or_insert(count),
                count,
                "a row has the columns of its table: {line}"
            );
        } else {
            columns = None;
        }
    }
}

//! Expectations that know kernels: which one is a cell's on which line of Linux, and that each cell has one
//! on every kernel that is asked for.

use lvs_matrix_model::matrix::{DEFAULT_LINE, KernelId, Line, cells, cells_on};
use lvs_matrix_model::scenario::{
    BehaviourName, Expected, Mistake, MistakeKind, Scenario, load, load_for, written,
};

const TEXT: &str = r#"
name: sample
claim: The last service is deleted.
lab: { real-servers: { rs1: {} } }
axes:
  change: { none: {}, deleted: { change: [{ remove-service: {} }] } }
before: [{ connect: {} }]
act: [{ query: { sql: select 1 } }]
observe: { patience: 5s, until: 20m }
expect:
  - { when: { change: none }, behaviour: answered }
  - { when: { change: deleted, kernel: "<5.9" }, behaviour: hung, ends: error }
  - { when: { change: deleted, kernel: [">=5.9 <6.0", 6.1, ">6.4"] }, behaviour: failed-fast }
"#;

const OLD: Line = Line::new(5, 4);
const BETWEEN: Line = Line::new(6, 2);

fn behaviour(expected: &Expected) -> Option<BehaviourName> {
    match expected {
        Expected::Behaviour(expected) => Some(expected.behaviour),
        Expected::ObserveOnly => None,
    }
}

fn for_lines(text: &str, lines: &[Line]) -> Result<Scenario, Vec<Mistake>> {
    load_for(text.as_bytes(), lines)
}

#[test]
fn a_cell_has_the_expectation_of_its_kernel() {
    let scenario = for_lines(TEXT, &[OLD, DEFAULT_LINE]).unwrap();
    let kernels: Vec<_> = ["5.4", "6.1.176", "qemu-6.12.0-1-amd64"]
        .map(|id| KernelId::new(id).unwrap())
        .into_iter()
        .map(|id| {
            let line = id.line().unwrap();
            (Some(id), line)
        })
        .collect();
    let all = cells_on(&scenario, &kernels);
    let found: Vec<_> = all
        .iter()
        .map(|cell| (cell.cell.to_string(), behaviour(&cell.expected)))
        .collect();
    let (answered, failed) = (Some(BehaviourName::Answered), Some(BehaviourName::FailedFast));
    assert_eq!(
        found,
        [
            ("sample/none@linux-5.4".to_owned(), answered),
            ("sample/none@linux-6.1.176".to_owned(), answered),
            ("sample/none@linux-qemu-6.12.0-1-amd64".to_owned(), answered),
            ("sample/deleted@linux-5.4".to_owned(), Some(BehaviourName::Hung)),
            ("sample/deleted@linux-6.1.176".to_owned(), failed),
            ("sample/deleted@linux-qemu-6.12.0-1-amd64".to_owned(), failed),
        ]
    );
    // Cells that are bound to no kernel have the same on a kernel of this line.
    let old = cells_on(&scenario, &[(None, OLD)]);
    assert_eq!(old[1].cell.to_string(), "sample/deleted");
    assert_eq!(behaviour(&old[1].expected), Some(BehaviourName::Hung));
    assert_eq!(behaviour(&cells(&scenario)[1].expected), failed);
}

#[test]
fn every_kernel_that_is_asked_for_is_covered() {
    assert!(load(TEXT).is_ok());
    assert!(for_lines(TEXT, &[OLD]).is_ok());
    let refused = for_lines(TEXT, &[OLD, BETWEEN]).unwrap_err();
    let kinds: Vec<MistakeKind> = refused.iter().map(|mistake| mistake.kind).collect();
    assert_eq!(kinds, [MistakeKind::Uncovered]);
    assert_eq!(refused[0].message, "a cell has no expectation on Linux 6.2");
    let help = refused[0].help.as_deref().unwrap();
    assert!(
        help.contains("when: { change: deleted, kernel: 6.2 }, observe-only: true"),
        "{help}"
    );
    // A scenario that asks for no kernel is the same for all.
    let plain = TEXT.replace(", kernel: [\">=5.9 <6.0\", 6.1, \">6.4\"]", "");
    let one = plain
        .lines()
        .filter(|line| !line.contains("<5.9"))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(for_lines(&one, &[OLD, BETWEEN]).is_ok());
}

/// Two expectations of a cell on a kernel that nobody asks for contradict each other all the same.
#[test]
fn overlaps_are_found_on_kernels_that_are_not_asked_for() {
    let wider = TEXT.replace("\"<5.9\"", "\"<5.10\"");
    let refused = load(&wider).unwrap_err();
    assert_eq!(refused[0].kind, MistakeKind::Overlap);
    assert_eq!(
        refused[0].message,
        "cell deleted has two expectations on Linux 5.9"
    );
}

#[test]
fn kernels_are_written_down_as_they_are_read() {
    let scenario = for_lines(TEXT, &[OLD]).unwrap();
    let again = for_lines(&written(&scenario), &[OLD]).unwrap();
    let lines = |scenario: &Scenario| -> Vec<_> {
        scenario
            .expectations
            .iter()
            .map(|one| one.kernels.clone())
            .collect()
    };
    assert_eq!(lines(&again), lines(&scenario));
    assert_eq!(lines(&again)[2].len(), 3);
}

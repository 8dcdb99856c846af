//! Directors with names of their author's.

use super::TWO;
use super::support::name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, Told, plan};
use lvs_matrix_model::scenario::{load, written};

/// The same lab with directors that its author has named.
fn named(text: &str) -> String {
    text.replace("directors: 2", "directors: { lb1: {}, lb2: {} }")
        .replace("director2", "lb2")
        .replace(": director }", ": lb1 }")
}

fn only_plan(text: &str) -> LabPlan {
    let scenario = load(text).unwrap();
    plan(&scenario, &cells(&scenario)[0])
}

fn director(text: &str) -> Node {
    Node::Director(name(text))
}

#[test]
fn directors_have_the_names_that_their_author_gives_them() {
    let (plan, unnamed) = (only_plan(&named(TWO)), only_plan(TWO));
    assert_eq!(plan.service().balancers, [director("lb1"), director("lb2")]);
    assert_eq!(plan.first_director(), director("lb1"));
    let config = |plan: &LabPlan, node: Node| plan.keepalived_config(&node, &Told::default()).unwrap();
    for (own, usual) in [("lb1", Node::first_director()), ("lb2", Node::second_director())] {
        let written = config(&plan, director(own)).replace(own, &usual.to_string());
        assert_eq!(written, config(&unnamed, usual));
    }
    let lines = |plan: &LabPlan| -> Vec<String> {
        let steps = plan.steps.iter();
        let lines = steps.flat_map(|step| plan.command_lines(&step.action));
        lines
            .map(|(node, argv)| format!("{node:?} {}", argv.join(" ")))
            .collect()
    };
    let usual = lines(&unnamed).join("\n");
    let usual = usual
        .replace("\"director2\"", "\"lb2\"")
        .replace("\"director\"", "\"lb1\"");
    assert_eq!(lines(&plan).join("\n"), usual);
    let alone = plan.alone();
    assert!(written(&alone).contains("lb1: {}"), "{}", written(&alone));
    assert_eq!(only_plan(&written(&alone)).hosts, plan.hosts);
    assert_eq!(only_plan(&written(&alone)).steps, plan.steps);
    // Records have them, too.
    let text = serde_json::to_string(&plan).unwrap();
    assert!(text.contains(r#"{"named-director":"lb2"}"#), "{text}");
    assert_eq!(serde_json::from_str::<LabPlan>(&text).unwrap(), plan);
}

#[test]
fn a_step_that_names_no_director_means_the_first_one() {
    let text = MOVES_BY_HAND.replace("directors: 2", "directors: { lb1: {}, lb2: {} }");
    let plan = only_plan(&text);
    let said: Vec<String> = plan.steps.iter().map(|step| step.action.to_string()).collect();
    assert_eq!(
        said,
        [
            "remove real server rs1, on lb1",
            "start the sync daemon on lb1 (master)",
            "set weight of rs1 to 2, on lb2",
            "wait until rs1 is in the table, by lb2's table, at most 5s",
            "connect",
        ]
    );
    assert_eq!(only_plan(&written(&plan.alone())).steps, plan.steps);
    // By the table of the one that has the VIP, if none is named.
    let moved = text.replace(", director: lb2", "");
    let refused = load(&moved).unwrap_err();
    let messages: Vec<_> = refused.iter().map(|mistake| mistake.message.as_str()).collect();
    assert_eq!(messages, ["`rs1` is not in the table"]);
    let moved = moved.replace("- wait-until", "- move-vip: { to: lb2 }\n  - wait-until");
    assert_eq!(only_plan(&moved).steps.len(), 6);
}

const MOVES_BY_HAND: &str = "
name: by-hand
claim: Two tables.
lab: { directors: 2, real-servers: { rs1: {} } }
change:
  - remove-real-server: { server: rs1 }
  - start-sync-daemon: { state: master }
  - { on: lb2, set-weight: { server: rs1, weight: 2 } }
  - wait-until: { in-table: rs1, director: lb2, at-most: 5s }
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ observe-only: true }]
";

#[test]
fn a_director_can_have_sysctls_of_its_own() {
    let key = "net.ipv4.vs.sync_threshold";
    let own = format!("lb2: {{ sysctls: {{ {key}: 1 50 }} }}");
    let text = named(TWO).replace("lb2: {}", &own).replace(
        "  real-servers",
        &format!("  director-sysctls: {{ {key}: 3 50, net.ipv4.vs.drop_entry: 0 }}\n  real-servers"),
    );
    let plan = only_plan(&text);
    let value = |plan: &LabPlan, node: &str| {
        let host = plan.host(&director(node)).unwrap();
        let mut sysctls = host.sysctls.iter();
        sysctls.find(|(known, _)| known == key).unwrap().1.clone()
    };
    assert_eq!(
        (value(&plan, "lb1"), value(&plan, "lb2")),
        ("3 50".to_owned(), "1 50".to_owned())
    );
    let again = only_plan(&written(&plan.alone()));
    assert_eq!(
        (value(&again, "lb1"), value(&again, "lb2")),
        ("3 50".to_owned(), "1 50".to_owned())
    );
    assert_eq!(again.hosts, plan.hosts);
}

#[test]
fn one_director_can_have_a_name() {
    let text = "{ name: one, claim: It forwards nothing., lab: { directors: { lb: {} }, \
         forwarding: masquerading, \
         real-servers: { rs1: {} }, misbuilt: { lb: no-forwarding } }, act: [{ connect: {} }], \
         observe: { patience: 5s, until: 1m }, expect: [{ observe-only: true }] }";
    let plan = only_plan(text);
    assert_eq!(plan.service().balancers, [director("lb")]);
    assert_eq!(plan.misbuilt[0].node, director("lb"));
    assert!(plan.state().healthy_servers().next().is_none());
    assert_eq!(only_plan(&written(&plan.alone())).hosts, plan.hosts);
}

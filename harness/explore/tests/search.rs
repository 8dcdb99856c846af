//! The search by itself, with made-up cells: what it makes is accepted, is the same for the same seed, and
//! finds and shrinks what there is to find.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_explore::{Breach, Candidate, GENERATION, Outcome, Search, Signature};
use lvs_matrix_model::scenario::{Scenario, load};
use rstest::rstest;
use std::collections::BTreeSet;

const SMALL: &str = "
name: small
claim: A client is left alone.
lab: { server: tcp-echo, real-servers: { rs1: {}, rs2: {} } }
before: [{ connect: {} }]
change: [{ zero-counters: {} }]
act: [{ request: {} }]
axes:
  nodest: { kept: {}, expire: { director-sysctls: { net.ipv4.vs.expire_nodest_conn: 1 } } }
  method: { direct-routing: {}, masquerading: { forwarding: masquerading } }
observe: { patience: 5s, until: 20m }
expect: [{ behaviour: answered }]
explore:
  length: 6
  actions:
    - connect: {}
    - connect: { to: [rs1, rs2] }
    - request: {}
    - start-request: { text: report, takes: 20s }
    - await-result: {}
    - disconnect: { how: [quit, reset] }
    - wait: [1s, 5m]
    - remove-real-server: { server: [rs1, rs2] }
    - { add-real-server: { server: [rs1, rs2] }, after: 1s }
    - set-weight: { server: [rs1, rs2], weight: [0, 1, 2] }
    - zero-counters: {}
    - freeze-server: { server: [rs1, rs2] }
    - thaw-server: { server: [rs1, rs2] }
  never: { hung: true }
";

fn shipped(name: &str) -> Scenario {
    let file = format!("{}/../../explorations/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    load(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The keys of a candidate's actions, in order.
fn keys(candidate: &Candidate) -> Vec<&'static str> {
    candidate.steps.iter().map(|step| step.action.key()).collect()
}

/// A made-up cell: what it shows are the actions that it has, and the client hangs where a server is deleted
/// between a connect and a request, on a director that keeps entries.
fn made_up(candidate: &Candidate) -> Outcome {
    let keys = keys(candidate);
    let place = |key: &str| keys.iter().position(|own| *own == key);
    let deleted = place("remove-real-server");
    let hangs = place("connect").is_some_and(|connect| deleted.is_some_and(|deleted| connect < deleted))
        && keys.last() == Some(&"request")
        && !candidate.text.contains("expire_nodest_conn");
    let behaviour = if hangs { "hung" } else { "answered" };
    let shown: BTreeSet<String> = keys.iter().map(ToString::to_string).collect();
    Outcome {
        signature: Signature {
            behaviour: behaviour.to_owned(),
            ends: None,
            error: None,
            rules: Vec::new(),
            probes: Vec::new(),
            explained: !hangs,
            entries: shown.into_iter().collect(),
        },
        breaches: hangs.then_some(Breach::Hung).into_iter().collect(),
    }
}

/// Searches for some generations, then makes simpler what was found; gives all generations.
fn searched(search: &mut Search<'_>, generations: usize) -> Vec<Vec<Candidate>> {
    let mut all = Vec::new();
    loop {
        let searching = all.len() < generations;
        let candidates = search.next_generation(GENERATION, searching).to_vec();
        if candidates.is_empty() {
            return all;
        }
        search.learn(candidates.iter().map(made_up).collect());
        all.push(candidates);
    }
}

#[rstest]
#[case("everything")]
#[case("drains")]
fn check_accepts_every_sequence_that_is_made(#[case] name: &str) {
    let scenario = shipped(name);
    let explore = scenario.explore.as_ref().unwrap();
    let mut search = Search::new(&scenario, 5).unwrap();
    let mut seen = BTreeSet::new();
    for candidate in searched(&mut search, 3).into_iter().flatten() {
        assert!(load(&candidate.text).is_ok(), "{}", candidate.text);
        assert!(candidate.steps.len() <= usize::from(explore.length));
        assert!(candidate.steps.last().unwrap().action.is_classified());
        assert!(seen.insert(candidate.text.clone()), "twice: {}", candidate.text);
    }
    assert!(seen.len() >= 3 * GENERATION);
    assert_eq!(search.cells(), seen.len());
}

#[test]
fn the_same_seed_gives_the_same_sequences_and_findings() {
    let scenario = load(SMALL).unwrap();
    let of = |seed| {
        let mut search = Search::new(&scenario, seed).unwrap();
        let all = searched(&mut search, 4);
        let findings = search.findings().into_iter().cloned().collect::<Vec<_>>();
        (all, findings)
    };
    let (one, found) = of(7);
    assert_eq!((one.clone(), found), of(7));
    assert_ne!(one, of(8).0);
}

/// What it goes on from are the outcomes alone.
#[test]
fn a_search_goes_on_from_its_outcomes() {
    let scenario = load(SMALL).unwrap();
    let mut whole = Search::new(&scenario, 3).unwrap();
    let mut half = Search::new(&scenario, 3).unwrap();
    let told: Vec<Vec<Outcome>> = (0..2)
        .map(|_| {
            let candidates = whole.next_generation(GENERATION, true).to_vec();
            let outcomes: Vec<Outcome> = candidates.iter().map(made_up).collect();
            whole.learn(outcomes.clone());
            outcomes
        })
        .collect();
    for outcomes in told {
        half.next_generation(GENERATION, true);
        half.learn(outcomes);
    }
    assert_eq!(
        whole.next_generation(GENERATION, true),
        half.next_generation(GENERATION, true)
    );
}

/// Of a generation that was not run to its end nothing is learned.
#[test]
fn half_a_generation_teaches_nothing() {
    let scenario = load(SMALL).unwrap();
    let mut search = Search::new(&scenario, 3).unwrap();
    let first = search.next_generation(GENERATION, true).to_vec();
    search.learn(first.iter().take(5).map(made_up).collect());
    assert_eq!((search.cells(), search.signatures()), (0, 0));
}

#[test]
fn a_finding_is_shrunk_to_its_shortest_sequence_and_simplest_lab() {
    let scenario = load(SMALL).unwrap();
    for seed in 1..=5 {
        let mut search = Search::new(&scenario, seed).unwrap();
        searched(&mut search, 6);
        let findings = search.findings();
        let [finding] = findings.as_slice() else {
            assert_eq!(findings.len(), 1, "seed {seed}");
            continue;
        };
        assert!(finding.shrunk);
        let found = &finding.candidate;
        assert_eq!(
            keys(found),
            ["connect", "remove-real-server", "request"],
            "seed {seed}"
        );
        assert_eq!(found.lab, [0, 0]);
        assert_eq!(finding.breaches, BTreeSet::from([Breach::Hung]));
    }
}

#[test]
fn a_search_without_an_explore_section_is_none() {
    let (text, _) = SMALL.split_once("explore:").unwrap();
    assert!(Search::new(&load(text).unwrap(), 1).is_none());
}

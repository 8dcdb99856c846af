//! Parts of a run on several machines: the script that a cluster starts takes its part from the cluster's own
//! variables, and the parts merge into the whole. The files for clusters and CI systems name what there is.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rstest::rstest;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use support::{json, lvs_matrix, repository, say};
use tempfile::TempDir;

/// The variables of each task of two.
fn kubernetes(task: u32) -> Vec<(&'static str, String)> {
    vec![
        ("JOB_COMPLETION_INDEX", task.to_string()),
        ("LVS_PARTS", "2".to_owned()),
    ]
}

/// An array of `3-5:2`: the first is 3, the second 5.
fn slurm(task: u32) -> Vec<(&'static str, String)> {
    vec![
        ("SLURM_ARRAY_TASK_ID", (3 + 2 * task).to_string()),
        ("SLURM_ARRAY_TASK_MIN", "3".to_owned()),
        ("SLURM_ARRAY_TASK_STEP", "2".to_owned()),
        ("SLURM_ARRAY_TASK_COUNT", "2".to_owned()),
    ]
}

#[rstest]
#[case::kubernetes(kubernetes)]
#[case::slurm(slurm)]
fn parts_of_a_cluster_make_the_whole(#[case] variables: fn(u32) -> Vec<(&'static str, String)>) {
    let place = TempDir::new().unwrap();
    let out = place.path().join("out");
    for task in [0, 1] {
        let mut part = Command::new(repository().join("packaging/part"));
        part.env("LVS_MATRIX", env!("CARGO_BIN_EXE_lvs-matrix"));
        part.arg(&out)
            .args(["--quiet", "other-server"])
            .envs(variables(task));
        say(&mut part).expect_code(0);
    }
    let parts: Vec<PathBuf> = [1, 2].map(|number| out.join(format!("part-{number}"))).to_vec();
    let whole = out.join("whole");
    say(lvs_matrix().arg("merge").args(&parts).arg("--out").arg(&whole)).expect_code(0);
    let cells = json(&whole.join("report.json"));
    let ids: Vec<&str> = cells["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["other-server/none", "other-server/rs2"]);
    // A part that is tried again takes the place of what it left; outside of a cluster there is none.
    let mut alone = Command::new(repository().join("packaging/part"));
    for name in ["JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"] {
        alone.env_remove(name);
    }
    say(alone.arg(&out)).expect_code(2);
}

fn yaml(file: &str) -> Value {
    serde_yaml::from_str(&fs::read_to_string(repository().join(file)).unwrap()).unwrap()
}

/// What GitHub asks of a composite action's steps: `shell` beside `run`, and inputs that are declared. Its
/// own step runs the scenarios here.
#[test]
fn the_action_runs_scenarios() {
    let action = yaml("action.yml");
    assert_eq!(action["runs"]["using"], "composite");
    let steps = action["runs"]["steps"].as_array().unwrap();
    let text = fs::read_to_string(repository().join("action.yml")).unwrap();
    for used in text.split("inputs.").skip(1) {
        let name: String = used.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        assert!(action["inputs"].get(&name).is_some(), "{name} is declared");
    }
    for step in steps {
        assert_eq!(step.get("run").is_some(), step.get("shell").is_some(), "{step:#}");
        assert!(
            step.get("run").is_some() != step.get("uses").is_some(),
            "{step:#}"
        );
    }
    let run = steps
        .iter()
        .find(|step| step["name"] == "Run the scenarios")
        .unwrap();
    let place = TempDir::new().unwrap();
    let bin = PathBuf::from(env!("CARGO_BIN_EXE_lvs-matrix"));
    let path = format!(
        "{}:{}",
        bin.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut shell = Command::new("bash");
    shell.args([
        "--noprofile",
        "--norc",
        "-eo",
        "pipefail",
        "-c",
        run["run"].as_str().unwrap(),
    ]);
    shell.current_dir(place.path()).env("PATH", path);
    shell.envs([
        ("OUT", "out"),
        ("OPTIONS", "--quiet --jobs 1"),
        ("SCENARIOS", "other-server"),
    ]);
    say(&mut shell).expect_code(0);
    assert!(place.path().join("out/junit.xml").is_file());
}

/// The other files are well-formed, and name the scripts and variables that there are.
#[test]
fn files_for_clusters_and_gitlab_fit_what_there_is() {
    let job = yaml("packaging/kubernetes.yaml");
    assert_eq!(
        (&job["kind"], &job["spec"]["completionMode"]),
        (&"Job".into(), &"Indexed".into())
    );
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let parts = container["env"][0]["value"].as_str().unwrap();
    assert_eq!(container["env"][0]["name"], "LVS_PARTS");
    assert_eq!(job["spec"]["completions"].to_string(), parts);
    let gitlab = yaml("packaging/gitlab.yml");
    for (job, options) in [(".lvs-matrix", "--partition"), (".lvs-matrix-merge", "merge")] {
        let script = gitlab[job]["script"].as_array().unwrap();
        let script = script.iter().map(|line| line.as_str().unwrap());
        let script = script.collect::<Vec<_>>().join("\n");
        assert!(script.contains(options), "{script}");
        say(Command::new("bash").args(["-n", "-c", &script])).expect_code(0);
    }
}

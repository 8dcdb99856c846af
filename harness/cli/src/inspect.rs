//! `check`, `list`, `plan`: what scenarios say, without running anything.

use crate::args::{Format, InspectArguments};
use crate::coordinates;
use crate::error::{Failure, MISTAKE};
use crate::output;
use crate::scenarios::{self, Selected};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::matrix::{Cell, KernelId, Line, cells};
use lvs_matrix_model::plan::{Echo, LabPlan, MySql, Nic, Server};
use lvs_matrix_model::scenario::Expected;
use lvs_matrix_report::plural;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// `check`.
pub(crate) fn check(files: &[PathBuf], kernels: &[KernelId], format: Format) -> Result<ExitCode, Failure> {
    let lines: Vec<Line> = coordinates::named(kernels)
        .into_iter()
        .map(|(_, line)| line)
        .collect();
    match format {
        Format::Text => {
            let mut text = String::new();
            for loaded in scenarios::load(files, &lines)? {
                if !loaded.warnings.is_empty() {
                    output::talk(&loaded.warnings);
                }
                let scenario = &loaded.scenario;
                let mut counts = plural(cells(scenario).len(), "cell");
                if !scenario.warnings.is_empty() {
                    counts.push_str(&format!(", {}", plural(scenario.warnings.len(), "warning")));
                }
                let _ = writeln!(text, "{}: good, {counts}", scenario.name);
            }
            output::data(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Format::Json => {
            let checked = scenarios::check_each(files, &lines);
            output::data(&json(&checked)?)?;
            let good = checked.iter().all(scenarios::Checked::is_good);
            Ok(if good {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(MISTAKE)
            })
        }
    }
}

/// `list`.
pub(crate) fn list(arguments: &InspectArguments) -> Result<ExitCode, Failure> {
    #[derive(Serialize)]
    struct Listed<'a> {
        id: String,
        values: &'a [(lvs_matrix_model::Name, lvs_matrix_model::Name)],
        expected: &'a Expected,
    }
    let selected = scenarios::select(
        &arguments.files,
        &arguments.filter.expressions,
        &coordinates::named(&arguments.kernels),
    )?;
    let all = || selected.iter().flat_map(|selected| &selected.cells);
    let text = match arguments.format {
        Format::Json => {
            let listed: Vec<_> = all()
                .map(|cell| Listed {
                    id: cell.cell.to_string(),
                    values: &cell.cell.values,
                    expected: &cell.expected,
                })
                .collect();
            json(&listed)?
        }
        Format::Text => {
            let width = all().map(|cell| cell.cell.to_string().len()).max().unwrap_or(0);
            all()
                .map(|cell| format!("{:width$}  {}\n", cell.cell.to_string(), expected_text(cell)))
                .collect()
        }
    };
    output::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn expected_text(cell: &Cell) -> String {
    match &cell.expected {
        Expected::ObserveOnly => "observe only".to_owned(),
        Expected::Behaviour(expected) => lvs_matrix_report::expectation(expected),
    }
}

/// A network card: its own address, and its Ethernet address.
fn card(nic: &Nic) -> String {
    format!("{} {}", nic.addresses.first().address, nic.mac)
}

/// A plan for people: hosts, command lines, steps.
pub(crate) fn plan_text(plan: &LabPlan) -> String {
    let mut text = format!("{}\n", plan.cell);
    let _ = writeln!(
        text,
        "  virtual service {} ({}), scheduler {}",
        plan.service(),
        plan.service().forwarding().flag(),
        plan.service().scheduler
    );
    for segment in &plan.segments {
        let _ = writeln!(
            text,
            "  {}: a bridge; a frame takes {} us to a host",
            segment.id,
            segment.delay.as_micros()
        );
    }
    for host in &plan.hosts {
        let cards: Vec<String> = host.nics.iter().map(card).collect();
        let _ = writeln!(text, "  {}: {}", host.node, cards.join(", "));
        for (key, value) in &host.sysctls {
            let _ = writeln!(text, "    sysctl -w {key}={}", value.replace('\t', " "));
        }
        for line in &host.ip {
            let _ = writeln!(text, "    ip {line}");
        }
        for argv in &host.commands {
            let _ = writeln!(text, "    {}", argv.join(" "));
        }
        match host.server() {
            None => {}
            Some(Server::MySql(MySql { server_id, .. })) => {
                let _ = writeln!(text, "    mysqld with server_id {server_id}");
            }
            Some(Server::Echo(Echo { protocol, .. })) => {
                let _ = writeln!(text, "    echo server ({protocol})");
            }
            Some(Server::Program(own)) => {
                let _ = writeln!(text, "    {}", own.program.argv.join(" "));
            }
        }
    }
    for wrong in &plan.misbuilt {
        let _ = writeln!(text, "  {}, built wrong: {}", wrong.node, wrong.how.as_str());
        for (key, value) in &wrong.sysctls {
            let _ = writeln!(text, "    sysctl -w {key}={value}");
        }
        for argv in &wrong.commands {
            let _ = writeln!(text, "    {}", argv.join(" "));
        }
    }
    for step in &plan.steps {
        let gap = step.after.map(|gap| format!("after {}: ", Human(gap)));
        let _ = writeln!(
            text,
            "  {:6}  {}{}",
            step.phase,
            gap.unwrap_or_default(),
            step.action
        );
        for (node, argv) in plan.command_lines(&step.action) {
            let place = node.map_or_else(|| "link".to_owned(), |node| node.to_string());
            let _ = writeln!(text, "            {place}# {}", argv.join(" "));
        }
    }
    let _ = writeln!(
        text,
        "  observe: patience {}, until {}",
        Human(plan.observe.patience),
        Human(plan.observe.until)
    );
    text
}

/// `plan`.
pub(crate) fn plan(arguments: &InspectArguments) -> Result<ExitCode, Failure> {
    let selected = scenarios::select(
        &arguments.files,
        &arguments.filter.expressions,
        &coordinates::named(&arguments.kernels),
    )?;
    let plans = plans(&selected);
    let text = match arguments.format {
        Format::Json => json(&plans)?,
        Format::Text => plans.iter().map(plan_text).collect::<Vec<_>>().join("\n"),
    };
    output::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The plans of the selected cells, in order.
pub(crate) fn plans(selected: &[Selected]) -> Vec<LabPlan> {
    let of_one = |selected: &Selected| -> Vec<LabPlan> {
        selected
            .cells
            .iter()
            .map(|cell| lvs_matrix_model::plan::plan(&selected.scenario, cell))
            .collect()
    };
    selected.iter().flat_map(of_one).collect()
}

fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::Software(error.to_string()))
}

//! The answer: a table of procedures and clients, the safest procedure as commands, and settings that help.

use super::settings::{Trial, who};
use super::timeline::unhurt;
use super::{Client, Feel, Harm, Procedure, Question};
use crate::service::Kind;
use lvs_matrix_explain::explain;
use lvs_matrix_model::verdict::JudgedCell;
use std::cmp::Reverse;
use std::fmt::Write as _;
use std::time::Duration;

/// What one client feels of one procedure.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Which procedure.
    pub procedure: Procedure,
    /// Which client.
    pub client: Client,
    /// The id of the cell that shows it.
    pub id: String,
    /// What it feels.
    pub feel: Feel,
    /// Why, by the rule of the kernel that explains it: the rule's name and its words.
    pub why: Option<(String, String)>,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was seen, by client and procedure.
    pub cells: Vec<Cell>,
    /// The procedures, the safest first.
    pub order: Vec<Procedure>,
    /// The scenario by which the safest one is run again; `None` if it hurts somebody.
    pub again: Option<String>,
}

/// A trial that helped: what was felt before, and after.
type Row<'a> = (&'a Trial, &'a Feel, &'a Feel);
/// A setting by its first trial, with all trials of it that helped.
type Setting<'a> = (&'a Trial, Vec<Row<'a>>);

/// Where the evidence is, for the lines that lead to it.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// This program, as it is called.
    pub program: &'a str,
    /// The folder of the run.
    pub run: &'a str,
    /// The folder of the run in which settings were tried.
    pub tried: &'a str,
    /// The file of [`Answer::again`].
    pub again: &'a str,
}

/// The answer from the judged cells of the scenarios.
///
/// # Errors
/// Why the scenario of the safest procedure would be refused: a mistake of this program.
pub fn answer(question: &Question, judged: &[JudgedCell]) -> Result<Answer, String> {
    let seen = judged.iter().filter_map(|cell| {
        let (client, procedure) = who(&cell.record.plan.cell)?;
        let feel = Feel::of(cell, client);
        let hurt = !feel.is_harmless() && feel.harm != Harm::Unknown;
        let why = hurt
            .then(|| explain(cell).paragraphs.into_iter().next())
            .flatten();
        Some(Cell {
            procedure,
            client,
            id: cell.record.plan.cell.to_string(),
            feel,
            why: why.map(|paragraph| (paragraph.rule.to_owned(), paragraph.text)),
        })
    });
    let mut answer = Answer {
        cells: seen.collect(),
        order: question.procedures(),
        again: None,
    };
    let worst = |procedure: &Procedure| answer.rank(question, *procedure);
    let mut order = answer.order.clone();
    order.sort_by_cached_key(worst);
    answer.order = order;
    if let Some(safest) = answer.safest() {
        let clients: Vec<(Client, bool)> = answer
            .of(safest)
            .map(|cell| (cell.client, cell.feel.harm == Harm::Reconnects))
            .collect();
        answer.again = Some(unhurt(question, safest, &clients)?);
    }
    Ok(answer)
}

impl Answer {
    fn of(&self, procedure: Procedure) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.procedure == procedure)
    }

    /// The order of procedures: who is hurt worst, how many are, how long they wait, how many have to connect
    /// anew, how long it takes.
    fn rank(
        &self,
        question: &Question,
        procedure: Procedure,
    ) -> (Harm, Reverse<usize>, usize, Duration, usize, Duration) {
        let cells: Vec<&Cell> = self.of(procedure).collect();
        let worst = cells.iter().map(|cell| match cell.feel.harm {
            // Nobody is hurt more by one connection anew than by none.
            Harm::None | Harm::Reconnects => Harm::None,
            harm @ (Harm::Fails | Harm::Loses | Harm::Waits | Harm::Unknown) => harm,
        });
        let harmless = cells.iter().filter(|cell| cell.feel.is_harmless()).count();
        let orphans = cells.iter().map(|cell| cell.feel.orphans).sum();
        let waits = cells
            .iter()
            .filter(|cell| cell.feel.harm == Harm::Waits)
            .map(|cell| cell.feel.worst)
            .sum();
        let anew = cells
            .iter()
            .filter(|cell| cell.feel.harm == Harm::Reconnects)
            .count();
        let time = procedure.moves(question).iter().map(|one| one.time()).sum();
        (
            // Nothing that is known is better than anything.
            worst.max().unwrap_or(Harm::Unknown),
            Reverse(harmless),
            orphans,
            waits,
            anew,
            time,
        )
    }

    /// The procedure that hurts nobody, if there is one.
    #[must_use]
    pub fn safest(&self) -> Option<Procedure> {
        let first = *self.order.first()?;
        let mut cells = self.of(first).peekable();
        (cells.peek().is_some() && cells.all(|cell| cell.feel.is_harmless())).then_some(first)
    }

    /// The answer as text. `tried` has what became of the trials of settings.
    #[must_use]
    pub fn text(&self, question: &Question, tried: &[(Trial, Feel)], evidence: &Evidence<'_>) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut out, question, tried, evidence);
        out
    }

    fn write(
        &self,
        out: &mut String,
        question: &Question,
        tried: &[(Trial, Feel)],
        evidence: &Evidence<'_>,
    ) -> std::fmt::Result {
        let (name, server) = &question.server;
        let listen = &question.lab.service.listen;
        writeln!(out, "# Taking {} out of {listen}\n", server.endpoint)?;
        self.write_table(out, question)?;
        writeln!(
            out,
            "\nok: answered within 5 s. reconnects: its connection was ended while it had nothing to ask, a \
             pool replaces it, and nothing is lost. Times: how long it waited, and for what. *: the server \
             keeps a session, with its locks, that the client has lost. ?: not known."
        )?;
        for client in question.clients_here() {
            writeln!(out, "- {client}: {}", client.in_words())?;
        }
        writeln!(
            out,
            "\nEach is a cell, CLIENT/PROCEDURE, where {} is {name}: `{} explain {}/{} --run {}`\n",
            server.endpoint,
            evidence.program,
            question
                .clients_here()
                .first()
                .map_or("idle", |client| client.as_str()),
            Procedure::Delete.as_str(),
            evidence.run
        )?;
        self.write_safest(out, question, evidence)?;
        self.write_causes(out, evidence)?;
        self.write_settings(out, tried, evidence)
    }

    fn write_table(&self, out: &mut String, question: &Question) -> std::fmt::Result {
        let clients = question.clients_here();
        let mut rows = vec![
            std::iter::once("procedure".to_owned())
                .chain(clients.iter().map(ToString::to_string))
                .collect::<Vec<String>>(),
        ];
        for procedure in &self.order {
            let cell = |client: &Client| {
                let cell = self.of(*procedure).find(|cell| cell.client == *client);
                cell.map_or_else(|| "?".to_owned(), |cell| cell.feel.to_string())
            };
            rows.push(
                std::iter::once(procedure.as_str().to_owned())
                    .chain(clients.iter().map(cell))
                    .collect(),
            );
        }
        let widths: Vec<usize> = (0..=clients.len())
            .map(|column| {
                rows.iter()
                    .filter_map(|row| row.get(column))
                    .map(String::len)
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for (number, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(text, width)| format!("{text:width$}"))
                .collect();
            writeln!(out, "| {} |", cells.join(" | "))?;
            if number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                writeln!(out, "| {} |", rule.join(" | "))?;
            }
        }
        Ok(())
    }

    fn write_safest(
        &self,
        out: &mut String,
        question: &Question,
        evidence: &Evidence<'_>,
    ) -> std::fmt::Result {
        let Some(first) = self.order.first() else {
            return Ok(());
        };
        if self.safest().is_some() {
            writeln!(out, "## The safest procedure: {}\n", first.as_str())?;
            let anew: Vec<&str> = self
                .of(*first)
                .filter(|cell| cell.feel.harm == Harm::Reconnects)
                .map(|cell| cell.client.as_str())
                .collect();
            let those = if anew.is_empty() {
                String::new()
            } else {
                format!(
                    " Those that had nothing to ask ({}) find their connection ended, and connect anew.",
                    anew.join(", ")
                )
            };
            writeln!(out, "Nobody waits, nothing is lost.{those}\n")?;
        } else {
            writeln!(
                out,
                "## No procedure hurts nobody; the least harm: {}\n",
                first.as_str()
            )?;
        }
        writeln!(out, "```sh")?;
        for line in first.commands(question) {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "```\n")?;
        if first.waits() {
            writeln!(
                out,
                "The wait is for work to end: make it longer than your longest statement and transaction."
            )?;
        }
        if let Some(kind @ (Kind::Keepalived | Kind::Ldirectord)) = question.lab.service.kept_by {
            writeln!(
                out,
                "{} keeps this table: what is typed is undone at its next reload or change of state. Take \
                 the server out of the file as well, before the deletion; to reload with the server \
                 removed is to delete it.",
                kind.as_str()
            )?;
        }
        if self.again.is_some() {
            writeln!(
                out,
                "Run it again: `{} run {}` (every client is answered).",
                evidence.program, evidence.again
            )?;
        }
        writeln!(out)
    }

    fn write_causes(&self, out: &mut String, evidence: &Evidence<'_>) -> std::fmt::Result {
        let mut causes: Vec<(&str, &str, Vec<&Cell>)> = Vec::new();
        for cell in &self.cells {
            let Some((rule, text)) = &cell.why else { continue };
            match causes.iter_mut().find(|(known, _, _)| known == rule) {
                Some((_, _, cells)) => cells.push(cell),
                None => causes.push((rule, text, vec![cell])),
            }
        }
        if causes.is_empty() {
            return Ok(());
        }
        causes.sort_by_key(|(_, _, cells)| Reverse(cells.len()));
        writeln!(out, "## Why the others hurt\n")?;
        for (rule, text, cells) in causes {
            let ids: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
            writeln!(out, "- {rule} ({}): {text}", ids.join(", "))?;
            if let Some(first) = ids.first() {
                writeln!(
                    out,
                    "  `{} explain {first} --run {}`",
                    evidence.program, evidence.run
                )?;
            }
        }
        writeln!(out)
    }

    fn write_settings(
        &self,
        out: &mut String,
        tried: &[(Trial, Feel)],
        evidence: &Evidence<'_>,
    ) -> std::fmt::Result {
        let mut settings: Vec<Setting<'_>> = Vec::new();
        for (trial, feel) in tried {
            let before = self
                .cells
                .iter()
                .find(|cell| cell.client == trial.client && cell.procedure == trial.procedure);
            let Some(before) = before.filter(|before| feel.is_better_than(&before.feel)) else {
                continue;
            };
            let row = (trial, &before.feel, feel);
            match settings.iter_mut().find(|(known, _)| known.kind == trial.kind) {
                Some((_, rows)) => rows.push(row),
                None => settings.push((trial, vec![row])),
            }
        }
        if settings.is_empty() {
            return Ok(());
        }
        let safe =
            |rows: &[(&Trial, &Feel, &Feel)]| rows.iter().filter(|(_, _, after)| after.is_harmless()).count();
        settings.sort_by_key(|(_, rows)| Reverse((safe(rows), rows.len())));
        writeln!(out, "## Settings that would help, each tried\n")?;
        for (first, rows) in settings {
            writeln!(out, "- {}: {}", first.kind, first.text)?;
            if let Some(command) = &first.command {
                writeln!(out, "  `{command}`")?;
            }
            // What becomes of a cell by it, with all cells of which it becomes that.
            let mut outcomes: Vec<(String, Vec<String>)> = Vec::new();
            for (trial, _, after) in &rows {
                let safe = if after.is_harmless() { ", safe" } else { "" };
                let cell = format!("{}/{} ({})", trial.client, trial.procedure.as_str(), trial.name);
                let outcome = format!("{after}{safe}");
                match outcomes.iter_mut().find(|(known, _)| *known == outcome) {
                    Some((_, cells)) => cells.push(cell),
                    None => outcomes.push((outcome, vec![cell])),
                }
            }
            for (outcome, cells) in outcomes {
                writeln!(out, "  - {outcome}: {}", cells.join(", "))?;
            }
            writeln!(
                out,
                "  `{} explain {} --run {}`",
                evidence.program, first.name, evidence.tried
            )?;
        }
        writeln!(out)
    }
}

//! What the probes of a cell lived through.

use crate::blocks::{Block, Cell, Row, Section, Table, foreign};
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing::{self, or_nothing};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::probe::{Asks, Probe};
use lvs_matrix_model::verdict::{JudgedCell, Outage, Probed};

/// So many outages of a probe are named, the longest ones.
const NAMED: usize = 5;

/// How many attempts of each probe got no answer, and when; `None` if the lab has no probes.
pub(crate) fn probes(words: Language, cell: &JudgedCell) -> Option<Section> {
    let plan = &cell.record.plan;
    let rows = cell.observed.probed.iter().filter_map(|probed| {
        let probe = plan.probes().find(|probe| probe.name == probed.probe)?;
        Some(row(words, probe, probed))
    });
    let rows: Vec<Row> = rows.collect();
    let columns = [
        (words.probe(), false),
        (words.probe_asks(), false),
        (words.probe_every(), false),
        (words.probe_attempts(), true),
        (words.probe_answered(), true),
        (words.probe_not_answered(), false),
        (words.probe_outages(), true),
        (words.probe_longest(), false),
        (words.probe_served_by(), false),
    ];
    let table = Table::new(words.probes_title(), "figures", columns, rows);
    (!table.rows.is_empty()).then(|| Section::new(words.probes_title(), vec![Block::Table(table)]))
}

fn row(words: Language, probe: &Probe, probed: &Probed) -> Row {
    let asks = match probe.asks {
        Asks::NewConnection => words.new_connection(),
        Asks::OpenConnection => words.open_connection(),
        Asks::Pool => words.pooled_connection(),
    };
    let mut longest: Vec<&Outage> = probed.outages.iter().collect();
    longest.sort_by_key(|outage| (std::cmp::Reverse(outage.lasted()), outage.from));
    let longest = longest.into_iter().take(NAMED).map(|outage| {
        let from = format!(
            "{:.3}s",
            std::time::Duration::from_nanos(outage.from.0.unsigned_abs()).as_secs_f64()
        );
        words.outage_span(from, Human(outage.lasted()), outage.lost, outage.attempts)
    });
    let served = probed.served_by.iter();
    let served = served.map(|(name, count)| words.of_kind(count, foreign(name.as_str())));
    let count = |count: u32| Cell::Count(usize::try_from(count).unwrap_or(usize::MAX));
    Row::of(vec![
        Cell::Head(foreign(probe.name.as_str())),
        Cell::Text(asks.to_owned()),
        Cell::Text(Human(probe.every).to_string()),
        count(probed.attempts),
        count(probed.answered),
        Cell::Text(or_nothing(phrasing::losses(words, &probed.lost))),
        Cell::Count(probed.outages.len()),
        Cell::Text(or_nothing(longest.collect::<Vec<_>>().join(words.listed()))),
        Cell::Text(or_nothing(served.collect::<Vec<_>>().join(words.listed()))),
    ])
}

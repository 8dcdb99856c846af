//! Which real servers the clients of many addresses reached.

use crate::blocks::{Block, Cell, Column, Row, Section, Table, foreign};
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::verdict::{JudgedCell, Reached, Spread};

/// How many clients reached which real server, each time that they connected; `None` if they did not.
pub(crate) fn spread(words: Language, cell: &JudgedCell) -> Option<Section> {
    let spread = cell.observed.spread.as_ref()?;
    let columns = spread.rounds.iter().map(|round| {
        let phase = phrasing::phase(words, &round.phase);
        Column::new(words.spread_at(round.step, phase), true)
    });
    let first = Column::from((words.server(), false));
    let servers = cell.record.plan.real_servers();
    let servers = servers.map(|(name, _)| (foreign(name.as_str()), Reached::Server(name.clone())));
    let others = [
        (words.with_an_error().to_owned(), Reached::Error),
        (words.with_silence().to_owned(), Reached::Silence),
    ];
    let seen = |reached: &Reached| spread.rounds.iter().any(|round| round.count(reached) > 0);
    let others = others.into_iter().filter(|(_, reached)| seen(reached));
    let rows = servers.chain(others).map(|(title, reached)| {
        let counts = spread
            .rounds
            .iter()
            .map(|round| Cell::Count(round.count(&reached)));
        Row::of([Cell::Head(title)].into_iter().chain(counts).collect())
    });
    let table = Table {
        name: words.spread_title().to_owned(),
        class: "figures",
        columns: [first].into_iter().chain(columns).collect(),
        rows: rows.collect(),
    };
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(moved(words, spread).map(Block::paragraph));
    Some(Section::new(words.spread_title(), blocks))
}

fn moved(words: Language, spread: &Spread) -> Option<String> {
    let total = spread.before()?.clients.len();
    Some(words.spread_moved(spread.moved(), spread.of_stayed().count(), total))
}

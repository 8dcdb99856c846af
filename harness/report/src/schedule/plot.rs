//! The gaps between sendings as a plot: doubling is a straight line there, and a cap a level one.

use super::Schedule;
use crate::svg::{Anchor, Px, SMALL, Svg, width_of};
use lvs_matrix_language::Language;
use lvs_matrix_model::duration::Human;
use std::time::Duration;

const LEFT: f64 = 66.0;
const TOP: f64 = 34.0;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const BOTTOM: f64 = 246.0;
/// A gap's place from 10 ms on, in pixels for each decade; times beyond are drawn at the edge.
const SHORTEST: f64 = 0.01;
/// Round gaps, in milliseconds.
const ROUND: [u64; 7] = [10, 100, 1_000, 10_000, 120_000, 1_000_000, 10_000_000];
/// Up to so many sendings are drawn.
const MOST: usize = 200;

/// The gaps of a schedule as SVG, to be put into a page with [`crate::svg_style`] or into a file with
/// [`crate::stand_alone`]: the cell's as dots on a line, the article's as squares on a broken line, over the
/// number of the sending.
#[must_use]
pub fn schedule_svg(words: Language, schedule: &Schedule) -> String {
    let rows = &schedule.rows[..schedule.rows.len().min(MOST)];
    let ours: Vec<(usize, Duration)> = rows
        .iter()
        .filter_map(|row| Some((row.number, row.sent?.gap?)))
        .collect();
    let article: Vec<(usize, Duration)> = rows
        .iter()
        .filter_map(|row| Some((row.number, row.article?.gap?)))
        .collect();
    let mut description = words.the_cell(list(words, &ours));
    if !article.is_empty() {
        description += &words.the_article(list(words, &article));
    }
    let longest = ours
        .iter()
        .chain(&article)
        .map(|(_, gap)| gap.as_secs_f64())
        .fold(120.0, f64::max);
    let plot = Plot {
        step: (WIDTH - LEFT - 30.0) / f64::from(u32::try_from(rows.len().max(2)).unwrap_or(u32::MAX)),
        decade: (BOTTOM - TOP - 8.0) / (longest / SHORTEST).log10(),
    };
    let mut svg = Svg::new(WIDTH, HEIGHT, words.gaps_between(), &description);
    svg.text(
        "lm-small",
        Anchor::Start,
        (8.0, 14.0),
        words.since_sending_before(),
    );
    for millis in ROUND {
        let gap = Duration::from_millis(millis);
        if gap.as_secs_f64() <= longest {
            let y = plot.y(gap);
            svg.line("lm-grid", (LEFT, y), (WIDTH - 16.0, y));
            svg.text(
                "lm-small",
                Anchor::End,
                (LEFT - 6.0, y + 3.5),
                &Human(gap).to_string(),
            );
        }
    }
    let every = rows.len().div_ceil(20).max(1);
    for row in rows
        .iter()
        .filter(|row| row.number >= 2 && row.number.is_multiple_of(every))
    {
        let at = (plot.x(row.number), BOTTOM + 14.0);
        svg.text("lm-small", Anchor::Middle, at, &row.number.to_string());
    }
    svg.text(
        "lm-small",
        Anchor::Middle,
        ((LEFT + WIDTH) / 2.0, BOTTOM + 28.0),
        words.sending(),
    );
    series(words, &mut svg, &plot, &article, "lm-article", |at| {
        let (x, y) = (Px(at.0 - 4.0), Px(at.1 - 4.0));
        format!("M{x} {y}h8v8h-8z")
    });
    series(words, &mut svg, &plot, &ours, "lm-ours", |at| {
        let (x, y) = (Px(at.0 - 3.5), Px(at.1));
        format!("M{x} {y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z")
    });
    legend(words, &mut svg, !article.is_empty());
    svg.finish()
}

struct Plot {
    step: f64,
    decade: f64,
}

impl Plot {
    fn x(&self, number: usize) -> f64 {
        // At most MOST sendings are drawn.
        LEFT + self.step * (f64::from(u32::try_from(number).unwrap_or(u32::MAX)) - 1.0)
    }

    fn y(&self, gap: Duration) -> f64 {
        BOTTOM - self.decade * (gap.as_secs_f64().max(SHORTEST) / SHORTEST).log10()
    }
}

fn series(
    words: Language,
    svg: &mut Svg,
    plot: &Plot,
    gaps: &[(usize, Duration)],
    class: &str,
    dot: impl Fn((f64, f64)) -> String,
) {
    let places = || gaps.iter().map(|(number, gap)| (plot.x(*number), plot.y(*gap)));
    let mut d = String::new();
    for (x, y) in places() {
        d.push_str(&format!(
            "{}{} {}",
            if d.is_empty() { 'M' } else { 'L' },
            Px(x),
            Px(y)
        ));
    }
    if d.is_empty() {
        return;
    }
    svg.path(class, &d);
    let dot_class = format!("{class}-dot");
    for (place, (number, gap)) in places().zip(gaps) {
        svg.group("lm-item", &words.sending_after(number, Human(*gap)));
        svg.path(&dot_class, &dot(place));
        svg.end_group();
    }
}

fn legend(words: Language, svg: &mut Svg, with_article: bool) {
    let y = HEIGHT - 10.0;
    svg.line("lm-ours", (LEFT, y), (LEFT + 24.0, y));
    svg.path(
        "lm-ours-dot",
        &format!(
            "M{} {}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
            Px(LEFT + 8.5),
            Px(y)
        ),
    );
    svg.text(
        "lm-small",
        Anchor::Start,
        (LEFT + 30.0, y + 3.5),
        words.this_cell(),
    );
    if with_article {
        let left = LEFT + 30.0 + width_of(words.this_cell(), SMALL) + 24.0;
        svg.line("lm-article", (left, y), (left + 24.0, y));
        svg.path(
            "lm-article-dot",
            &format!("M{} {}h8v8h-8z", Px(left + 8.0), Px(y - 4.0)),
        );
        let text = words.article_kernel();
        svg.text("lm-small", Anchor::Start, (left + 30.0, y + 3.5), text);
    }
}

fn list(words: Language, gaps: &[(usize, Duration)]) -> String {
    let texts: Vec<String> = gaps.iter().map(|(_, gap)| Human(*gap).to_string()).collect();
    texts.join(words.listed())
}

//! The one style of all drawings.

/// The style sheet of the drawings: a page that holds any of them has it once.
///
/// Colours are custom properties (`--lm-ink`, `--lm-hang`, …) on `:root`, for light and dark, at a
/// specificity of zero: a page that sets them on its own `:root` wins. Nothing is told by colour alone.
#[must_use]
pub fn style() -> &'static str {
    STYLE
}

/// A drawing with its style in it: what stands alone in a file.
#[must_use]
pub fn stand_alone(svg: &str) -> String {
    match svg.find('>') {
        Some(end) => format!("{}<style>{STYLE}</style>{}", &svg[..=end], &svg[end + 1..]),
        None => svg.to_owned(),
    }
}

const STYLE: &str = "\
:where(:root){--lm-paper:#fff;--lm-ink:#1f2328;--lm-muted:#59636e;--lm-faint:#d1d9e0;--lm-band:#eef2f6;\
--lm-packet:#0550ae;\
--lm-good:#1a7f37;--lm-bad:#9a6700;--lm-hang:#cf222e;--lm-change:#8250df}\
@media screen and \
(prefers-color-scheme:dark){:where(:root){--lm-paper:#0d1117;--lm-ink:#e6edf3;--lm-muted:#9aa4af;\
--lm-faint:#3d444d;--lm-band:#1b222b;--lm-packet:#79c0ff;--lm-good:#56d364;--lm-bad:#e3b341;\
--lm-hang:#ff7b72;\
--lm-change:#d2a8ff}}\
.lm{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\
.lm path{fill:none;stroke-width:1.5}\
.lm text{fill:var(--lm-ink);paint-order:stroke;stroke:var(--lm-paper);stroke-width:4px;stroke-linejoin:round}\
.lm .lm-paper{fill:var(--lm-paper)}.lm .lm-band{fill:var(--lm-band)}\
.lm text.lm-head{font-weight:700}\
.lm text.lm-muted,.lm text.lm-small{fill:var(--lm-muted)}.lm text.lm-small{font-size:10px}\
.lm .lm-lane{stroke:var(--lm-faint);stroke-width:2}.lm .lm-grid{stroke:var(--lm-faint);stroke-width:1}\
.lm path.lm-zero{stroke:var(--lm-muted);stroke-width:1}.lm \
path.lm-leader{stroke:var(--lm-muted);stroke-width:1}\
.lm .lm-phase{stroke:var(--lm-muted);stroke-width:1;stroke-dasharray:2 3}\
.lm .lm-packet path{stroke:var(--lm-packet)}.lm .lm-packet .lm-tip{fill:var(--lm-packet);stroke:none}\
.lm .lm-end path{stroke:var(--lm-bad)}.lm .lm-end .lm-tip{fill:var(--lm-bad);stroke:none}\
.lm .lm-lost path{stroke:var(--lm-hang)}.lm .lm-lost .lm-tip{fill:var(--lm-hang);stroke:none}\
.lm path.lm-cross{stroke:var(--lm-hang);stroke-width:2.5}.lm text.lm-lost{fill:var(--lm-hang)}\
.lm path.lm-gap{stroke:var(--lm-muted)}\
.lm .lm-fold{stroke-dasharray:4 3}\
.lm path.lm-change{fill:var(--lm-change);stroke:var(--lm-paper)}.lm text.lm-change{fill:var(--lm-change)}\
.lm path.lm-event{fill:var(--lm-paper);stroke:var(--lm-ink)}\
.lm path.lm-good{stroke:var(--lm-good);stroke-width:2}.lm text.lm-good{fill:var(--lm-good)}\
.lm path.lm-bad{stroke:var(--lm-bad);stroke-width:2}.lm text.lm-bad{fill:var(--lm-bad)}\
.lm path.lm-hang{stroke:var(--lm-hang);stroke-width:2}.lm text.lm-hang{fill:var(--lm-hang)}\
.lm path.lm-unknown{stroke:var(--lm-muted);stroke-width:2}\
.lm path.lm-wait{stroke:var(--lm-muted);stroke-width:6}\
.lm path.lm-wait-hang{stroke:var(--lm-hang);stroke-width:6;stroke-dasharray:5 3}\
.lm path.lm-step{stroke:var(--lm-change);stroke-dasharray:3 3}\
.lm rect.lm-served{fill:var(--lm-good);stroke:none}.lm rect.lm-outage{fill:var(--lm-hang);stroke:none}\
.lm path.lm-tick{stroke:var(--lm-ink);stroke-width:1.5}\
.lm path.lm-ours{stroke:var(--lm-packet)}.lm path.lm-ours-dot{fill:var(--lm-packet);stroke:none}\
.lm path.lm-article{stroke:var(--lm-change);stroke-dasharray:5 3}.lm \
path.lm-article-dot{fill:var(--lm-paper);stroke:var(--lm-change)}\
";

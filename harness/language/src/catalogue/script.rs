//! What the script of `report.html` says. What is in braces it fills in itself.

use super::Language;
use std::collections::BTreeMap;

crate::catalogue::words! {
    script_cell: "{count} cell" / "{count} 个单元";
    script_cells: "{count} cells" / "{count} 个单元";
    script_outcome: "{count} outcome" / "{count} 个结果";
    script_outcomes: "{count} outcomes" / "{count} 个结果";
    script_all_found: "{cells}." / "共 {cells}。";
    script_found: "{count} of {cells}." / "{cells}中的 {count} 个。";
    script_no_such_place: "This report has neither a cell nor a place “{place}”. Here are all cells."
        / "本报告中没有名为“{place}”的单元或位置。以下是全部单元。";
    script_show_all: "Show all" / "全部显示";
    script_rows: "Rows" / "行";
    script_columns: "Columns" / "列";
    script_none: "none" / "无";
    script_any: "any" / "任意";
    script_outcome_head: "outcome" / "结果";
    script_outcomes_of: "{scenario}: outcomes" / "{scenario}：结果";
    script_all_alike: "all {count} alike" / "{count} 个相同";
    script_in_each_box: "In each box: {axes}." / "每格内：{axes}。";
    script_violated: "✗ violated" / "✗ 不符合预期";
    script_undetermined: "? undetermined" / "？ 无法判定";
    script_untested: "∅ tested nothing" / "∅ 未检验变更";
    script_back: "← all cells" / "← 全部单元";
    script_previous: "previous" / "上一个";
    script_next: "next" / "下一个";
    script_cells_nav: "Cells" / "单元";
    script_changes: "{first} → {other} changes {count} of {outcomes}" / "{first} → {other} 改变 {outcomes}中的 \
        {count} 个";
    script_more: "and {count} more" / "另有 {count} 个";
    script_said: "{cell}: {text}" / "{cell}：{text}";
    script_auto: "Auto" / "自动";
    script_light: "Light" / "浅色";
    script_dark: "Dark" / "深色";
    script_theme: "Theme: {theme}" / "主题：{theme}";
}

impl Language {
    /// The script's texts by their names, as JSON. Names that are values of filters are those of the page's
    /// data.
    pub fn script(self) -> String {
        let texts = BTreeMap::from([
            ("cell", self.script_cell()),
            ("cells", self.script_cells()),
            ("outcome", self.script_outcome()),
            ("outcomes", self.script_outcomes()),
            ("all-found", self.script_all_found()),
            ("found", self.script_found()),
            ("no-such-place", self.script_no_such_place()),
            ("show-all", self.script_show_all()),
            ("rows", self.script_rows()),
            ("columns", self.script_columns()),
            ("none", self.script_none()),
            ("any", self.script_any()),
            ("outcome-head", self.script_outcome_head()),
            ("outcomes-of", self.script_outcomes_of()),
            ("all-alike", self.script_all_alike()),
            ("in-each-box", self.script_in_each_box()),
            ("note-violated", self.script_violated()),
            ("note-undetermined", self.script_undetermined()),
            ("note-untested", self.script_untested()),
            ("note-missing", self.no_record()),
            ("back", self.script_back()),
            ("previous", self.script_previous()),
            ("next", self.script_next()),
            ("cells-nav", self.script_cells_nav()),
            ("effects", self.what_axes_change()),
            ("changes", self.script_changes()),
            ("said", self.script_said()),
            ("more", self.script_more()),
            ("auto", self.script_auto()),
            ("light", self.script_light()),
            ("dark", self.script_dark()),
            ("theme", self.script_theme()),
            ("@kernel", self.kernel_axis()),
            ("@run", self.run_axis()),
            ("behaviour", self.behaviour()),
            ("verdict", self.verdict()),
            ("answered", self.answered()),
            ("failed-fast", self.failed_fast()),
            ("hung", self.hung()),
            ("undetermined", self.undetermined()),
            ("met", self.met()),
            ("violated", self.violated()),
            ("untested", self.tested_nothing()),
            ("observed", self.observed_only()),
            ("missing", self.no_record()),
        ]);
        // A map of texts is always JSON.
        serde_json::to_string(&texts).unwrap_or_default()
    }
}

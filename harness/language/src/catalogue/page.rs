//! What is in `report.html` only.

crate::catalogue::words! {
    skip: "Skip to the results" / "跳到结果";
    subtitle: "what clients live through" / "客户端会经历什么";
    search_cells: "Search cells" / "搜索单元";
    search_hint: "a value, an error, a step …" / "取值、错误、步骤……";
    theme: "Theme" / "主题";
    result: "Result" / "结果";
    ok_tile: "OK: client knows within patience" / "OK：忍耐时间内得知结果";
    ng_tile: "NG: client left waiting" / "NG：客户端一直等待";
    their_time_lines: "Their time lines" / "它们的时间线";
    sums_of_scenarios: "Sums of the scenarios" / "各场景合计";
    the_matrix: "The matrix" / "矩阵";
    darker: "The longer a hang lasted, the darker it is." / "等待越久，颜色越深。";
    time_lines_of_all: "Time lines of all cells" / "全部单元的时间线";
    as_a_table: "All cells as a table" / "全部单元列表";
    cells_of(scenario): "Cells of {scenario}" / "{scenario} 的单元";
    kernel_axis: "kernel" / "内核";
    on_kernel(kernel): " on {kernel}" / "（{kernel}）";
    kernels_side_by_side: "Kernels side by side" / "各内核对比";
    kernels_agree_in(kernels, agree, cells): "On {kernels}: in {agree} of {cells} all kernels agree."
        / "内核 {kernels}：{cells}中有 {agree} 个在各内核上一致。";
    kernels_unknown_in(cells): "Of {cells} it is not known whether they do." / "{cells}是否一致不得而知。";
    kernels_differ_in(cells): "In {cells} they differ:" / "{cells}有差异：";
    run_axis: "run" / "次";
    same_for_programs: "The same for programs:" / "供程序读取：";
    as_markdown: "as markdown:" / "Markdown 版：";
    what_axes_change: "What each axis changes while the others stay" / "其余不变时，各维度带来的变化";
    axis_changes(part, outcomes): "changes {part} of {outcomes}" / "改变 {outcomes}中的 {part} 个";
    and_more(count): "and {count} more" / "另有 {count} 个";
    axis_has_more(values): "has {values} more" / "另有 {values}";
}

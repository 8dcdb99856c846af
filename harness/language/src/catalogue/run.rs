//! The run: its sums, its sentence, what needs a look, and how to read the rest.

crate::catalogue::words! {
    title: "lvs-matrix: what clients live through" / "lvs-matrix：客户端会经历什么";
    what_was_found: "What was found" / "发现";
    how_clients_fared(cells, answered, failed, hung): "{cells}: {answered} answered, {failed} failed fast, \
        {hung} hung." / "{cells}：正常应答 {answered}，快速失败 {failed}，一直等待 {hung}。";
    cells_hung(cells): "{cells} hung" / "{cells}一直等待";
    cells_failed_fast(cells): "{cells} failed fast" / "{cells}快速失败";
    no_rule_says_why: "None of the rules that lvs-matrix knows says why." / "lvs-matrix 所知的规则都不能说明原因。";
    for_example(cell, what): "For example {cell}: {what}." / "例如 {cell}：{what}。";
    avoided_by(kinds): "What avoids it: {kinds}." / "如何避免：{kinds}。";
    more_causes(count): "and {count} more" / "另有 {count} 种";
    more_causes_in(count, file): "and {count} more, which {file} lists" / "另有 {count} 种，见 {file}";
    in_so_many(text, cells): "{text} ({cells})" / "{text}（{cells}）";
    advice_of_one_cell: "Each piece of advice with the number of cells in which it is given. Where cells \
        differ in names and addresses, those of most of them stand here."
        / "每条建议附有给出它的单元数。各单元的名称和地址不同时，此处取多数单元的。";
    what_needs_a_look: "What needs a look" / "需要关注";
    repetitions_disagree: "repetitions disagree" / "各次运行结果不一致";
    no_record: "no record" / "无记录";
    more_in_tables(count): "and {count} more: see the verdicts in the tables below" / "另有 {count} \
        个：见下方表格中的判定";
    expected_observed_evidence: "expected, observed, evidence" / "预期、实测、证据";
    where_left_waiting: "Where clients were left waiting (NG)" / "客户端一直等待之处（NG）";
    in_no_cell: "In no cell: every client had an answer or an error within patience."
        / "没有：每个客户端都在忍耐时间内得到了应答或错误。";
    in_no_tested_cell(cells): "In no cell that tested its change: there, every client had an answer or an \
        error within patience. {cells} tested nothing." / "在检验了变更的单元中没有：那里每个客户端都在忍耐时间内得到了应答或错误。{cells}未检验变更。";
    no_cell_tested: "Not known: no cell tested its change." / "不得而知：没有任何单元检验了变更。";
    more_with_ng(count): "and {count} more: the rows with NG in the tables below" / "另有 {count} \
        个：见下方表格中结果判断为 NG 的行";
    what_was_run: "What was run" / "运行内容";
    scenario: "scenario" / "场景";
    cells: "cells" / "单元";
    without_a_record: "without a record" / "无记录";
    all: "all" / "合计";
    part_of(part, all): "{part} of {all}" / "{part} / {all}";
    only_selected(filter): "Only cells that match {filter} were selected." / "仅选择了符合 {filter} 的单元。";
    only_part(part, merge): "This is a part of a run: {part}. {merge} puts the parts together." / "这是一次运行的\
        一部分：{part}。{merge} 可将各部分合并。";
    counted(count, what): ", {count} {what}" / "，{what} {count}";
    runs_of(runs, cells): "{runs} of {cells}" / "{cells}的 {runs}";
    sums_met(cells, count): "{cells}: {count} met" / "{cells}：符合预期 {count}";
    disagree_in(cells): "; repetitions disagree in {cells}" / "；其中 {cells}各次运行结果不一致";
    kernel_under_test: "kernel under test" / "被测内核";
    place: "place" / "运行位置";
    real_servers: "real servers" / "真实服务器";
    director: "director" / "调度器";
    harness: "harness" / "测试程序";
    keyed(key, value): "{key}: {value}" / "{key}：{value}";
    heads(cells): "{cells}:" / "{cells}：";
    command_line: "command line" / "命令行";
    began: "began" / "开始时间";
    run_took: "took" / "用时";
    where_it_ran: "Where it ran" / "运行环境";
    cut_off(size, what): "Cut off at {size} KiB: {what} are left out." / "在 {size} KiB 处截断：省略了{what}。";
    everything_is_in(file): "{file} has everything." / "{file} 内容完整。";
    of_the_folder(file): "{file} in the run's folder" / "运行文件夹中的 {file}";
    lines_of_tables(part, all): "{part} of {all} lines of the tables" / "表格 {all} 行中的 {part} 行";
    details: "details" / "细节";
    and_with: " and " / "和";

    no_cell_selected: "No cell was selected, so nothing is known." / "没有选择任何单元，因此一无所知。";
    repetitions_of_disagree(cells): "Repetitions of {cells} disagree: what was seen there need not be seen \
        again."
        / "{cells}的各次运行结果不一致：其中所见未必会再现。";
    is_not_as_expected(part, all, rest): "{part} of {all} is not as expected{rest}." / "{all}中有 {part} \
        个不符合预期{rest}。";
    are_not_as_expected(part, all, rest): "{part} of {all} are not as expected{rest}." / "{all}中有 {part} \
        个不符合预期{rest}。";
    and_unknown(count): " and of {count} nothing certain is known" / "，另有 {count} 个无法判定";
    nothing_violated(part, all): "Nothing is violated, but of {part} of {all} nothing certain is known."
        / "没有不符合预期的，但 {all}中有 {part} 个无法判定。";
    tested_nothing_of(part, all): "{part} of {all} tested nothing: the change had no part in what was judged."
        / "{all}中有 {part} 个未检验变更：变更与判定对象无关。";
    tested_nothing_all(all): "All {all} tested nothing: the change had no part in what was judged."
        / "全部 {all}都未检验变更：变更与判定对象无关。";
    one_tested_nothing: "The one cell tested nothing: the change had no part in what was judged."
        / "唯一的单元未检验变更：变更与判定对象无关。";
    others_as_expected: " The others are as expected." / "其余符合预期。";
    nothing_was_expected(all): "Nothing was expected: {all} observed." / "没有预期：观察了 {all}。";
    expected_ones_are(part, all): "Every cell of which something is expected is as expected ({part} of \
        {all}); the others are observed only."
        / "凡有预期的单元都符合预期（{all}中的 {part} 个），其余仅观察。";
    one_is_as_expected: "The one cell is as expected." / "唯一的单元符合预期。";
    all_are_as_expected(all): "All {all} are as expected." / "全部 {all}符合预期。";
    each_was_run(times): " Each was run {times} times." / "每个单元运行了 {times} 次。";
    was_killed: " The run did not come to its end: lvs-matrix was killed." / "运行没有完成：lvs-matrix 被终止。";
    was_interrupted(reason): " The run was interrupted: {reason}." / "运行被中断：{reason}。";
}

//! Behaviours, verdicts, errors and expectations.

crate::catalogue::words! {
    answered: "answered" / "正常应答";
    failed_fast: "failed-fast" / "快速失败";
    hung: "hung" / "一直等待";
    undetermined: "undetermined" / "无法判定";
    hung_and(name, end): "{name}, {end}" / "{name}，{end}";
    then_answer: "then answer" / "随后得到应答";
    then_error: "then error" / "随后报错";
    no_end_seen: "no end seen" / "未见结束";

    met: "met" / "符合预期";
    observed_only: "observed only" / "仅观察";
    violated: "violated" / "不符合预期";
    tested_nothing: "tested nothing" / "未检验变更";
    what_to_do: "what to do" / "处理办法";
    as_a_control: "control" / "对照";
    nothing_is_changed: "nothing is changed in this cell: the others are compared with it"
        / "该单元不作任何变更，供其余单元比较";
    says_nothing_of_the_change(why): "This cell tested nothing, and says nothing about its change: {why}."
        / "该单元未检验变更，不说明变更的任何影响：{why}。";
    to_test_it(what): "What to do: {what}." / "处理办法：{what}。";
    left_alone: "left alone" / "不受影响";
    met_nothing(step, action): "the rule of step {step} ({action}) met no packet"
        / "步骤 {step} 的规则（{action}）没有遇到任何数据包";
    let_it_match: "let the rule look at something that is sent there; the packets as they come to that host \
        are in the cell's capture. Or name the server in the expectation, if the rule is to leave the client \
        alone"
        / "让规则匹配发到那里的数据包，到达该主机的数据包见该单元的抓包；如果规则本就不应影响客户端，请在预期中写明服务器";
    no_change(step, action): "the change left everything as it was: step {step} ({action}) set what was so \
        already"
        / "变更没有改变任何东西：步骤 {step}（{action}）所设的本来就是如此";
    set_something_else: "let the step set another value; to have a cell with which the others are compared, \
        leave the step out"
        / "请让该步骤设置另一个值；若需要供其余单元比较的单元，请省去该步骤";
    change_elsewhere(changed, served): "the change was made to {changed}, and {served} served the connection \
        that was judged"
        / "变更针对 {changed}，而被判定的连接由 {served} 提供服务";
    over_before(ended, step, action, began): "the operation was over {ended}, before the change: step {step} \
        ({action}) began {began}"
        / "操作在 {ended} 已结束，早于变更：步骤 {step}（{action}）在 {began} 才开始";
    ended_before(ended, packet, step, action, began): "the connection had been ended {ended} (packet \
        {packet}), before the change: step {step} ({action}) began {began}"
        / "连接在 {ended} 已终止（数据包 {packet}），早于变更：步骤 {step}（{action}）在 {began} 才开始";
    name_the_server(step, item): "to have the connection on the server that is changed, write {step}; if it \
        is meant to be left alone, write {item} into the expectation"
        / "要让连接位于被变更的服务器，请写 {step}；若本意是不受影响，请在预期中写 {item}";
    let_it_last: "let the operation last until the change, or let it begin after the change; see why it was \
        over so soon"
        / "请让操作持续到变更之时，或在变更之后开始；并查明它为何结束得这么早";
    open_it_later: "open the connection shortly before the change, or see why it was ended so soon"
        / "请在变更前不久再建立连接，或查明它为何过早终止";

    server_error(code): "server error {code}" / "服务器错误 {code}";
    end_of_file: "end of file" / "连接被对方关闭";
    error_of_the_driver: "error of the driver" / "驱动程序错误";
    system_call_failed: "a system call failed" / "系统调用失败";
    server_closed: "the server closed the connection" / "服务器关闭了连接";
    server_error_with_state(code, state): "server error {code}, SQLSTATE {state}" / "服务器错误 {code}，SQLSTATE \
        {state}";
    error_of_the_program(code, rest): "the program's error {code}{rest}" / "客户端程序的错误 {code}{rest}";
    sql_state(state): ", SQLSTATE {state}" / "，SQLSTATE {state}";
    and_errno(errno): ", {errno}" / "，{errno}";
    own_time_out(code): "the program's own time-out, its error {code}" / "客户端程序自身的超时，其错误 {code}";
    own_time_out_without_code: "the program's own time-out" / "客户端程序自身的超时";
    driver_failed: "the driver failed" / "驱动程序失败";
    meaning_2002: "can't connect to server" / "无法连接到服务器";
    meaning_2003: "can't connect to MySQL server" / "无法连接到 MySQL 服务器";
    meaning_2006: "MySQL server has gone away" / "MySQL 服务器已断开";
    meaning_2013: "lost connection to MySQL server during query" / "查询期间失去与 MySQL 服务器的连接";

    by(kind, sender): "{kind} by {sender}" / "{sender} 发出的 {kind}";
    stranger: "a host that is not of the lab" / "不属于实验环境的主机";
    of_bytes(what, bytes): "{what} of {bytes}" / "{what}，每次 {bytes}";

    nothing_expected: "nothing (observe only)" / "无（仅观察）";
    with_error(code): ", error {code}" / "，错误 {code}";
    at_least(time): ", at least {time}" / "，至少 {time}";
    at_most(time): ", at most {time}" / "，至多 {time}";
    over(time): "over {time}" / "超过 {time}";
    lasting(length): " for {length}" / "，持续{length}";
    after(length): " after {length}" / "，历时 {length}";
    and_also(what): ", {what}" / "，{what}";
    listed: ", " / "、";
    after_sentence: " " / "";
    clauses: "; " / "；";

    tried_in_turn(tries): "tried in turn: {tries}" / "依次尝试：{tries}";
    others: "others" / "其他连接";
    and_then: ", then " / "，然后";
    one_try(what, server, port, end): "{what}{server} from port {port}, {end}" / "{what}{server}（端口 \
        {port}），{end}";
    on_server(server): " on {server}" / "（{server}）";
    a_connect: "connect" / "新建连接";
    the_statement: "the statement" / "语句";
    try_answered_after(time): "answered after {time}" / "{time} 后得到应答";
    server_error_after(code, time): "server error {code} after {time}" / "{time} 后得到服务器错误 {code}";
    ended_after(kind, time): "ended by a {kind} after {time}" / "{time} 后被 {kind} 终止";
    had_ended_before(kind): "on a connection that a {kind} had ended before" / "该连接此前已被 {kind} 终止";
    no_answer_for(time): "no answer for {time}" / "{time} 内没有应答";
    cannot_be_read: "which cannot be read" / "其内容无法读取";
    in_parts(longest): "it came in parts, never more than {longest} apart" / "应答分段到达，相隔最长 {longest}";

    expected: "expected" / "预期";
    observed: "observed" / "实测";
    difference: "difference" / "差异";
    reason: "reason" / "原因";
    evidence: "evidence" / "证据";

    before_change: "before the change" / "变更前";
    after_change: "after the change" / "变更后";
    edited_by(program): "when {program} had edited it" / "{program} 修改之后";
    at_the_end: "at the end" / "结束时";
    place_guest: "guest kernel (User-mode Linux), virtual clock" / "客户机内核（User-mode Linux），虚拟时钟";
    place_qemu: "stock kernel in QEMU, virtual clock" / "QEMU 中的原版内核，虚拟时钟";
    place_host: "the host's kernel, real clock" / "主机内核，真实时钟";

    shown_by(what, citations): "{what} ({citations})" / "{what}（{citations}）";
    event: "event" / "事件";
    packet: "packet" / "数据包";
    snapshot: "snapshot" / "快照";
    step: "step" / "步骤";
    server: "server" / "服务器";
    numbered(kind, number): "{kind} {number}" / "{kind} {number}";
    several_numbered(kind, numbers): "{kind}s {numbers}" / "{kind} {numbers}";
    last_of(rest, last): "{rest} and {last}" / "{rest} 和 {last}";
    many_numbered(first, last, count): "{first} … {last} ({count} in all)" / "{first} … {last}（共 {count} 个）";
    in_all(count): "({count} in all)" / "（共 {count} 个）";

    as_expected: ": as expected" / "：符合预期";
    not_as_expected: ": not as expected" / "：不符合预期";
    but_tested_nothing: ": tested nothing" / "：未检验变更";
    served_by_one_of(servers): ", served by {servers}" / "，由 {servers} 提供服务";
    clients_moved(count): ", clients moved: {count}" / "，移走的客户端：{count}";
    clients_failed(count): ", clients failed: {count}" / "，出错的客户端：{count}";
    clients_on(server, count): ", clients on {server}: {count}" / "，在 {server} 上的客户端：{count}";
    fared_worse(what, behaviour): "before, {what}: {behaviour}" / "此前的 {what}：{behaviour}";
    outage_expected(of): ", outage {of}" / "，{of}中断";
    of_the_probe(name): "of the probe {name}" / "探测 {name} 的";
    of_each_probe: "of each probe" / "每个探测的";
    outage_at_least(time): " at least {time}" / "至少 {time}";
    outage_at_most(time): " at most {time}" / "至多 {time}";
    outage_lost(count): ", lost at most {count}" / "，至多失败 {count} 次";
    probe_lost(name, lost, of): "probe {name}: {lost} of {of} lost" / "探测 {name}：{of} 次中失败 {lost} 次";
    probe_waiting(count): ", {count} still waiting at the end" / "，结束时 {count} 次仍在等待";
    outage_of(time): ", outage {time}" / "，中断 {time}";
    outage_to_the_end(time): ", outage {time} to the end" / "，中断 {time}，直到结束";
    or_server: " or " / " 或 ";
    and_server: " and " / " 和 ";
    spanned(first, last): "{first} to {last}" / "{first} 至 {last}";
    run_numbered(number): " (run {number})" / "（第 {number} 次运行）";
    run_came_to(numbers, outcome): "run {numbers}: {outcome}" / "第 {numbers} 次运行：{outcome}";
    runs_came_to(numbers, outcome): "runs {numbers}: {outcome}" / "第 {numbers} 次运行：{outcome}";
}

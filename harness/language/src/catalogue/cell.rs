//! The page of a cell: headings, its story, its judgement and its tables.

crate::catalogue::words! {
    all_cells: "all cells" / "全部单元";
    record: "record" / "记录";
    capture: "capture" / "抓包";
    log_of(server): "log of {server}" / "{server} 的日志";
    reproduces(source): "Reproduces: {source}." / "重现：{source}。";
    watched(patience, until): "Patience {patience}; each cell is watched for up to {until} from the \
        beginning of its act phase."
        / "忍耐时间 {patience}；每个单元从操作阶段开始最多观察 {until}。";
    message_of_client: "the client's message" / "客户端的信息";
    left_behind: "left behind" / "遗留";
    judgement: "Judgement" / "判定";
    evidence_title: "Evidence" / "证据";
    times_from(epoch): "Times are from {epoch}." / "时间从{epoch}算起。";
    last_lines_of_log: "Last lines of the log" / "日志的最后几行";
    the_lab_failed: "The lab failed" / "实验环境失败";
    between_hosts: "Between the hosts" / "主机之间";

    nothing_known: "What a client lives through here is not known; this says nothing about IPVS."
        / "此处客户端会经历什么尚不清楚；这并不说明 IPVS 的任何问题。";
    lab_failed(stage, reason): "The lab failed ({stage}): {reason}." / "实验环境失败（{stage}）：{reason}。";
    cell_not_run(reason): "The cell was not run: {reason}." / "该单元没有运行：{reason}。";
    nothing_changed: "Nothing was changed." / "没有变更。";
    the_change(what): "The change: {what}." / "变更：{what}。";
    later(after, what): "after {after}, {what}" / "{after} 后，{what}";
    in_act_phase(what): "In the act phase: {what}." / "操作阶段：{what}。";
    the_client: "The client" / "客户端";
    the_clients(operation, server): "The client's {operation}{server}" / "客户端{operation}{server}";
    reaching(server): ", reaching {server}," / "（到达 {server}）";
    reaching_in_turn(tried, server): ", reaching {tried} first and then {server}," / "（先到达 {tried}，后到达 \
        {server}）";
    on_connection_with(server): ", on its connection with {server}," / "（在与 {server} 的连接上）";
    was_answered(subject, time): "{subject} was answered after {time}." / "{subject}在 {time} 后得到应答。";
    failed_after(subject, time, error): "{subject} failed after {time}{error}." / "{subject}在 {time} \
        后失败{error}。";
    how_not_known(subject, reasons): "How it went is not known. {subject}: {reasons}."
        / "结果不明。{subject}：{reasons}。";
    met_silence(subject, time): "{subject} met silence for {time}" / "{subject}遭遇了 {time} 的沉默";
    in_brackets(what): " ({what})" / "（{what}）";
    nothing_sent_again: "nothing was sent again" / "没有重发任何数据";
    then_succeeded: " and then succeeded after all" / "，之后终于成功";
    then_failed(error): " and then failed{error}" / "，之后失败{error}";
    still_waiting_at_end: " and was still waiting when the observation ended" / "，观察结束时仍在等待";
    watched_at_most(limit): " (this run watches a cell for at most {limit})" / "（本次运行对每个单元最多观察 {limit}）";
    after_it_began(length): ", {length} after it began" / "，距开始 {length}";
    stop: "." / "。";
    with_code(code, meaning): " with {code}{meaning}" / "，{code}{meaning}";
    quoted(meaning): ", “{meaning}”" / "，“{meaning}”";
    at_packet(what, number): "{what} (packet {number})" / "{what}（数据包 {number}）";
    at_packets(what, first, last): "{what} (packets {first} to {last})" / "{what}（数据包 {first} 至 {last}）";
    rows_left_out(count): "{count} more" / "另有 {count} 次";
    what_reached(what): "What reached the client for its connection: {what}." / "就其连接到达客户端的有：{what}。";

    sent_again_title: "Sent again" / "重传";
    by_the_client(what): "By the client: {what}." / "客户端：{what}。";
    beside_article: "Beside it, the trace that the article (https://developer.aliyun.com/article/463968) \
        prints (minutes:seconds of its tcpdump; an older kernel, which had no tail-loss probe): compare the \
        shapes, not the constants."
        / "并列的是文章（阿里云开发者社区第 463968 号）所载的抓包（其 tcpdump 的分：秒；内核较旧，没有尾部丢失探测）：请比较形状，而非常数。";
    article_printed: "article: printed" / "文章所载";
    at: "at" / "时刻";
    gap: "gap" / "间隔";
    sent: "sent" / "发送";
    first_sent: "first sent" / "首次发送";
    again_times(number): "again {number}" / "第 {number} 次重发";
    plot_of_gaps: "Plot of the gaps" / "间隔图";

    directors_tables: "The director's tables" / "调度器上的表";
    snapshot_of(node, number, moment, at): "Snapshot {number} of {node}, {moment}, at {at}:"
        / "{node} 的快照 {number}，{moment}，{at}：";
    snapshot_at(number, moment, at): "Snapshot {number}, {moment}, at {at}:" / "快照 {number}，{moment}，{at}：";
    snapshot_figure(number, at): "snapshot {number}, {at}" / "快照 {number}，{at}";
    spread_title: "Where the clients went" / "客户端的去向";
    spread_at(step, phase): "step {step} ({phase})" / "步骤 {step}（{phase}）";
    with_an_error: "an error" / "出错";
    with_silence: "silence" / "沉默";
    spread_moved(moved, of, total):
        "Of {total} clients, {of} had a real server that has stayed. {moved} of these reached another one."
        / "{total} 个客户端中，{of} 个原来的真实服务器仍在。其中 {moved} 个到了别的服务器。";
    probes_title: "What the probes lived through" / "探测的经历";
    probe: "probe" / "探测";
    probe_asks: "asks on" / "方式";
    probe_every: "every" / "间隔";
    probe_attempts: "attempts" / "次数";
    probe_answered: "answered" / "应答";
    probe_not_answered: "without an answer" / "无应答";
    probe_outages: "outages" / "中断";
    probe_longest: "the longest" / "最长";
    probe_served_by: "answered by" / "应答者";
    outage_span(from, lasted, lost, of): "{lasted} from {from} ({lost} of {of})"
        / "从 {from} 起 {lasted}（{of} 中 {lost}）";
    of_kind(count, kind): "{count} {kind}" / "{kind} {count}";
    loss_refused: "refused" / "被拒绝";
    loss_no_host: "without a host to go to" / "找不到主机";
    loss_cut: "cut off" / "被切断";
    loss_server_error: "answered with an error" / "以错误应答";
    loss_silence: "met with silence" / "没有回音";
    new_connection: "a new connection" / "新连接";
    open_connection: "an open connection" / "已打开的连接";
    pooled_connection: "a pool" / "连接池";
    servers_at_end: "The real servers at the end" / "结束时的真实服务器";
    mysqld_runs: "mysqld runs" / "mysqld 正在运行";
    mysqld_frozen: "mysqld is frozen (SIGSTOP)" / "mysqld 已冻结（SIGSTOP）";
    mysqld_ended(status): "mysqld has ended ({status})" / "mysqld 已结束（{status}）";
    server_is(server, id, mysqld): "{server} (server_id {id}): {mysqld}." / "{server}（server_id \
        {id}）：{mysqld}。";
    server_id_and(id, mysqld): "server_id {id}; {mysqld}." / "server_id {id}；{mysqld}。";
    no_socket: "No TCP socket of the client in its kernel." / "其内核中没有客户端的 TCP 套接字。";
    sockets(command): "TCP sockets of the client in its kernel ({command}):" / "其内核中客户端的 TCP 套接字（{command}）：";
    not_asked: "Its process list could not be asked." / "无法查询其进程列表。";
    lent(cells): "This server ran already. {cells} earlier cell(s) of the same guest had it. It was then \
        shown to be as new."
        / "该服务器此前已在运行：同一客户机中先前的 {cells} 个单元使用过它，之后已证实它与新的无异。";
    no_session: "No session of the client in its process list." / "其进程列表中没有客户端的会话。";
    sessions(count): "{count} of the client in its process list:" / "其进程列表中有客户端的 {count}：";
    sessions_on(server): "Sessions on {server}" / "{server} 上的会话";
    session_id: "id" / "编号";
    session_host: "host" / "主机";
    session_command: "command" / "命令";
    session_seconds: "seconds" / "秒";
    session_statement: "statement" / "语句";
    for_the_client: "for the client" / "对客户端";
    lost: "lost" / "已失去";
    lost_by_client: "lost by the client" / "客户端已失去";

    command_lines: "Command lines" / "命令行";
    of_the_steps: "Of the steps:" / "各步骤：";
    step_of_phase(number, phase, action): "step {number}, {phase}: {action}" / "步骤 {number}，{phase}：{action}";
    exit_code(code): "exit {code}" / "退出码 {code}";
    ended_by_signal: "ended by a signal" / "被信号终止";
    preparation_by_node: "The preparation of the lab, by node" / "实验环境的准备，按节点";
    where_run(node): "on {node}" / "在 {node} 上";
    on_node(node): "On {node}" / "{node} 上";
    link_between: "the link between the hosts" / "主机之间的链路";
    made_by(link): "The lab was made by the command lines of {link}." / "实验环境由{link}的命令行建立。";
    preparation_numbered(number): "preparation {number}" / "准备 {number}";
    prepared(cells, number): "Command lines that prepared {cells} (preparation {number})" / "准备 \
        {cells}的命令行（准备 {number}）";

    client_program: "The client program" / "客户端程序";
    program: "program" / "程序";
    version: "version" / "版本";
    setting(name): "setting {name}" / "设置 {name}";
    setting_doubted(doubt): "not shown to be in force: {doubt}" / "未能证明已生效：{doubt}";
    setting_unknown: "not shown to be in force" / "未能证明已生效";
    misconduct: "misconduct" / "不当行为";
    the_program(what): "the program {what}" / "程序 {what}";
    showed(command): "What {command} showed:" / "{command} 的显示：";
    more_printed: "(more was printed than is kept)" / "（显示的内容多于所保留的）";

    traces: "Traces" / "抓包记录";
    traces_are(epoch): "Number in the capture, time from {epoch}, sender by its Ethernet address." / "格式同 \
        tcpdump：抓包中的编号、从{epoch}算起的时间、由以太网地址得知的发送者。";
    trace_of(node, interface, packets): "Trace of {node}, {interface} ({packets})" / "{node} \
        的抓包，{interface}（{packets}）";
    capture_failed(failure): "The capture failed: {failure}" / "抓包失败：{failure}";
    frames_dropped(count): "Frames of it that the kernel dropped: {count}." / "内核丢掉了其中 {count} 帧。";
    nothing_passed: "Nothing passed this interface." / "没有数据包经过此接口。";
    folded_in_trace: "folded in the trace" / "在抓包记录中已折叠";

    files: "Files" / "文件";
    file_for(file, what): "{file}, {what}" / "{file}，{what}";
    for_wireshark: "for Wireshark" / "可用 Wireshark 打开";
    all_that_was_seen: "all that was seen" / "所见的全部";
    no_record_because(reason): "No record: {reason}" / "无记录：{reason}";

    why: "Why" / "为什么";
    rule_of_kernels(rule, lines, commit): "{rule} True of Linux {lines} (commit {commit})."
        / "{rule}适用于 Linux {lines}（提交 {commit}）。";
    rule_applied(rule, sources): "Rule {rule}: {sources}." / "规则 {rule}：{sources}。";
    source(function, file): "{function} in {file}" / "{file} 中的 {function}";
    what_avoids_it: "What avoids it" / "如何避免";
    not_tried(reason): "(Cannot be tried here: {reason}.)" / "（此处无法试验：{reason}。）";
    how_it_is_tried: "The lines below a piece of advice are what it changes in the cell's scenario; \
        `explain` with `--try` and the number \
        prints the whole scenario."
        / "每条建议下面的几行是它对该单元场景的改动；`explain` 加上 `--try` 和编号会输出整个场景。";
    unexplained(questions): "None of the rules that lvs-matrix knows says {questions}. It does not guess; \
        what is known is the evidence below." / "lvs-matrix 已知的规则都不能说明{questions}。它不作猜测；已知的是下面的证据。";
    why_answered: "why the client was answered" / "客户端为什么得到应答";
    why_an_error: "why the client got its error" / "客户端为什么得到错误";
    why_silence: "why nothing reached the client" / "为什么没有任何数据到达客户端";
    why_answered_in_the_end: "why it was answered in the end" / "它最终为什么得到应答";
    why_an_error_in_the_end: "why it got its error in the end" / "它最终为什么得到错误";
    plain_heading(cell, observed): "{cell}: {observed}." / "{cell}：{observed}。";
    unexplained_but(questions): "None of the rules that lvs-matrix knows says {questions}. It does not \
        guess; what is known is:"
        / "lvs-matrix 已知的规则都不能说明{questions}。它不作猜测；已知的是：";
    nothing_to_explain_because: "What the client lived through is not known, so there is nothing to explain. \
        The reasons:"
        / "客户端经历了什么尚不清楚，因此没有可解释的。原因：";
    shown_all_the_same: "What the record shows all the same:" / "记录仍然显示：";
    nor: ", nor " / "，也不能说明";
    nothing_to_explain: "What the client lived through is not known, so there is nothing to explain."
        / "客户端经历了什么尚不清楚，因此没有可解释的。";
}

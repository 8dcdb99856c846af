//! What is written in drawings.

crate::catalogue::words! {
    clients_time: "The client's time" / "客户端的时间";
    what_passed: "What passed the links" / "链路上的数据包";
    time_lines_of(cells): "Time lines of {cells}" / "{cells}的时间线";
    time_line_of(cell): "Time line of {cell}" / "{cell} 的时间线";
    since_operation: "time since the operation began, logarithmic" / "自操作开始的时间，对数刻度";
    since_client_began(what): "time since the client began {what}, logarithmic" / "自客户端开始 {what} 的时间，对数刻度";
    since_act_phase: "time since the act phase began, logarithmic" / "自操作阶段开始的时间，对数刻度";
    not_drawn(cells): "{cells} more, which did not hang, not drawn" / "另有 {cells}没有一直等待，未画出";
    sum_of(count, what): "{count} {what}" / "{what} {count}";

    sign_step: "step" / "步骤";
    sign_waits: "the client waits" / "客户端等待";
    sign_hangs: "it hangs" / "一直等待";
    sign_patience: "within patience" / "忍耐时间内";
    sign_again: "sent again" / "重发";
    sign_answered: "answered" / "应答";
    sign_error: "error" / "错误";
    since_cell_began: "time since the cell began, linear; red: attempts of probes without an answer"
        / "自单元开始的时间，线性刻度；红色：探测的尝试没有得到应答";
    track_probe(name): "probe {name}" / "探测 {name}";
    sign_waiting: "still waiting" / "仍在等待";

    track_steps: "steps" / "步骤";
    track_snapshots: "snapshots" / "快照";
    track_client: "client" / "客户端";
    track_again: "sent again" / "重发";
    track_reached: "reached client" / "到达客户端";
    not_named(count): "{count} not named" / "{count} 个未标名";
    nth_at(number, after): "{number}. at {after}" / "第 {number} 次，{after}";
    connect: "connect" / "连接";
    on_connection(what, name): "{what} (connection {name})" / "{what}（连接 {name}）";
    connected: "connected" / "已连接";
    request(line): "request {line}" / "请求 {line}";
    query(sql): "query {sql}" / "执行 {sql}";
    reading_paused(rows): "stops reading after {rows}" / "读取 {rows} 后停止";
    disconnect: "disconnect" / "断开连接";
    disconnected: "disconnected" / "已断开";
    connect_anew: "connect anew" / "重新连接";
    connected_again: "connected again" / "已重新连接";
    connected_within(after): "connected after {after}" / "{after} 后连接成功";
    connected_after(after, id): "connected after {after}, connection id {id}" / "{after} 后连接成功，连接号 {id}";
    answered_after(after, rows): "answered after {after}, {rows}" / "{after} 后得到应答，{rows}";
    error_after(after, error): "error after {after}: {error}" / "{after} 后报错：{error}";
    still_waiting_after(after): "still waiting after {after}" / "{after} 后仍在等待";
    connected_again_after(after): "connected again after {after}" / "{after} 后重新连接成功";
    step_has_failed(action): "{action}: FAILED" / "{action}：失败";
    step_has_failed_because(action, reason): "{action}: FAILED, {reason}" / "{action}：失败，{reason}";
    step_is_unfinished(action): "{action}: not finished" / "{action}：未完成";

    ladder_of(cell): "Ladder of {cell}" / "{cell} 的时序图";
    described(observed, sums): "{observed}. {sums}" / "{observed}。{sums}";
    mark_at(place, at, what): "{place} at {at}: {what}" / "{place}，{at}：{what}";
    of_silence(length): "{length} of silence" / "沉默 {length}";
    phase_from(phase, at): "{phase}, from {at}" / "{phase}，从 {at} 起";
    all_arrived(packets): "{packets}, all arrived" / "{packets}，全部到达";
    passed_on: "passed on" / "转发";
    of_a_stranger(what): "{what} of a host that is not of the lab" / "不属于实验环境的主机的{what}";
    icmp_redirect: "ICMP redirect" / "ICMP 重定向";
    icmp_other(kind, code): "ICMP type {kind}, code {code}" / "ICMP 类型 {kind}，代码 {code}";
    arp_who_has(address): "ARP: who has {address}?" / "ARP：谁是 {address}？";
    gratuitous_arp(address): "gratuitous ARP: {address} is here" / "免费 ARP：{address} 在此";
    arp_is_here(address): "ARP: {address} is here" / "ARP：{address} 在此";
    an_ip_packet: "an IP packet" / "IP 数据包";
    a_frame: "a frame" / "帧";
    an_empty_segment: "an empty segment" / "空报文段";
    says(what, text): "{what}: {text}" / "{what}：{text}";
    what_again(what): "{what}, again" / "{what}，重发";
    noted(what, note): "{what}, {note}" / "{what}，{note}";
    and_note(note): "; {note}" / "；{note}";
    nobody_answers: "nobody answers" / "无人应答";
    not_seen_on(host): "not seen on {host}" / "{host} 上未见";
    not_passed_on: "not passed on" / "未转发";
    end_not_shown: "end not shown" / "去向未显示";
    packet_leaves(number, host): "packet {number} leaves {host}" / "数据包 {number} 离开 {host}";
    packet_reaches(number, host): "packet {number} reaches {host}" / "数据包 {number} 到达 {host}";
    apart(gap): "{gap} apart" / "间隔 {gap}";
    apart_between(least, most): "{least} to {most} apart" / "间隔 {least} 至 {most}";
    these_times_more(length, times, apart): "these {length} packets × {times} more, {apart}" / "这 {length} \
        个数据包再 {times} 遍，{apart}";
    times_more(times, apart): "× {times} more, {apart}" / "再 {times} 次，{apart}";
    transfer(packets, bytes): "… {packets}, {bytes} bytes, all arrived" / "… {packets}，{bytes} 字节，全部到达";
    left_out(rows, packets, from, to): "… {rows} with {packets} left out, {from} to {to}" / "… 省略 {rows}共 \
        {packets}，{from} 至 {to}";
    arrived(packets): "{packets} arrived" / "{packets}到达";
    ended_at_director: "ended at the director" / "个止于调度器";
    did_not_arrive: "did not arrive" / "个未到达";
    went_unseen: "went a way that the capture does not show" / "个去向未在抓包中显示";
    and_so_many(count, what): ", {count} {what}" / "，{count} {what}";
    not_to_scale(epoch): "Not to scale; times from {epoch}. Small numbers: packets of the capture, where it \
        left and where it arrived."
        / "不按比例；时间从{epoch}算起。小号数字：抓包中的数据包编号，分别为离开处和到达处。";
    others_not_drawn(connections): "{connections} of the client not drawn: another one was judged."
        / "未画出客户端的 {connections}：判定的是另一条。";
    more_servers(count): "{count} more" / "另有 {count} 台";
    took_no_part_one(servers): "{servers} took no part and is not drawn." / "{servers}未参与，没有画出。";
    took_no_part(servers): "{servers} took no part and are not drawn." / "{servers}未参与，没有画出。";

    gaps_between: "Gaps between retransmissions" / "重传之间的间隔";
    the_cell(gaps): "The cell: {gaps}." / "本单元：{gaps}。";
    the_article(gaps): " The article: {gaps}." / "文章：{gaps}。";
    since_sending_before: "time since the sending before, logarithmic" / "距上次发送的时间，对数刻度";
    sending: "sending" / "发送次数";
    sending_after(number, gap): "sending {number}: {gap} after the one before" / "第 {number} 次发送：距上次 {gap}";
    this_cell: "this cell" / "本单元";
    article_kernel: "the article (an older kernel without tail-loss probe)" / "文章（较旧的内核，没有尾部丢失探测）";
}

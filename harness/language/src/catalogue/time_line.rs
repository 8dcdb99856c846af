//! The time line of a cell: what steps came to, and what the client wrote down.

crate::catalogue::words! {
    epoch: "the moment the lab was ready" / "实验环境就绪的时刻";
    time_line: "Time line" / "时间线";
    counting_from(epoch): "From {epoch}." / "时间从{epoch}算起。";
    time: "time" / "时间";
    since_act: "since act began" / "自操作开始";
    seen_in: "seen in" / "见";
    what: "what" / "事件";
    observation_ends: "the observation ends" / "观察结束";

    in_phase(phase): "{phase}: " / "{phase}：";
    took(time): ", took {time}" / "，历时 {time}";
    proven_by(proof): "; {proof}" / "；{proof}";
    ended_with_error: "; ended with the client's error" / "；以客户端的错误告终";
    not_finished: "; not finished when the observation ended" / "；观察结束时尚未完成";
    step_failed(failed, reason): "; {failed}: {reason}" / "；{failed}：{reason}";
    failed: "failed" / "失败";
    not_reached: "; not reached" / "；未执行到";

    reaches_client(what): "{what} reaches the client" / "{what} 到达客户端";
    reaches_client_often(what, times, until): "{what} reaches the client {times} times, until {until}"
        / "{what} 到达客户端，共 {times} 次，直到 {until}";
    tables_seen(moment): "the director's tables {moment}" / "{moment}调度器上的表";
    logs(program, line): "{program} logs {line}" / "{program} 写日志：{line}";
    tables_seen_of(node, moment): "the tables of {node} {moment}" / "{moment} {node} 上的表";
    logs_on(program, node, line): "{program} on {node} logs {line}" / "{node} 上的 {program} 写日志：{line}";
    gets_the_vip(node): "{node} has the VIP" / "{node} 得到 VIP";
    loses_the_vip(node): "{node} no longer has the VIP" / "{node} 不再拥有 VIP";
    opens_connection: "the client opens a connection" / "客户端新建连接";
    is_connected(id, version): "the client is connected, connection id {id}, {version}" / "客户端已连接，连接号 \
        {id}，{version}";
    sends(sql): "the client sends {sql}" / "客户端发送 {sql}";
    has_value(value): "the client has its result: {value}" / "客户端得到结果：{value}";
    has_rows(rows): "the client has its result: {rows}" / "客户端得到结果：{rows}";
    has_error(message, kind): "the client has an error: {message} ({kind})" / "客户端得到错误：{message}（{kind}）";
    still_waits: "the client is still waiting" / "客户端仍在等待";
    stops_reading(rows): "the client stops reading after {rows}" / "客户端读取 {rows} 后停止读取";
    closes_connection: "the client closes a connection" / "客户端断开连接";
    connection_is_closed: "the connection is closed" / "连接已断开";
    connects_anew: "the client connects anew by itself" / "客户端自行重新连接";
    is_connected_at_all: "the client is connected" / "客户端已连接";
    is_connected_with(version): "the client is connected, {version}" / "客户端已连接，{version}";
    is_connected_again(id): "the client is connected again, connection id {id}" / "客户端已重新连接，连接号 {id}";
    is_connected_again_somehow: "the client is connected again" / "客户端已重新连接";
}

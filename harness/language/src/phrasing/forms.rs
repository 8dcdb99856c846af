//! Sentences that records hold and that the judge says, by their form.

/// `English / Chinese;`, with the same places in braces.
macro_rules! forms {
    ($($english:literal / $chinese:literal;)*) => { &[$(($english, $chinese)),*] };
}

/// Why something is not known, or there is no record: `lvs_matrix_model::verdict`, `crate::run`, and `judge`
/// of the command line.
pub(super) const DOUBTS: &[(&str, &str)] = forms! {
    "at {time}" / "在 {time} 时";
    "step {number} was to open its connection to {wanted}, and packet {packet} shows it at {found}"
        / "步骤 {number} 应将连接建立到 {wanted}，而数据包 {packet} 表明它在 {found}";
    "nothing was recorded of the client program" / "没有关于客户端程序的记录";
    "the client's setting `{setting}` is not shown to be in force: {reason}"
        / "未能证明客户端的设置 `{setting}` 已生效：{reason}";
    "nothing shows it" / "没有什么能证明";
    "the client program {misconduct}" / "客户端程序 {misconduct}";
    "what was seen of {server} at the end is of a server with server_id {id}, which is not its own"
        / "结束时在 {server} 看到的是 server_id 为 {id} 的服务器，不是它自己的";
    "the record has format {format}, this program reads format {own}" / "记录的格式为 {format}，本程序读取的格式为 {own}";
    "the lab failed ({stage}): {reason}" / "实验环境失败（{stage}）：{reason}";
    "the cell was not run: {reason}" / "该单元没有运行：{reason}";
    "nothing was captured" / "没有抓包";
    "{node} was not captured" / "没有 {node} 的抓包";
    "the capture on {node} failed: {reason}" / "{node} 上的抓包失败：{reason}";
    "the capture on {node} lost {count} packets" / "{node} 上的抓包丢失了 {count} 个数据包";
    "the capture on {node} does not show its first sentinel before the first step: it may have begun too late"
        / "{node} 上的抓包在第一步之前没有显示其首个哨兵帧：它可能开始得太晚";
    "the capture on {node} does not show its last sentinel after the observation: it may have ended too early"
        / "{node} 上的抓包在观察之后没有显示其最后的哨兵帧：它可能结束得太早";
    "packet {number} on the client's interface cannot be decoded: {reason}" / "客户端接口上的数据包 {number} \
        无法解码：{reason}";
    "the record's steps are not those of its plan" / "记录中的步骤与其计划不一致";
    "step {number} ({action}) did not last until the end of the observation: {reason}"
        / "步骤 {number}（{action}）没有持续到观察结束：{reason}";
    "the premise of the cell did not come about: step {number} ({phase}, {action}) failed for the client"
        / "该单元的前提没有成立：步骤 {number}（{phase}，{action}）对客户端失败";
    "the premise of the cell did not come about: step {number} ({phase}, {action}) failed: {reason}"
        / "该单元的前提没有成立：步骤 {number}（{phase}，{action}）失败：{reason}";
    "the premise of the cell did not come about: step {number} ({phase}, {action}) was not reached"
        / "该单元的前提没有成立：步骤 {number}（{phase}，{action}）没有执行到";
    "the premise of the cell did not come about: step {number} ({phase}, {action}) was done"
        / "该单元的前提没有成立：步骤 {number}（{phase}，{action}）已完成";
    "the premise of the cell did not come about: step {number} ({phase}, {action}) did not end"
        / "该单元的前提没有成立：步骤 {number}（{phase}，{action}）没有结束";
    "step {number} ({action}) is recorded as done, but nothing shows that it fired"
        / "步骤 {number}（{action}）记录为已完成，但没有什么能证明它已生效";
    "step {number} ({action}) could not be done: {reason}" / "步骤 {number}（{action}）无法完成：{reason}";
    "step {number} ({action}) and the client's events do not agree on how its operation ended"
        / "步骤 {number}（{action}）与客户端的事件对其操作如何结束说法不一";
    "the client's event {number} ({at}) is out of order" / "客户端的事件 {number}（{at}）顺序不对";
    "the client's event {number} is {time} later than the end of the observation" / "客户端的事件 {number} 比观察结束晚 \
        {time}";
    "operation {number} has no end" / "操作 {number} 没有结束";
    "the client connected, but its capture shows no SYN of the connection" / "客户端已连接，但其抓包中没有该连接的 SYN";
    "the client got a result, but its capture shows no SYN of the connection" / "客户端得到了结果，但其抓包中没有该连接的 SYN";
    "the client connected at {time}, but no packet with an answer reached its interface"
        / "客户端在 {time} 时已连接，但没有带应答的数据包到达其接口";
    "the client got a result at {time}, but no packet with an answer reached its interface"
        / "客户端在 {time} 时得到了结果，但没有带应答的数据包到达其接口";
    "the client connected, but no packet shows which real server answered"
        / "客户端已连接，但没有数据包显示是哪台真实服务器应答的";
    "the client got a result, but no packet shows which real server answered"
        / "客户端得到了结果，但没有数据包显示是哪台真实服务器应答的";
    "packets of the connection reached or came from several real servers: {servers}"
        / "该连接的数据包到达或来自多台真实服务器：{servers}";
    "the capture shows neither a SYN nor an ARP request of the client for its connect"
        / "抓包中既没有客户端新建连接的 SYN，也没有 ARP 请求";
    "the capture does not show the client sending its statement" / "抓包中没有客户端发送语句的数据包";
    "an answer reached the client's interface at {time} in packet {packet}, but the client had not reported \
     it by {until}"
        / "应答在 {time} 时由数据包 {packet} 到达客户端的接口，但客户端到 {until} 时还没有报告";
    "the client says at {time} that it got a result of {rows}, but the packets show no answer of the server \
     by then"
        / "客户端在 {time} 时称得到 {rows} 的结果，而数据包显示到那时没有服务器的应答";
    "the client says at {time} that it got a result of {rows}, but the packets show only a part of the \
     server's answer by then (packet {packet})"
        / "客户端在 {time} 时称得到 {rows} 的结果，而数据包显示到那时服务器的应答只到了一部分（数据包 {packet}）";
    "the client says at {time} that it got a result of {rows}, but the packets show no answer to its \
     statement by then: what came is the answer to its earlier statement {statement}, which it had given up \
     (packet {packet})"
        / "客户端在 {time} 时称得到 {rows} 的结果，而数据包显示到那时没有对该语句的应答：到达的是对它已放弃的先前语句 {statement} 的应答（数据包 {packet}）";
    "the client says at {time} that it is connected, but the packets show no answer of the server by then"
        / "客户端在 {time} 时称已连接，而数据包显示到那时没有服务器的应答";
    "the client says at {time} that it is connected, but the packets show only a part of the server's answer \
     by then (packet {packet})"
        / "客户端在 {time} 时称已连接，而数据包显示到那时服务器的应答只到了一部分（数据包 {packet}）";
    "packet {packet} reached the client's interface, but its kernel did not accept it ({why})"
        / "数据包 {packet} 到达客户端的接口，但其内核没有接受它（{why}）";
    "parts of the answer were still coming when the observation ended, never more than {time} apart"
        / "观察结束时应答仍在分段到达，相隔从未超过 {time}";
    "this run watches a cell for at most {limit} (--observe-at-most), and patience ends {time} after that"
        / "本次运行对每个单元最多观察 {limit}（--observe-at-most），而忍耐时间在此之后 {time} 才结束";
    "the observation ended {time} too early (it was to last until {until}), so how the silence goes on is \
     not known"
        / "观察提前 {time} 结束（本应持续到 {until}），所以此后的沉默如何不得而知";
    "the client opened more than one connection for it (SYN in packet {packet} too)"
        / "客户端为此打开了不止一条连接（数据包 {packet} 中也有 SYN）";
    "packet {packet} is the first that the client sent after it began the statement, but does not carry it"
        / "数据包 {packet} 是客户端开始执行语句后发送的第一个，却不含该语句";
    "packets are missing: in packet {packet} the client acknowledges what the capture does not show reaching \
     it ({at})"
        / "缺少数据包：在数据包 {packet} 中，客户端确认了抓包中没有到达它的数据（{at}）";
    "packets are missing: in packet {packet} the server acknowledges what the capture does not show the \
     client sending ({at})"
        / "缺少数据包：在数据包 {packet} 中，服务器确认了抓包中客户端没有发送的数据（{at}）";
    "lvs-matrix was killed before this cell left a record; run it again" / "该单元留下记录之前 lvs-matrix 被终止；请重新运行";
    "the run came to its end and left no record of this cell; run it again" / "运行已结束，却没有留下该单元的记录；请重新运行";
    "the run was interrupted ({reason}) before this cell left a record; run it again"
        / "该单元留下记录之前运行被中断（{reason}）；请重新运行";
    "cannot open the folder {cell}: {reason}" / "无法打开文件夹 {cell}：{reason}";
    "cannot read {file}: {reason}" / "无法读取 {file}：{reason}";
    "{file} cannot be understood: {reason}" / "无法理解 {file}：{reason}";
    "{file} has format {format}, this lvs-matrix reads {own}" / "{file} 的格式为 {format}，本 lvs-matrix 读取的格式为 \
        {own}";
    "{file} is the record of another cell, {cell}" / "{file} 是另一个单元 {cell} 的记录";
    "the cell has no capture file" / "该单元没有抓包文件";
    "a mysqld runs" / "有 mysqld 在运行";
    "the mysqld runs" / "mysqld 在运行";
    "the mysqld has ended: {status}" / "mysqld 已结束：{status}";
    "the port is not in state {state}: {shown}" / "端口的状态不是 {state}：{shown}";
    "nft lists no rule `{rule}` in the {chain} chain of {table}: {shown}" / "nft 在 {table} 的 {chain} \
        链中没有列出规则 `{rule}`：{shown}";
    "nft still lists: {shown}" / "nft 仍列出：{shown}";
    "{port} has no netem: {shown}" / "{port} 没有 netem：{shown}";
    "the qdisc of {port} is another: {shown}" / "{port} 的 qdisc 是另一个：{shown}";
    "it reads `{found}`, not `{value}`" / "读出为 `{found}`，不是 `{value}`";
    "the kernel's table still has {found}" / "内核的表中仍有 {found}";
    "the record names no capture points: there is no capture to read" / "记录没有指明抓包点：没有可读取的抓包";
    "the capture ends in the middle of a block, after {packets} packets: it was cut short when it was written"
        / "抓包在 {packets} 个数据包之后止于一个块的中间：写入时被截断";
    "the capture is not a pcapng file that can be read (after {packets} packets): {reason}"
        / "抓包不是可读取的 pcapng 文件（{packets} 个数据包之后）：{reason}";
    "the capture has a second section; the runner writes one, so this is not its file"
        / "抓包有第二个节；运行程序只写一个，所以这不是它的文件";
    "the capture's interfaces are [{file}], the record's points [{record}]: they are not of the same cell"
        / "抓包的接口为 [{file}]，记录的抓包点为 [{record}]：它们不属于同一单元";
    "interface {name} of the capture is not Ethernet with time stamps in nanoseconds (if_tsresol 9)"
        / "抓包的接口 {name} 不是时间戳为纳秒（if_tsresol 9）的以太网接口";
    "packet {packet} of the capture belongs to interface {interface}, which the file does not describe"
        / "抓包的数据包 {packet} 属于接口 {interface}，而文件中没有描述该接口";
    "packet {packet} is earlier than the one before it; the runner writes packets in time order, so this is \
     not its file"
        / "数据包 {packet} 早于前一个数据包；运行程序按时间顺序写数据包，所以这不是它的文件";
    "packet {packet} has a time stamp that is out of range" / "数据包 {packet} 的时间戳超出范围";
    "the capture has more than 4294967295 packets" / "抓包有超过 4294967295 个数据包";
    "step {number} is the client's, but names no operation" / "步骤 {number} 是客户端的，却没有指明操作";
    "no step started operation {number}" / "没有步骤开始操作 {number}";
    "step {number} is neither a connect nor a statement" / "步骤 {number} 既不是新建连接也不是执行语句";
    "the act phase did not begin" / "操作阶段没有开始";
    "no connection was open when the statement was sent" / "发送语句时没有打开的连接";
    "the client has nothing to do in the act phase" / "客户端在操作阶段没有要做的事";
    "no step of the client in the act phase was reached" / "操作阶段中客户端的步骤都没有执行到";
    "the client's events {first} and {second} are not the beginning and the end of operation {number}"
        / "客户端的事件 {first} 和 {second} 不是操作 {number} 的开始和结束";
    "the client wrote down {count} events for operation {number}, not its beginning and its end"
        / "客户端为操作 {number} 记下了 {count} 个事件，而不是其开始和结束";
    "expected {what}; not over within {limit}, the most that this run watches a cell for (--observe-at-most)"
        / "预期{what}；在 {limit} 内没有结束，这是本次运行对每个单元的最长观察时间（--observe-at-most）";
    "error {code}" / "错误 {code}";
    "errno {number}" / "错误号 {number}";
    "the hang to end with an answer" / "等待以应答告终";
    "the hang to end with an error" / "等待以错误告终";
    "the operation to last at least {time}" / "操作至少持续 {time}";
    "the operation to last at most {time}" / "操作至多持续 {time}";
};

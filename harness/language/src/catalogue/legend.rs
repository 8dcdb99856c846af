//! How to read a report.

crate::catalogue::words! {
    how_to_read: "How to read this" / "阅读说明";
    behaviour: "behaviour" / "行为";
    meaning_of_behaviour: "measured. Answered and failed-fast: the client's last operation succeeded or \
        failed within the scenario's patience. Hung: something was sent, and nothing that answers it came \
        back for longer."
        / "实测所得。正常应答与快速失败：客户端的最后一次操作在场景的忍耐时间内成功或失败。一直等待：已发出数据，而在更长的时间内没有任何应答返回。";
    link_to_page: "The link leads to the cell's own page with everything that shows it."
        / "链接指向该单元自己的页面，其中有全部依据。";
    meaning_of_time: "from the beginning of the operation to its end, as the client felt it."
        / "从操作开始到结束，以客户端的感受为准。";
    error: "error" / "错误";
    meaning_of_error: "the code that the classic mysql client prints in the same situation, with the errno."
        / "经典的 mysql 客户端在同样情形下显示的错误码，以及 errno。";
    meaning_of_server: "the real server that had the client's connection, or that the connect reached."
        / "客户端的连接所在的真实服务器，或连接请求到达的真实服务器。";
    ended_or_refused_by: "ended or refused by" / "由谁终止或拒绝";
    meaning_of_ending: "each FIN, RST and ICMP error that reached the client for its connection, with its \
        sender as told by the Ethernet address." / "就客户端的连接到达客户端的每个 FIN、RST 和 ICMP 错误，发送者由以太网地址得知。";
    retransmissions: "retransmissions" / "重传";
    ok_ng: "OK / NG" / "结果判断";
    meaning_of_ok_ng: "an answer or an error within patience is OK, silence beyond it is NG."
        / "在忍耐时间内得到应答或错误为 OK，超过它仍无声息为 NG。";
    verdict: "verdict" / "判定";
    meaning_of_verdict: "the behaviour held against what the scenario expects. A hang that was expected is \
        NG and met at the same time. Undetermined: the lab or the capture does not allow a statement; never \
        counted as met or violated. Tested nothing: the change had no part in what was judged, because it \
        was made to another server or came too late; what was seen says nothing about the change, and is \
        neither OK nor NG."
        / "将行为与场景的预期对照。预期之中的一直等待既是 \
            NG，又符合预期。无法判定：实验环境或抓包不足以下结论；既不计入符合预期，也不计入不符合预期。未检验变更：变更针对另一台服务器，或来得太晚，与判定对象无关；所见并不说明变更的影响，既非 OK \
            也非 NG。";
    packets_and_times: "packets and times" / "数据包与时间";
    meaning_of_packets(epoch): "packet numbers are Wireshark's frame numbers in the cell's capture.pcapng. \
        Times are those of the kernel under test, and count from {epoch}."
        / "数据包编号即该单元 capture.pcapng 在 Wireshark 中的帧编号。时间以被测内核为准，从{epoch}算起。";
    keys: "keys" / "按键";
    meaning_of_keys: "/ searches. In the matrix the arrow keys, Home and End move and Enter opens; in a cell \
        Escape leads back."
        / "/ 用于搜索。在矩阵中，方向键、Home 和 End 用于移动，Enter 打开单元；在单元页中，Escape 返回。";
}

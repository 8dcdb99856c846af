//! The catalogue: what happens if.

crate::catalogue::words! {
    what_happens_if: "What happens if" / "如果……会怎样";
    happens_intro(cells, changes): "What clients of an LVS service get when something is changed: {cells}, \
        {changes}. Each line was observed on a real kernel with real servers, and \
        its scenario says how."
        / "变更时 LVS 服务的客户端会得到什么：{cells}，{changes}。每一行都是在真实内核和真实服务器上观察到的，\
        其场景说明了过程。";
    happens_reading: "The longest time is from the beginning of the client's operation, or how long it met \
        silence. “Above all where” says what sets the cells of a line apart from the others of the same \
        client, and in how many of both it is so. “What helps” was measured: the same cell with this setting \
        alone came out better. S, T and U are real servers."
        / "最长时间从客户端操作开始算起，或为其遭遇沉默的时长。“主要在”给出该行单元与同一客户端其他单元的区别，\
        以及两者中各有多少。“有帮助的设置”是实测的：同一单元只加上该设置，结果更好。S、T、U 是真实服务器。";
    happens_left_out(cells): "Left out are {cells} in which nothing was changed, which tested nothing, or of \
        which it is not known how the client fared."
        / "未列入的有 {cells}：没有变更、没有测到任何东西，或客户端结果不明。";
    happens_missing(cells): "Without a record that can be read, and not in here: {cells}. A run was \
        stopped, or its folder is damaged. The page of each scenario says which and why."
        / "没有可读的记录、未列入的有 {cells}：运行被中断，或其目录已损坏。各场景的页面说明是哪些以及原因。";
    happens_search: "search the changes" / "搜索变更";
    happens_none: "No change has all these words." / "没有变更包含所有这些词。";
    chapter_table: "An edit of the director's table" / "编辑调度器的表";
    chapter_server: "Something happens to a server's program" / "服务器程序发生变化";
    chapter_host: "Something happens to a host" / "主机发生变化";
    chapter_traffic: "Something happens to the packets" / "数据包发生变化";
    chapter_procedure: "Several steps, one after the other" / "先后多个步骤";
    chapter_incidents: "Public incidents" / "公开的事故";
    chapter_places: "Where the cells ran" / "单元在何处运行";
    own_name: "English" / "中文";
    incident_of(source, scenarios): "{source}: {scenarios}" / "{source}：{scenarios}";
    column_client: "client" / "客户端";
    column_gets: "gets" / "得到";
    column_longest: "longest" / "最长";
    column_where: "above all where" / "主要在";
    column_seen_on: "seen with" / "观察环境";
    column_helps: "what helps" / "有帮助的设置";
    column_scenarios: "seen in" / "见于";
    of_idle: "idle on an open connection, then asks" / "已建立连接且空闲，之后发出请求";
    of_in_flight: "waiting for an answer" / "正在等待应答";
    of_new: "connects anew" / "新建连接";
    of_connecting: "connecting at that moment" / "正在建立连接";
    in_a_transaction(client): "{client}, in a transaction" / "{client}（在事务中）";
    of_kernels(kernels): "Linux {kernels}" / "Linux {kernels}";
    helped_in(setting, result, helped, of): "{setting}: {result} ({helped} of {of})"
        / "{setting}：{result}（{of} 中有 {helped}）";
    set_apart_by(setting, here, all, elsewhere, others): "{setting} ({here} of {all}, else {elsewhere} of \
        {others})" / "{setting}（{all} 中有 {here}，其余 {others} 中有 {elsewhere}）";
    between_steps: "between the steps" / "步骤之间";
    more_steps(count): "… and {count} steps more" / "……以及另外 {count} 个步骤";
}

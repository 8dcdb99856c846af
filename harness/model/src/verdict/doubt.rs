//! Why something is not known, as data. The words of each language stand beside each variant. What other
//! programs print, and failures of the lab, stay as they are.

mod parts;

pub use parts::{Answered, At, Awaited, Success, Unseen, Went};

use super::contradiction::Contradiction;
use super::discarded::Reason;
use crate::Name;
use crate::action::{Action, Node};
use crate::capture::CaptureError;
use crate::duration::Human;
use crate::matrix::CellRef;
use crate::plan::Phase;
use crate::record::{Instead, Misconduct, Packets};
use crate::sentence::{InChinese, sentences};

sentences! {
    /// Why the behaviour of a cell, or its verdict, is not known.
    pub enum Doubt {
        /// The record is of a format that this program does not read.
        Format {
            /// The record's.
            format: u32,
            /// This program's.
            own: u32,
        } => "the record has format {format}, this program reads format {own}"
            / "记录的格式为 {format}，本程序读取的格式为 {own}",
        /// The lab did not do its part.
        LabFailed {
            /// What was being done.
            stage: String,
            /// Why it failed.
            reason: String,
        } => "the lab failed ({stage}): {reason}" / "实验环境失败（{stage}）：{reason}",
        /// The cell was left out on purpose.
        NotRun {
            /// Why.
            reason: String,
        } => "the cell was not run: {reason}" / "该单元没有运行：{reason}",
        /// Somebody typed commands in the lab: what is seen is not what the scenario does.
        ByHand => "commands were typed by hand in this lab; they stand among its steps"
            / "该实验环境中有手工输入的命令，它们列在其步骤之间",
        /// There is no capture file.
        NoCaptureFile => "the cell has no capture file" / "该单元没有抓包文件",
        /// The capture file cannot be read.
        Capture {
            /// Why.
            error: CaptureError,
        } => "{error}" / "{error}",
        /// The client program is not the one of old, and left no record of itself.
        NoClientRecord => "nothing was recorded of the client program" / "没有关于客户端程序的记录",
        /// The client program did what no client may do.
        Misconduct {
            /// What it did.
            what: Misconduct,
        } => "the client program {what}" / "客户端程序 {what}",
        /// A setting of the client is another than the scenario's.
        OtherSetting {
            /// The setting's key.
            setting: String,
            /// What was found instead.
            instead: Instead,
        } => "the client's setting `{setting}` is not shown to be in force: {instead}"
            / "未能证明客户端的设置 `{setting}` 已生效：{instead}",
        /// A setting of the client was not looked at.
        UnshownSetting {
            /// The setting's key.
            setting: String,
        } => "the client's setting `{setting}` is not shown to be in force: nothing shows it"
            / "未能证明客户端的设置 `{setting}` 已生效：没有什么能证明",
        /// What was looked at is another server than that of the plan.
        OtherServer {
            /// The real server that was meant.
            server: Name,
            /// The `server_id` that was found.
            id: u32,
        } => "what was seen of {server} at the end is of a server with server_id {id}, which is not its own"
            / "结束时在 {server} 看到的是 server_id 为 {id} 的服务器，不是它自己的",
        /// No capture was begun.
        NothingCaptured => "nothing was captured" / "没有抓包",
        /// A host has no capture.
        NotCaptured {
            /// The host.
            node: Node,
        } => "{node} was not captured" / "没有 {node} 的抓包",
        /// The capture itself failed.
        CaptureFailed {
            /// The host.
            node: Node,
            /// Why.
            reason: String,
        } => "the capture on {node} failed: {reason}" / "{node} 上的抓包失败：{reason}",
        /// The kernel had no room for packets.
        PacketsLost {
            /// The host.
            node: Node,
            /// How many were lost.
            packets: Packets,
        } => "the capture on {node} lost {packets}" / "{node} 上的抓包丢失了 {packets} 个数据包",
        /// The sentinel before the first step is missing.
        NoFirstSentinel {
            /// The host.
            node: Node,
        } => "the capture on {node} does not show its first sentinel before the first step: it may have \
            begun too late"
            / "{node} 上的抓包在第一步之前没有显示其首个哨兵帧：它可能开始得太晚",
        /// The sentinel after the observation is missing.
        NoLastSentinel {
            /// The host.
            node: Node,
        } => "the capture on {node} does not show its last sentinel after the observation: it may have ended \
              too early"
            / "{node} 上的抓包在观察之后没有显示其最后的哨兵帧：它可能结束得太早",
        /// A frame on the client's interface has no form that is known.
        Undecodable {
            /// The packet.
            packet: u32,
            /// Why.
            reason: String,
        } => "packet {packet} on the client's interface cannot be decoded: {reason}"
            / "客户端接口上的数据包 {packet} 无法解码：{reason}",
        /// The time line is another than that of the plan.
        OtherSteps => "the record's steps are not those of its plan" / "记录中的步骤与其计划不一致",
        /// A fault that lasts was gone at the end.
        NotLasting {
            /// The step.
            step: u32,
            /// What it did.
            action: Action,
            /// What was found instead.
            instead: Instead,
        } => "step {step} ({action}) did not last until the end of the observation: {instead}"
            / "步骤 {step}（{action}）没有持续到观察结束：{instead}",
        /// A step before the classified operation, or the first one that failed, is to blame.
        Premise {
            /// The step.
            step: u32,
            /// Its phase.
            phase: Phase,
            /// What it was to do.
            action: Action,
            /// How it went.
            went: Went,
        } => "the premise of the cell did not come about: step {step} ({phase}, {action}) {went}"
            / "该单元的前提没有成立：步骤 {step}（{phase}，{action}）{went}",
        /// A fault has no proof.
        NotFired {
            /// The step.
            step: u32,
            /// What it was to do.
            action: Action,
        } => "step {step} ({action}) is recorded as done, but nothing shows that it fired"
            / "步骤 {step}（{action}）记录为已完成，但没有什么能证明它已生效",
        /// The classified step failed in the lab.
        NotDone {
            /// The step.
            step: u32,
            /// What it was to do.
            action: Action,
            /// Why.
            reason: String,
        } => "step {step} ({action}) could not be done: {reason}"
            / "步骤 {step}（{action}）无法完成：{reason}",
        /// The step and the client say different things.
        EndsDisagree {
            /// The step.
            step: u32,
            /// What it was to do.
            action: Action,
        } => "step {step} ({action}) and the client's events do not agree on how its operation ended"
            / "步骤 {step}（{action}）与客户端的事件对其操作如何结束说法不一",
        /// The client's events are not in order.
        EventOutOfOrder {
            /// The event.
            event: u32,
            /// Its moment.
            at: At,
        } => "the client's event {event} ({at}) is out of order" / "客户端的事件 {event}（{at}）顺序不对",
        /// An event is dated after everything.
        EventTooLate {
            /// The event.
            event: u32,
            /// By how much.
            by: Human,
        } => "the client's event {event} is {by} later than the end of the observation"
            / "客户端的事件 {event} 比观察结束晚 {by}",
        /// A step of the client has no operation.
        NoOperation {
            /// The step.
            step: u32,
        } => "step {step} is the client's, but names no operation" / "步骤 {step} 是客户端的，却没有指明操作",
        /// An operation has no step that began it.
        NotStarted {
            /// The operation.
            operation: u32,
        } => "no step started operation {operation}" / "没有步骤开始操作 {operation}",
        /// The last step of the client is of no kind that is classified.
        NotClassified {
            /// The step.
            step: u32,
        } => "step {step} is neither a connect nor a statement" / "步骤 {step} 既不是新建连接也不是执行语句",
        /// The cell did not come as far as its `act` phase.
        NoAct => "the act phase did not begin" / "操作阶段没有开始",
        /// A statement without a connection.
        NoConnection => "no connection was open when the statement was sent" / "发送语句时没有打开的连接",
        /// There is nothing to classify.
        NothingToDo => "the client has nothing to do in the act phase" / "客户端在操作阶段没有要做的事",
        /// There is nothing to classify, since something failed before.
        NothingReached => "no step of the client in the act phase was reached"
            / "操作阶段中客户端的步骤都没有执行到",
        /// The operation's first and last event are of other kinds.
        NotBeginAndEnd {
            /// The first.
            first: u32,
            /// The last.
            last: u32,
            /// The operation.
            operation: u32,
        } => "the client's events {first} and {last} are not the beginning and the end of operation \
            {operation}"
            / "客户端的事件 {first} 和 {last} 不是操作 {operation} 的开始和结束",
        /// The operation has not one beginning and one end.
        EventCount {
            /// How many events it has.
            count: usize,
            /// The operation.
            operation: u32,
        } => "the client wrote down {count} events for operation {operation}, not its beginning and its end"
            / "客户端为操作 {operation} 记下了 {count} 个事件，而不是其开始和结束",
        /// Life was still there at the end.
        StillComing {
            /// The longest time without a part.
            longest: Human,
        } => "parts of the answer were still coming when the observation ended, never more than {longest} \
              apart"
            / "观察结束时应答仍在分段到达，相隔从未超过 {longest}",
        /// Success without a connection.
        NoSyn {
            /// What the client says.
            success: Success,
        } => "the client {success}, but its capture shows no SYN of the connection"
            / "客户端{success}，但其抓包中没有该连接的 SYN",
        /// Success without an answer.
        NoAnswer {
            /// What the client says.
            success: Success,
            /// When.
            at: At,
        } => "the client {success} {at}, but no packet with an answer reached its interface"
            / "客户端{at}{success}，但没有带应答的数据包到达其接口",
        /// Success with an answer that the client's kernel did not take.
        NoAcceptedAnswer {
            /// What the client says.
            success: Success,
            /// When.
            at: At,
            /// The last packet with an answer.
            packet: u32,
            /// Why it was not accepted.
            why: Reason,
        } => "the client {success} {at}, but no packet with an answer reached its interface; packet {packet} \
              did, but its kernel did not accept it ({why})"
            / "客户端{at}{success}，但没有带应答的数据包到达其接口；数据包 {packet} 到达了，但其内核没有接受它（{why}）",
        /// Success, by no server that is known.
        NobodyAnswered {
            /// What the client says.
            success: Success,
        } => "the client {success}, but no packet shows which real server answered"
            / "客户端{success}，但没有数据包显示是哪台真实服务器应答的",
        /// Success, by more than one server.
        SeveralAnswered {
            /// The servers, each with the packet that shows it.
            servers: Answered,
        } => "several real servers answered the connection: {servers}"
            / "有多台真实服务器应答了该连接：{servers}",
        /// A connect without a SYN.
        NothingSent => "the capture shows neither a SYN nor an ARP request of the client for its connect"
            / "抓包中既没有客户端新建连接的 SYN，也没有 ARP 请求",
        /// A request of which the program never wrote the rest.
        RequestCutShort => "the client sent only a part of its request, which the server acknowledged, and \
              never sent the rest"
            / "客户端只发送了请求的一部分，服务器已确认，其余部分始终没有发送",
        /// A statement without a segment.
        StatementNotSent => "the capture does not show the client sending its statement"
            / "抓包中没有客户端发送语句的数据包",
        /// A hang with an answer.
        Unreported {
            /// When the answer reached the client's interface.
            at: At,
            /// Its packet.
            packet: u32,
            /// By when the client had not reported the answer.
            until: Human,
        } => "an answer reached the client's interface {at} in packet {packet}, but the client had not \
              reported it by {until}"
            / "应答{at}由数据包 {packet} 到达客户端的接口，但客户端到 {until} 时还没有报告",
        /// The run's limit ended the observation before patience did.
        PatienceCut {
            /// The limit.
            limit: Human,
            /// How much later patience ends.
            after: Human,
        } => "this run watches a cell for at most {limit} (--observe-at-most), and patience ends {after} \
              after that"
            / "本次运行对每个单元最多观察 {limit}（--observe-at-most），而忍耐时间在此之后 {after} 才结束",
        /// The observation was shorter than the scenario says.
        EndedEarly {
            /// By how much.
            by: Human,
            /// Until when it was to last.
            until: Human,
        } => "the observation ended {by} too early (it was to last until {until}), so how the silence goes \
              on is not known"
            / "观察提前 {by} 结束（本应持续到 {until}），所以此后的沉默如何不得而知",
        /// The client says what the packets do not show.
        Contradicted {
            /// What each says.
            contradiction: Contradiction,
        } => "{contradiction}" / "{contradiction}",
        /// A packet that may be the answer was not taken.
        NotAccepted {
            /// The packet.
            packet: u32,
            /// Why it was not accepted.
            why: Reason,
        } => "packet {packet} reached the client's interface, but its kernel did not accept it ({why})"
            / "数据包 {packet} 到达客户端的接口，但其内核没有接受它（{why}）",
        /// An error that is not of the network.
        DriverFailed {
            /// When.
            at: At,
            /// The client's text.
            message: String,
        } => "the client failed {at} with \"{message}\": the driver itself failed, not the network"
            / "客户端{at}以“{message}”失败：失败的是驱动程序本身，不是网络",
        /// An error whose cause the packets do not show.
        ErrorUnshown {
            /// When.
            at: At,
            /// The client's text.
            message: String,
            /// What the packets show, or lack.
            unseen: Unseen,
        } => "the client failed {at} with \"{message}\", but the capture of its interface shows {unseen}"
            / "客户端{at}以“{message}”失败，而其接口的抓包中{unseen}",
        /// An error that packets can not show.
        ErrnoUnknown {
            /// When.
            at: At,
            /// The client's text.
            message: String,
            /// The errno.
            errno: i32,
        } => "the client failed {at} with \"{message}\", errno {errno}, which no packet can show"
            / "客户端{at}以“{message}”失败，errno 为 {errno}，没有数据包能证明它",
        /// There are more connections than are looked at.
        ManyConnections {
            /// How many.
            count: usize,
            /// How many are looked at.
            most: usize,
        } => "the client has {count} connections; more than {most} are not looked at"
            / "客户端有 {count} 条连接；超过 {most} 条的不予查看",
        /// There are more commands than are looked at.
        ManyCommands {
            /// How many.
            count: usize,
            /// How many are looked at.
            most: usize,
        } => "the client asked for {count} things in the time of the operation; more than {most} are not \
              looked at"
            / "客户端在操作期间发出了 {count} 个请求；超过 {most} 个的不予查看",
        /// The driver opened a second connection.
        SecondConnection {
            /// The packet with its SYN.
            packet: u32,
        } => "the client opened more than one connection for it (SYN in packet {packet} too)"
            / "客户端为此打开了不止一条连接（数据包 {packet} 中也有 SYN）",
        /// What the client sent is not the statement.
        OtherStatement {
            /// The packet.
            packet: u32,
        } => "packet {packet} is the first that the client sent after it began the statement, but does not \
              carry it"
            / "数据包 {packet} 是客户端开始执行语句后发送的第一个，却不含该语句",
        /// The capture lacks segments that reached the client.
        MissingForClient {
            /// The packet that acknowledges them.
            packet: u32,
            /// Its moment.
            at: At,
        } => "packets are missing: in packet {packet} the client acknowledges what the capture does not show \
              reaching it ({at})"
            / "缺少数据包：在数据包 {packet} 中，客户端确认了抓包中没有到达它的数据（{at}）",
        /// The capture lacks segments that the client sent.
        MissingForServer {
            /// The packet that acknowledges them.
            packet: u32,
            /// Its moment.
            at: At,
        } => "packets are missing: in packet {packet} the server acknowledges what the capture does not show \
              the client sending ({at})"
            / "缺少数据包：在数据包 {packet} 中，服务器确认了抓包中客户端没有发送的数据（{at}）",
        /// The firewall's counter and the capture disagree.
        FirewallCount {
            /// What the rule counted.
            met: u64,
            /// The step that added the rule.
            step: u32,
            /// How many segments reached the interface.
            reached: usize,
        } => "the client's own firewall has counted {met} segments (step {step}), but {reached} reached its \
              interface"
            / "客户端自己的防火墙计数为 {met} 个报文段（步骤 {step}），但有 {reached} 个到达其接口",
        /// The counter of a stateful firewall and what conntrack should have made of the segments disagree.
        FirewallState {
            /// What the firewall has dropped.
            dropped: u64,
            /// The step that made it.
            step: u32,
            /// How many it should have dropped.
            expected: usize,
        } => "the client's own stateful firewall has dropped {dropped} segments (step {step}), but by what \
              conntrack knew it should have dropped {expected}"
            / "客户端自己的有状态防火墙丢弃了 {dropped} 个报文段（步骤 {step}），但按 conntrack 所知应丢弃 {expected} 个",
        /// The rule came while segments came.
        FirewallUnclear {
            /// How many segments.
            segments: usize,
            /// The step that added the rule.
            step: u32,
        } => "{segments} segments reached the client while step {step} changed its firewall: whether the \
            rule met them is not known"
            / "步骤 {step} 更改客户端的防火墙时有 {segments} 个报文段到达客户端：不知道规则是否匹配了它们",
        /// The connection is on another server than the scenario says.
        Elsewhere {
            /// The step that opened it.
            step: u32,
            /// The real server that was meant.
            wanted: Name,
            /// The packet that shows the other one.
            packet: u32,
            /// The other one.
            found: Node,
        } => "step {step} was to open its connection to {wanted}, and packet {packet} shows it at {found}"
            / "步骤 {step} 应将连接建立到 {wanted}，而数据包 {packet} 表明它在 {found}",
        /// A probe says of its attempts what no packet on its interface shows.
        AttemptNotShown {
            /// The probe.
            probe: Name,
            /// The first of those attempts, 1 for the probe's first.
            first: u32,
            /// How many there are.
            count: u32,
        } => "packets do not show what the probe {probe} says of {count} of its attempts, the first of them \
              attempt {first}"
            / "探测 {probe} 对其 {count} 次尝试的说法没有数据包可以证实，其中第一次是第 {first} 次",
        /// Attempts of a probe were waiting at the end, and what is expected of it depends on them.
        ProbeWaiting {
            /// The probe.
            probe: Name,
            /// How many there were.
            count: u32,
        } => "when the observation ended, {count} attempts of the probe {probe} were still waiting, and what \
              is expected of it depends on them; let the cell go on for longer than its `timeout`"
            / "观察结束时探测 {probe} 有 {count} 次尝试仍在等待，对它的预期取决于这些尝试；请让单元持续得比其 `timeout` 更久",
        /// A probe did not ask while there was something to see.
        NoAttempt {
            /// The probe.
            probe: Name,
        } => "the probe {probe} asked nothing after the change, so it saw nothing of it; let the \
              cell go on for longer than its `every`"
            / "变更之后探测 {probe} 没有发出任何询问，因此没有看到变更的任何影响；请让单元持续得比其 `every` 更久",
        /// The statement fails without any change, too.
        DryStatement {
            /// The statement.
            sql: String,
            /// What it came to.
            what: String,
            /// The dry cell.
            cell: CellRef,
        } => "without any change, in a healthy lab, the statement `{sql}` fails: {what} (dry cell {cell})"
            / "在健康的实验环境中，没有任何变更时语句 `{sql}` 也失败：{what}（干运行单元 {cell}）",
        /// The connect fails without any change, too.
        DryConnect {
            /// What it came to.
            what: String,
            /// The dry cell.
            cell: CellRef,
        } => "without any change, in a healthy lab, the connect fails: {what} (dry cell {cell})"
            / "在健康的实验环境中，没有任何变更时新建连接也失败：{what}（干运行单元 {cell}）",
        /// The run's limit ended the observation before what is expected could be seen.
        Open {
            /// What is expected.
            what: Awaited,
            /// The limit.
            limit: Human,
        } => "expected {what}; not over within {limit}, the most that this run watches a cell for \
              (--observe-at-most)"
            / "预期{what}；在 {limit} 内没有结束，这是本次运行对每个单元的最长观察时间（--observe-at-most）",
    }
}

//! Why something is not known, in Chinese. In English a doubt has its `Display`.

use super::chinese;
use super::proofs;
use crate::catalogue::Language;
use lvs_matrix_model::capture::CaptureError;
use lvs_matrix_model::record::Missing;
use lvs_matrix_model::verdict::{At, Awaited, Doubt, Success, Unseen, Went};

/// Why the behaviour of a cell, or its verdict, is not known. What other programs print, and failures of the
/// lab, stay as they are.
pub(super) fn doubt(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Format { format, own } => format!("记录的格式为 {format}，本程序读取的格式为 {own}"),
        Doubt::LabFailed { stage, reason } => format!("实验环境失败（{stage}）：{reason}"),
        Doubt::NotRun { reason } => format!("该单元没有运行：{reason}"),
        Doubt::ByHand => "该实验环境中有手工输入的命令，它们列在其步骤之间".to_owned(),
        Doubt::NoCaptureFile => "该单元没有抓包文件".to_owned(),
        Doubt::Capture { error } => capture(error),
        Doubt::NoClientRecord => "没有关于客户端程序的记录".to_owned(),
        Doubt::Misconduct { what } => format!("客户端程序 {}", proofs::misconduct(what)),
        Doubt::OtherSetting { setting, instead } => {
            format!(
                "未能证明客户端的设置 `{setting}` 已生效：{}",
                proofs::instead(instead)
            )
        }
        Doubt::UnshownSetting { setting } => {
            format!("未能证明客户端的设置 `{setting}` 已生效：没有什么能证明")
        }
        Doubt::OtherServer { server, id } => {
            format!("结束时在 {server} 看到的是 server_id 为 {id} 的服务器，不是它自己的")
        }
        Doubt::NothingCaptured => "没有抓包".to_owned(),
        Doubt::NotCaptured { node } => format!("没有 {node} 的抓包"),
        Doubt::CaptureFailed { node, reason } => format!("{node} 上的抓包失败：{reason}"),
        Doubt::PacketsLost { node, packets } => {
            format!("{node} 上的抓包丢失了 {} 个数据包", packets.0)
        }
        Doubt::NoFirstSentinel { node } => {
            format!("{node} 上的抓包在第一步之前没有显示其首个哨兵帧：它可能开始得太晚")
        }
        Doubt::NoLastSentinel { node } => {
            format!("{node} 上的抓包在观察之后没有显示其最后的哨兵帧：它可能结束得太早")
        }
        Doubt::Undecodable { packet, reason } => format!("客户端接口上的数据包 {packet} 无法解码：{reason}"),
        Doubt::OtherSteps => "记录中的步骤与其计划不一致".to_owned(),
        Doubt::NotLasting {
            step,
            action,
            instead,
        } => format!(
            "步骤 {step}（{}）没有持续到观察结束：{}",
            action.in_chinese(),
            proofs::instead(instead)
        ),
        Doubt::Premise {
            step,
            phase,
            action,
            went,
        } => format!(
            "该单元的前提没有成立：步骤 {step}（{}，{}）{}",
            super::phase(Language::Chinese, *phase),
            action.in_chinese(),
            self::went(went)
        ),
        Doubt::NotFired { step, action } => format!(
            "步骤 {step}（{}）记录为已完成，但没有什么能证明它已生效",
            action.in_chinese()
        ),
        Doubt::NotDone { step, action, reason } => {
            format!("步骤 {step}（{}）无法完成：{reason}", action.in_chinese())
        }
        Doubt::EndsDisagree { step, action } => format!(
            "步骤 {step}（{}）与客户端的事件对其操作如何结束说法不一",
            action.in_chinese()
        ),
        Doubt::EventOutOfOrder { event, at } => format!("客户端的事件 {event}（{}）顺序不对", self::at(*at)),
        Doubt::EventTooLate { event, by } => format!("客户端的事件 {event} 比观察结束晚 {by}"),
        Doubt::NoOperation { step } => format!("步骤 {step} 是客户端的，却没有指明操作"),
        Doubt::NotStarted { operation } => format!("没有步骤开始操作 {operation}"),
        Doubt::NotClassified { step } => format!("步骤 {step} 既不是新建连接也不是执行语句"),
        Doubt::NoAct => "操作阶段没有开始".to_owned(),
        Doubt::NoConnection => "发送语句时没有打开的连接".to_owned(),
        Doubt::NothingToDo => "客户端在操作阶段没有要做的事".to_owned(),
        Doubt::NothingReached => "操作阶段中客户端的步骤都没有执行到".to_owned(),
        Doubt::NotBeginAndEnd {
            first,
            last,
            operation,
        } => format!("客户端的事件 {first} 和 {last} 不是操作 {operation} 的开始和结束"),
        Doubt::EventCount { count, operation } => {
            format!("客户端为操作 {operation} 记下了 {count} 个事件，而不是其开始和结束")
        }
        Doubt::StillComing { longest } => format!("观察结束时应答仍在分段到达，相隔从未超过 {longest}"),
        Doubt::NoSyn { success } => format!("客户端{}，但其抓包中没有该连接的 SYN", succeeded(*success)),
        Doubt::NoAnswer { success, at } => {
            format!("{}，但没有带应答的数据包到达其接口", success_at(*success, *at))
        }
        Doubt::NoAcceptedAnswer {
            success,
            at,
            packet,
            why,
        } => format!(
            "{}，但没有带应答的数据包到达其接口；数据包 {packet} 到达了，但其内核没有接受它（{}）",
            success_at(*success, *at),
            chinese::reason(*why)
        ),
        Doubt::NobodyAnswered { success } => format!(
            "客户端{}，但没有数据包显示是哪台真实服务器应答的",
            succeeded(*success)
        ),
        Doubt::SeveralAnswered { servers } => {
            let servers = servers.0.iter();
            let servers = servers.map(|(node, packet)| format!("{node}（数据包 {packet}）"));
            format!(
                "有多台真实服务器应答了该连接：{}",
                servers.collect::<Vec<_>>().join("、")
            )
        }
        Doubt::NothingSent => "抓包中既没有客户端新建连接的 SYN，也没有 ARP 请求".to_owned(),
        Doubt::RequestCutShort => "客户端只发送了请求的一部分，服务器已确认，其余部分始终没有发送".to_owned(),
        Doubt::StatementNotSent => "抓包中没有客户端发送语句的数据包".to_owned(),
        Doubt::Unreported { at, packet, until } => format!(
            "应答{}由数据包 {packet} 到达客户端的接口，但客户端到 {until} 时还没有报告",
            self::at(*at)
        ),
        Doubt::PatienceCut { limit, after } => format!(
            "本次运行对每个单元最多观察 {limit}（--observe-at-most），而忍耐时间在此之后 {after} 才结束"
        ),
        Doubt::EndedEarly { by, until } => {
            format!("观察提前 {by} 结束（本应持续到 {until}），所以此后的沉默如何不得而知")
        }
        Doubt::Contradicted { contradiction } => chinese::contradiction(contradiction),
        Doubt::NotAccepted { packet, why } => format!(
            "数据包 {packet} 到达客户端的接口，但其内核没有接受它（{}）",
            chinese::reason(*why)
        ),
        Doubt::DriverFailed { at, message } => {
            format!("{}：失败的是驱动程序本身，不是网络", failed(*at, message))
        }
        Doubt::ErrorUnshown { at, message, unseen } => format!(
            "{}，而其接口的抓包中{}",
            failed(*at, message),
            self::unseen(*unseen)
        ),
        Doubt::ErrnoUnknown { at, message, errno } => {
            format!("{}，errno 为 {errno}，没有数据包能证明它", failed(*at, message))
        }
        Doubt::ManyConnections { count, most } => {
            format!("客户端有 {count} 条连接；超过 {most} 条的不予查看")
        }
        Doubt::ManyCommands { count, most } => {
            format!("客户端在操作期间发出了 {count} 个请求；超过 {most} 个的不予查看")
        }
        Doubt::SecondConnection { packet } => {
            format!("客户端为此打开了不止一条连接（数据包 {packet} 中也有 SYN）")
        }
        Doubt::OtherStatement { packet } => {
            format!("数据包 {packet} 是客户端开始执行语句后发送的第一个，却不含该语句")
        }
        Doubt::MissingForClient { packet, at } => format!(
            "缺少数据包：在数据包 {packet} 中，客户端确认了抓包中没有到达它的数据（{}）",
            self::at(*at)
        ),
        Doubt::MissingForServer { packet, at } => format!(
            "缺少数据包：在数据包 {packet} 中，服务器确认了抓包中客户端没有发送的数据（{}）",
            self::at(*at)
        ),
        Doubt::FirewallCount { met, step, reached } => {
            format!("客户端自己的防火墙计数为 {met} 个报文段（步骤 {step}），但有 {reached} 个到达其接口")
        }
        Doubt::FirewallState {
            dropped,
            step,
            expected,
        } => format!(
            "客户端自己的有状态防火墙丢弃了 {dropped} 个报文段（步骤 {step}），但按 conntrack 所知应丢弃 {expected} 个"
        ),
        Doubt::FirewallUnclear { segments, step } => format!(
            "步骤 {step} 更改客户端的防火墙时有 {segments} 个报文段到达客户端：不知道规则是否匹配了它们"
        ),
        Doubt::Elsewhere {
            step,
            wanted,
            packet,
            found,
        } => format!("步骤 {step} 应将连接建立到 {wanted}，而数据包 {packet} 表明它在 {found}"),
        Doubt::AttemptNotShown { probe, first, count } => {
            format!("探测 {probe} 对其 {count} 次尝试的说法没有数据包可以证实，其中第一次是第 {first} 次")
        }
        Doubt::ProbeWaiting { probe, count } => format!(
            "观察结束时探测 {probe} 有 {count} 次尝试仍在等待，对它的预期取决于这些尝试；请让单元持续得比其 `timeout` 更久"
        ),
        Doubt::NoAttempt { probe } => format!(
            "变更之后探测 {probe} 没有发出任何询问，因此没有看到变更的任何影响；请让单元持续得比其 `every` 更久"
        ),
        Doubt::DryStatement { sql, what, cell } => {
            format!("在健康的实验环境中，没有任何变更时语句 `{sql}` 也失败：{what}（干运行单元 {cell}）")
        }
        Doubt::DryConnect { what, cell } => {
            format!("在健康的实验环境中，没有任何变更时新建连接也失败：{what}（干运行单元 {cell}）")
        }
        Doubt::Open { what, limit } => format!(
            "预期{}；在 {limit} 内没有结束，这是本次运行对每个单元的最长观察时间（--observe-at-most）",
            awaited(what)
        ),
    }
}

/// Why there is no record of a cell.
pub(super) fn missing(missing: &Missing) -> String {
    match missing {
        Missing::Killed => "该单元留下记录之前 lvs-matrix 被终止；请重新运行".to_owned(),
        Missing::NotLeft => "运行已结束，却没有留下该单元的记录；请重新运行".to_owned(),
        Missing::Interrupted { reason } => {
            format!("该单元留下记录之前运行被中断（{reason}）；请重新运行")
        }
        Missing::Absent => "没有留下记录".to_owned(),
        Missing::NoFolder { cell, reason } => format!("无法打开文件夹 {cell}：{reason}"),
        Missing::Unreadable { file, reason } => format!("无法读取 {file}：{reason}"),
        Missing::LongText { file, length } => {
            format!("{file} 中有长达 {length} 字节的文本，没有单元会留下这样的记录：不予判定")
        }
        Missing::NotUnderstood { file, reason } => format!("无法理解 {file}：{reason}"),
        Missing::OtherFormat { file, format, own } => {
            format!("{file} 的格式为 {format}，本 lvs-matrix 读取的格式为 {own}")
        }
        Missing::OtherCell { file, cell } => format!("{file} 是另一个单元 {cell} 的记录"),
        Missing::TooMuch { file, what } => {
            format!("{file} 的内容多于任何单元会留下的（{what}）：不予判定")
        }
        Missing::ManyPackets { most } => format!(
            "此前各单元的抓包合计超过 {most} 个数据包，多于一次读取的数量；请将本次运行的场景分别放在各自的文件夹中判定"
        ),
    }
}

fn at(at: At) -> String {
    format!("在 {} 时", at.time())
}

fn succeeded(success: Success) -> &'static str {
    match success {
        Success::Connected => "已连接",
        Success::GotResult => "得到了结果",
    }
}

fn success_at(success: Success, at: At) -> String {
    format!("客户端{}{}", self::at(at), succeeded(success))
}

fn failed(at: At, message: &str) -> String {
    format!("客户端{}以“{message}”失败", self::at(at))
}

fn went(went: &Went) -> String {
    match went {
        Went::Done => "已完成".to_owned(),
        Went::ClientFailed => "对客户端失败".to_owned(),
        Went::Unfinished => "没有结束".to_owned(),
        Went::Failed { reason } => format!("失败：{reason}"),
        Went::NotReached => "没有执行到".to_owned(),
    }
}

fn unseen(unseen: Unseen) -> &'static str {
    match unseen {
        Unseen::AnyEnd => "既没有 FIN、RST 或 ICMP 错误，也没有客户端未得到应答的最后报文段",
        Unseen::ServerError => "没有带服务器错误的数据包",
        Unseen::EndBefore => "在程序放弃之前有应答，或有连接的终止",
        Unseen::End => "没有 FIN、RST 或 ICMP 错误",
        Unseen::Refusal => "没有 RST 或 ICMP 错误",
        Unseen::Unreachable => "既没有 ICMP 错误，也没有客户端未得到应答的 ARP 请求",
        Unseen::Unanswered => "没有客户端到那时仍未得到应答的报文段",
    }
}

fn awaited(what: &Awaited) -> String {
    match what {
        Awaited::Error { code } => format!("错误 {code}"),
        Awaited::Errno { number } => format!("错误号 {number}"),
        Awaited::Answer => "等待以应答告终".to_owned(),
        Awaited::AnError => "等待以错误告终".to_owned(),
        Awaited::NoEnd => "观察期内不结束".to_owned(),
        Awaited::AtLeast { time } => format!("操作至少持续 {time}"),
        Awaited::AtMost { time } => format!("操作至多持续 {time}"),
    }
}

fn capture(error: &CaptureError) -> String {
    match error {
        CaptureError::NoPoints => "记录没有指明抓包点：没有可读取的抓包".to_owned(),
        CaptureError::Truncated { packets } => {
            format!("抓包在 {packets} 个数据包之后止于一个块的中间：写入时被截断")
        }
        CaptureError::Unreadable { packets, reason } => {
            format!("抓包不是可读取的 pcapng 文件（{packets} 个数据包之后）：{reason}")
        }
        CaptureError::SecondSection => "抓包有第二个节；运行程序只写一个，所以这不是它的文件".to_owned(),
        CaptureError::OtherPoints { file, record } => format!(
            "抓包的接口为 [{}]，记录的抓包点为 [{}]：它们不属于同一单元",
            file.join(", "),
            record.join(", ")
        ),
        CaptureError::OtherKind { name } => {
            format!("抓包的接口 {name} 不是时间戳为纳秒（if_tsresol 9）的以太网接口")
        }
        CaptureError::NoSuchPoint { packet, interface } => {
            format!("抓包的数据包 {packet} 属于接口 {interface}，而文件中没有描述该接口")
        }
        CaptureError::TimeOutOfRange { packet } => format!("数据包 {packet} 的时间戳超出范围"),
        CaptureError::OutOfOrder { packet } => {
            format!("数据包 {packet} 早于前一个数据包；运行程序按时间顺序写数据包，所以这不是它的文件")
        }
        CaptureError::TooMany => "抓包的数据包多于任何单元会有的数量".to_owned(),
        CaptureError::Write { reason } => format!("无法写出抓包：{reason}"),
    }
}

//! Clients of many addresses: by what their schedulers go, and who moves when a real server leaves or comes
//! back.

use super::prelude::*;
use lvs_matrix_model::action::{Action, Edit, TableAction};
use lvs_matrix_model::record::StepOutcome;
use lvs_matrix_model::verdict::Spread;

/// The scheduler of the service, if no step has set another one.
fn scheduler<'a>(view: &CellView<'a>) -> Option<&'a str> {
    let set = view.record.steps.iter().any(|step| {
        matches!(
            step.action,
            Action::Table(Edit {
                action: TableAction::SetScheduler { .. },
                ..
            })
        ) && matches!(step.outcome, StepOutcome::Done { .. })
    });
    (!set).then_some(view.plan.service().scheduler.as_str())
}

fn has_flag(view: &CellView<'_>, flag: &str) -> bool {
    view.plan.service().scheduler_flags.iter().any(|own| own == flag)
}

/// How the clients were spread by one of these schedulers, before and when they were judged. Where
/// persistence decides no scheduler is asked.
fn spread<'a>(view: &CellView<'a>, by: &[&str]) -> Option<(&'a str, &'a Spread)> {
    let spread = view.observed.spread.as_ref()?;
    spread.before()?;
    let own = scheduler(view).filter(|own| by.contains(own))?;
    view.plan.service().persistence.is_none().then_some((own, spread))
}

/// What is said of the clients, ahead of the reason.
fn counted(spread: &Spread) -> Bilingual {
    let stayed = spread.of_stayed().count();
    let total = spread.last().map_or(0, |last| last.clients.len());
    bilingual!(
        "Of the {total} clients {stayed} had a real server that has stayed in the table with a weight, and \
         {moved} of these reached another one now."
            / "{total} 个客户端中，{stayed} 个原来的真实服务器仍在表中且权重不为 0，其中 {moved} 个现在到了另一台。",
        moved = spread.moved(),
    )
}

fn finding(view: &CellView<'_>, spread: &Spread, mut text: Bilingual, why: &Bilingual) -> Finding {
    text.push(why);
    let rounds = spread.before().into_iter().chain(spread.last());
    Finding {
        at: view.operation.began,
        text,
        shown_by: rounds.map(|round| Citation::Step(round.step)).collect(),
        ..Finding::default()
    }
}

/// What hashes the client's port, too, binds no client to a server.
fn with_port(flag: &str) -> Bilingual {
    bilingual!(
        " With {flag} the client's port is hashed, too, and a new connection has another port: a client is \
         bound to no server."
            / "使用 {flag} 时端口也参与散列，新连接的端口不同：客户端不固定于任何服务器。",
    )
}

/// `sh`: a table of 256 places, which is dealt out anew at each change.
pub(super) const BY_SOURCE_HASH: Rule = Rule {
    name: "spread-by-source-hash",
    explains: Explains::Circumstance,
    sources: sources![source_hash: "ip_vs_sh_hashkey", source_hash: "ip_vs_sh_reassign"],
    holds: |view| {
        let (_, spread) = spread(view, &["sh"])?;
        let text = counted(spread);
        let why = if has_flag(view, "sh-port") {
            with_port("sh-port")
        } else {
            bilingual!(
                " sh hashes the client's address to one of 256 places, which are dealt out to the real \
                 servers in turn, as many to each as its weight. They are all dealt out anew when a server \
                 is added, edited or deleted: with another number of servers most places have another one. \
                 A server of weight 0 keeps a place in its turn."
                    / "sh 把客户端地址散列到 256 个位置之一，这些位置按权重轮流分给各真实服务器。添加、修改或删除服务器时全部重新分配：服务器数目变了，\
                       多数位置就换了服务器。权重为 0 的服务器轮到时仍占一个位置。"
            )
        };
        Some(finding(view, spread, text, &why))
    },
};

/// `mh`: Maglev's table, in which those that stay keep most of their places.
pub(super) const BY_MAGLEV: Rule = Rule {
    name: "spread-by-maglev",
    explains: Explains::Circumstance,
    sources: sources![maglev: "ip_vs_mh_permutate", maglev: "ip_vs_mh_populate"],
    holds: |view| {
        let (_, spread) = spread(view, &["mh"])?;
        let text = counted(spread);
        let why = if has_flag(view, "mh-port") {
            with_port("mh-port")
        } else {
            bilingual!(
                " mh (Maglev) hashes the client's address to a place of a large table. Each real server \
                 takes places in an order of its own, which follows from its address. So when a server \
                 leaves, the others take its places and keep nearly all of theirs; when it comes back, \
                 it takes the same places again. A server of weight 0 keeps its places: the table goes \
                 by the last weight that was not 0."
                    / "mh（Maglev）把客户端地址散列到一张大表中的位置。每台真实服务器按由其地址决定的次序占位。某台离开时，其余服务器接过它的位置，\
                       而自己的位置几乎都不变；它回来时又占回同样的位置。权重为 0 的服务器保留其位置：该表按最近一次非 0 的权重计算。"
            )
        };
        Some(finding(view, spread, text, &why))
    },
};

/// `dh`, `lblc`, `lblcr`: by the address that the client asks for.
pub(super) const BY_DESTINATION: Rule = Rule {
    name: "spread-by-destination",
    explains: Explains::Circumstance,
    sources: sources![
        "net/netfilter/ipvs/ip_vs_dh.c": "ip_vs_dh_schedule", lblc: "ip_vs_lblc_schedule",
        "net/netfilter/ipvs/ip_vs_lblcr.c": "ip_vs_lblcr_schedule",
    ],
    holds: |view| {
        let (own, spread) = spread(view, &["dh", "lblc", "lblcr"])?;
        let text = counted(spread);
        let why = bilingual!(
            " {own} goes by the address that a client asks for, which is the VIP for all of them: it leads \
             all to the same real server, as long as that one can be chosen. It is meant for caches, where \
             each address asked for is another site."
                / "{own} 依据客户端请求的目的地址，而对所有客户端那都是 VIP：只要某台真实服务器可选，所有客户端都到它那里。它是为缓存设计的，\
                   在那里每个目的地址是不同的站点。",
        );
        Some(finding(view, spread, text, &why))
    },
};

/// The others take turns or count connections, whoever asks.
pub(super) const BY_TURN_OR_COUNT: Rule = Rule {
    name: "spread-by-turn-or-count",
    explains: Explains::Circumstance,
    sources: sources![
        "net/netfilter/ipvs/ip_vs_rr.c": "ip_vs_rr_schedule",
        "net/netfilter/ipvs/ip_vs_wlc.c": "ip_vs_wlc_schedule",
    ],
    holds: |view| {
        let of = ["rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "twos"];
        let (own, spread) = spread(view, &of)?;
        let text = counted(spread);
        let why = bilingual!(
            " {own} does not look at who asks: a client whose turn is the same as before reaches the same \
             server by chance."
                / "{own} 不看是谁在请求：客户端再次到达同一台服务器只是碰巧轮到。",
        );
        Some(finding(view, spread, text, &why))
    },
};

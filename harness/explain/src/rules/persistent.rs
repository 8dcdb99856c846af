//! Persistence: a connect that a template decides, and not the scheduler.

use super::prelude::*;

/// The real server that the template of the client's address leads to when it connects, and what shows it.
pub(super) fn by_template(view: &CellView<'_>) -> Option<(Name, Vec<Citation>)> {
    view.plan.service().persistence?;
    let request = view.request().filter(|_| view.is_connect())?;
    let table = view.table_then(request.sent.at)?;
    let template = table.template(view.plan, view.known_as.0)?;
    let server = template.server(view.plan)?;
    Some((server.clone(), table.shown_by()))
}

/// The template leads to a server that answers.
pub(super) const BY_TEMPLATE: Rule = Rule {
    name: "by-its-template",
    explains: Explains::Answer,
    sources: sources![core: "ip_vs_sched_persist", connections: "ip_vs_check_template"],
    holds: |view| {
        let (server, shown) = by_template(view)?;
        let request = view.first_passed_on()?;
        let (passed, to) = request.passed_on.as_ref()?;
        if *to != Node::RealServer(server.clone()) {
            return None;
        }
        let answer = answer_from(view, &server)?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The virtual service is persistent, and the director had a template for the client's \
                 address, which leads to {server}. So it asked no scheduler and no weight: the client's SYN \
                 went to {server} ({passed} on director). {server} answered (packet {answer} on client)."
                    / "该虚拟服务是持久的，调度器有客户端地址的模板，指向 {server}。于是既不问调度算法也不看权重：客户端的 SYN 被转发给 \
                       {server}（director 上的{passed}）。{server} 作了应答（client 上的数据包 {answer}）。",
                passed = first(*passed),
                answer = answer.number,
            ),
            shown_by: cites![..shown, request.sent, passed, answer],
            claims: claims([request.sent.packet], &Fate::Delivered(to.clone())),
            advice: Vec::new(),
        })
    },
};

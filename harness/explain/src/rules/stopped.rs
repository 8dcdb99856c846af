//! What a control plane that was stopped took with it.

use super::prelude::*;
use lvs_matrix_model::action::{Action, HostAction, StopSignal};
use lvs_matrix_model::control::ControlPlane;

/// keepalived deletes its services before it ends.
pub(super) const WITH_KEEPALIVED: Rule = Rule {
    name: "service-gone-with-keepalived",
    explains: Explains::Circumstance,
    sources: sources![checkers: "clear_services", checkers: "clear_service_vs"],
    holds: |view| gone_with(view, ControlPlane::Keepalived),
};

/// ldirectord does, too, unless it was told otherwise.
pub(super) const WITH_LDIRECTORD: Rule = Rule {
    name: "service-gone-with-ldirectord",
    explains: Explains::Circumstance,
    sources: sources![ldirectord: "ld_stop", ldirectord: "purge_virtual"],
    holds: |view| gone_with(view, ControlPlane::Ldirectord),
};

fn gone_with(view: &CellView<'_>, plane: ControlPlane) -> Option<Finding> {
    view.plan.control().filter(|control| control.plane() == plane)?;
    let asked = view.request()?.sent.at;
    let director = view.director();
    // Without the VIP nothing of the client's comes to its table.
    if !view.has_vip(asked) {
        return None;
    }
    // What a SIGKILL ends does nothing any more.
    let ends = view.done(|action| {
        let Action::Host(
            HostAction::StopKeepalived { signal, .. } | HostAction::StopLdirectord { signal, .. },
        ) = action
        else {
            return None;
        };
        (*signal == StopSignal::Term && action.node()? == *director).then_some(())
    });
    let (step, began, ()) = ends.take_while(|(_, began, ())| *began <= asked).last()?;
    let table = view.table_then(asked)?;
    let before = view.table_then(began)?;
    let otherwise = match plane {
        ControlPlane::Keepalived => Bilingual::default(),
        ControlPlane::Ldirectord => bilingual!(
            " With `cleanstop = no` it leaves the service there."
                / "设置 `cleanstop = no` 时它会保留该服务。"
        ),
    };
    (before.has_service() && !table.has_service()).then(|| Finding {
        at: began,
        text: bilingual!(
            "In step {number} ({step}) {plane} deleted its virtual service with all of its real servers, \
             and ended. When the client asked, the table of {director} had no service for it any more, and \
             nobody was there who would have put one in.{otherwise}"
                / "在步骤 {number}（{step}）中，{plane} 删除了它的虚拟服务及其全部真实服务器，然后结束。客户端请求时，{director} 的表中\
                   已没有对应的服务，也没有程序会再添加。{otherwise}",
            number = step.number,
            step = doing(&step.action),
            otherwise = otherwise,
        ),
        shown_by: cites![step, ..before.shown_by(), ..table.shown_by()],
        ..Finding::default()
    })
}

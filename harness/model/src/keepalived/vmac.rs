//! `use_vmac` of the author's own configuration: the interfaces that keepalived makes.
//!
//! What keepalived 2.2.7 says of each was seen by `keepalived --config-test`.

use super::Statement;
use super::complaint::Complaint;
use super::config::whole_word;

/// The longest name of an interface (`IFNAMSIZ` of Linux, without the zero at its end).
const LONGEST: usize = 15;

/// The interfaces that keepalived makes for instances of VRRP that have an Ethernet address of their own.
pub(super) struct Made {
    names: Vec<String>,
    /// May the configuration name an interface that is not there when it is read (`dynamic_interfaces`)?
    dynamic: bool,
}

impl Made {
    pub(super) fn of(statements: &[Statement]) -> Self {
        let mut global = statements.iter().filter(|one| one.word(0) == "global_defs");
        Self {
            names: statements.iter().flat_map(of_instance).collect(),
            dynamic: global.any(|one| one.find(&["dynamic_interfaces"]).is_some()),
        }
    }

    /// Does keepalived make it?
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|made| made == name)
    }

    /// May the configuration name it?
    pub(super) fn may_be_named(&self, name: &str) -> bool {
        self.dynamic && self.has(name)
    }
}

/// The interface that an instance names, or those that keepalived names by the number of the virtual router
/// (`use_vmac` of keepalived.conf(5)).
fn of_instance(instance: &Statement) -> Vec<String> {
    let Some(use_vmac) = instance.find(&["use_vmac"]) else {
        return Vec::new();
    };
    let id = instance.find(&["virtual_router_id"]).map_or("", |id| id.word(1));
    match use_vmac.word(1) {
        "" => vec![format!("vrrp.{id}"), format!("vrrp6.{id}")],
        named => vec![named.to_owned()],
    }
}

/// Where keepalived would ignore a `use_vmac`, or the name that it gives, on a director with these
/// interfaces.
pub(super) fn vmac_complaints(statements: &[Statement], interfaces: &[&str]) -> Vec<Complaint> {
    let mut found = Vec::new();
    for block in statements {
        let is_said = |one: &&Statement| one.word(0) == "use_vmac";
        let of_instance = block.word(0) == "vrrp_instance";
        let own = block.inner().iter().filter(|_| of_instance).filter(is_said);
        let own: Vec<&Statement> = own.collect();
        let all = block.all();
        let elsewhere = all.into_iter().filter(is_said);
        let elsewhere = elsewhere.filter(|one| !own.iter().any(|own| std::ptr::eq(*own, *one)));
        found.extend(elsewhere.map(|one| {
            let label = "keepalived knows it in a `vrrp_instance`";
            Complaint::new(one.line, "`use_vmac` outside a `vrrp_instance`", label)
        }));
        found.extend(own.iter().skip(1).map(|one| {
            let label = "keepalived takes the first";
            Complaint::new(one.line, "`use_vmac` said twice", label)
        }));
        found.extend(own.iter().filter_map(|one| misnamed(one, interfaces)));
    }
    found
}

/// A name that no interface can be given.
fn misnamed(use_vmac: &Statement, interfaces: &[&str]) -> Option<Complaint> {
    let name = whole_word(use_vmac.word(1)).unwrap_or(use_vmac.word(1));
    let (message, label) = if name == "lo" || interfaces.contains(&name) {
        (
            format!("the director has an interface `{name}` already"),
            "a name of its own for the interface that keepalived makes".to_owned(),
        )
    } else if !fits(name) {
        (
            format!("`{name}` is no name of an interface"),
            format!("{LONGEST} characters at the most, of letters, digits, `.`, `-` and `_`"),
        )
    } else {
        return None;
    };
    Some(Complaint::new(use_vmac.line, message, label))
}

/// May the interface have this name? `all` and `default` are taken by the kernel (`dev_valid_name` and
/// `devinet_init_net` in net/core/dev.c and net/ipv4/devinet.c), and `%` makes it choose a number.
fn fits(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let taken = ["all", "default", ".", ".."].contains(&name);
    name.len() <= LONGEST && name.chars().all(known) && !taken
}

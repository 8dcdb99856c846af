//! What of the author's own configuration no lab can have, or can have once.

use super::Statement;
use super::complaint::Complaint;

/// Words that no lab can have, what they are (`None`: what they are called says it), and why.
const REFUSED: [(&str, Option<&str>, &str); 12] = [
    (
        "virtual_server_group",
        Some("a group of virtual servers"),
        ONE_SERVICE,
    ),
    ("net_namespace", Some(PLACE), OWN_NAMESPACE),
    ("namespace_with_ipsets", Some(PLACE), OWN_NAMESPACE),
    ("instance", Some(PLACE), OWN_NAMESPACE),
    ("use_pid_dir", Some(PLACE), OWN_NAMESPACE),
    ("uthreshold", None, NO_THRESHOLD),
    ("lthreshold", None, NO_THRESHOLD),
    (
        "persistence_granularity",
        None,
        "the lab's persistence is of single clients",
    ),
    ("use_vmac_addr", None, INSTANCES_ADDRESS),
    ("vmac_prefix", None, INTERFACES_NAME),
    ("vmac_addr_prefix", None, INTERFACES_NAME),
    (
        "use_ipvlan",
        None,
        "a director has the VIP on its card, or by `use_vmac`",
    ),
];

const INSTANCES_ADDRESS: &str = "an address of the instance: `use_vmac` in the `vrrp_instance`";
const INTERFACES_NAME: &str = "name the interface: `use_vmac NAME`";
const RFC_ADDRESS: &str = "the lab knows the addresses of RFC 5798, which keepalived takes by itself";
const ONE_SERVICE: &str = "a lab has one virtual service";
const PLACE: &str = "what changes where keepalived runs";
const OWN_NAMESPACE: &str = "it runs in its director's network namespace";
const NO_THRESHOLD: &str = "a lab with keepalived has no thresholds";

/// What a virtual server or a real server says once, by its names. Of two keepalived takes the last.
const ONCE: [&[&str]; 6] = [
    &["lvs_sched", "lb_algo"],
    &["lvs_method", "lb_kind"],
    &["protocol"],
    &["persistence_timeout"],
    &["delay_loop"],
    &["weight"],
];

/// A statement that no lab can have.
pub(super) fn not_in_a_lab(statement: &Statement) -> Option<Complaint> {
    let (key, of) = (statement.word(0), statement.word(1));
    let (what, why) = match (key, of) {
        // keepalived takes every first word that begins so (`includer`, `includem`, …).
        (key, _) if key.starts_with("include") => (
            format!("`{key}` in a configuration of the lab"),
            "put the text of the file here",
        ),
        ("virtual_server", "group") => ("a group of virtual servers".to_owned(), ONE_SERVICE),
        ("virtual_server", "fwmark") => (
            "a service of a firewall mark".to_owned(),
            "the lab's keepalived has one of an address",
        ),
        ("use_vmac", _) if statement.words.iter().any(|word| word.matches(':').count() > 1) => {
            ("an Ethernet address of your own choice".to_owned(), RFC_ADDRESS)
        }
        (key, _) if key != "use_vmac" && statement.words.iter().any(|word| word == "use_vmac") => {
            ("`use_vmac` beside an address".to_owned(), INSTANCES_ADDRESS)
        }
        (key, _) => {
            let (_, what, why) = REFUSED.iter().find(|(word, ..)| *word == key)?;
            (what.map_or_else(|| format!("`{key}`"), str::to_owned), *why)
        }
    };
    Some(Complaint::new(statement.line, what, why))
}

/// What this block says a second time.
pub(super) fn said_twice(block: &Statement) -> Vec<Complaint> {
    let again = |keys: &'static [&'static str]| {
        let said = block
            .inner()
            .iter()
            .filter(move |one| keys.contains(&one.word(0)));
        said.skip(1).map(|one| {
            let message = format!("`{}` said twice", one.word(0));
            Complaint::new(one.line, message, "keepalived takes the last")
        })
    };
    ONCE.into_iter().flat_map(again).collect()
}

/// The weights that this block says and that are none.
pub(super) fn no_weights(block: &Statement) -> Vec<Complaint> {
    let said = block.inner().iter().filter(|one| one.word(0) == "weight");
    let wrong = said.filter(|one| one.word(1).parse::<u16>().is_err());
    let complaint = |one: &Statement| {
        let message = format!("`{}` is no weight", one.words.join(" "));
        Complaint::new(one.line, message, "a number from 0 to 65535")
    };
    wrong.map(complaint).collect()
}

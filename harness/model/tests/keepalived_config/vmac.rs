//! `use_vmac` of the author's own keepalived.conf.

use super::{CONF, SCENARIO, loaded, plan_of, refused};

#[test]
fn what_keepalived_would_ignore_or_refuse_is_a_mistake_with_its_line() {
    for case in [
        (
            "advert_int 2",
            "use_vmac vip0 02:00:00:00:00:33",
            "lb/keepalived.conf:10: an Ethernet address of your own choice",
            "RFC 5798",
        ),
        (
            "10.1.2.3/24 dev bond0",
            "10.1.2.3/24 dev bond0 use_vmac",
            "lb/keepalived.conf:12: `use_vmac` beside an address",
            "in the `vrrp_instance`",
        ),
        (
            "advert_int 2",
            "use_vmac vip0\n    track_interface {\n vrrp.51\n }",
            "lb/keepalived.conf:12: the director has no interface `vrrp.51`",
            "eth0",
        ),
        (
            "advert_int 2",
            "use_vmac vip0\n    track_interface {\n vip0\n }",
            "lb/keepalived.conf:12: the director has no interface `vip0`",
            "when it has read its configuration",
        ),
        (
            "10.1.2.3/24 dev bond0",
            "10.1.2.3/24 dev vrrp.51\n    }\n    use_vmac\n    virtual_rules {",
            "lb/keepalived.conf:12: the director has no interface `vrrp.51`",
            "when it has read its configuration",
        ),
        (
            "advert_int 2",
            "use_vmac bond0",
            "lb/keepalived.conf:10: the director has an interface `eth0` already",
            "a name of its own",
        ),
        (
            "advert_int 2",
            "use_vmac lo",
            "lb/keepalived.conf:10: the director has an interface `lo` already",
            "a name of its own",
        ),
        (
            "advert_int 2",
            "use_vmac sixteenletters16",
            "lb/keepalived.conf:10: `sixteenletters16` is no name of an interface",
            "15 characters",
        ),
        (
            "advert_int 2",
            "use_vmac v%d",
            "lb/keepalived.conf:10: `v%d` is no name of an interface",
            "letters, digits",
        ),
        (
            "advert_int 2",
            "use_vmac vr:1",
            "lb/keepalived.conf:10: `vr:1` is no name of an interface",
            "letters, digits",
        ),
        (
            "advert_int 2",
            "use_vmac all",
            "lb/keepalived.conf:10: `all` is no name of an interface",
            "letters, digits",
        ),
        (
            "advert_int 2",
            "use_vmac vip0\n    use_vmac",
            "lb/keepalived.conf:11: `use_vmac` said twice",
            "takes the first",
        ),
        (
            "global_defs {",
            "global_defs {\n    use_vmac",
            "lb/keepalived.conf:3: `use_vmac` outside a `vrrp_instance`",
            "in a `vrrp_instance`",
        ),
        (
            "global_defs {",
            "use_vmac\nglobal_defs {",
            "lb/keepalived.conf:2: `use_vmac` outside a `vrrp_instance`",
            "in a `vrrp_instance`",
        ),
    ] {
        refused(case);
    }
}

/// keepalived makes an interface for `use_vmac`, which the configuration may name then.
#[test]
fn an_ethernet_address_of_ones_own_is_understood() {
    for (use_vmac, device) in [("use_vmac", "vrrp.51"), ("use_vmac vip0", "vip0")] {
        let conf = CONF
            .replace("global_defs {", "global_defs {\n    dynamic_interfaces")
            .replace("    advert_int 2", &format!("    {use_vmac}"))
            .replace("10.1.2.3/24 dev bond0", &format!("10.1.2.3/24 dev {device}"));
        let scenario = loaded(SCENARIO, &conf).unwrap();
        let planned = plan_of(&scenario);
        let said = planned.keepalived().unwrap();
        assert!(said.understood(3306, "director").use_vmac, "{conf}");
    }
}

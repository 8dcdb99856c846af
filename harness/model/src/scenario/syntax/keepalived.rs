//! keepalived on the director, as typed.

use super::super::place::At;
use super::super::read::Map;
use super::super::scalar::{ConfigText, ConfigWord, LabWord, Retries, VrrpVersion, Yes};
use super::super::table::structure;
use crate::Name;
use crate::keepalived::HealthCheck;
use std::time::Duration;

structure! {
    /// keepalived(8) runs on the director: it fills the table, checks the real servers, and edits the table
    /// by what it finds. A lab and its values may each say a part of this. Its configuration is made from the
    /// lab; the log and every change of the table are kept in the cell's record.
    KeepalivedInput {
        /// Your own keepalived.conf(5), in place of one that is made from the lab: the name of a file in the
        /// folder of the scenario or below it, or, with several lines, the configuration itself. It says
        /// what the lab says of the service, too: its scheduler, its method, its real servers. How the
        /// lab's addresses come into it stands under [your own keepalived.conf](#your-own-keepalivedconf).
        optional "config" config: At<ConfigText>;
        /// What the configurations of this scenario call something, and what that is in the lab: addresses of
        /// hosts, and interfaces. `{ 10.1.2.3: vip, 10.1.2.11: rs1, bond0: eth0 }`.
        optional "names" names: Map<ConfigWord, At<LabWord>>;
        /// How real servers are checked: `tcp` (`TCP_CHECK`), it connects and closes the connection; `query`
        /// (`MISC_CHECK`), a program asks the server something and waits for the answer; `none`. Default:
        /// `tcp`.
        optional "check" check: At<HealthCheck>;
        /// How long after a check the next one begins. Default: 2s.
        optional "delay-loop" delay_loop: At<Duration>;
        /// How long a check may take. Default: 5s.
        optional "connect-timeout" connect_timeout: At<Duration>;
        /// How often a check that failed is made again, before the real server counts as failed. Default: 1.
        optional "retry" retry: At<Retries>;
        /// How long before it is made again. Default: 1s.
        optional "delay-before-retry" delay_before_retry: At<Duration>;
        /// A real server that has failed stays in the table with weight 0. Without this it is deleted.
        optional "inhibit-on-failure" inhibit_on_failure: At<Yes>;
        /// The real server that is put into the table when all others have failed, and only then. It stands
        /// by (`stands-by`), and is not checked.
        optional "sorry-server" sorry_server: At<Name>;
        /// How far apart VRRP's adverts are. A backup takes the VIP when it has heard none for three of
        /// these and a part of one. With version 2 whole seconds. Default: 1s.
        optional "advert-int" advert_int: At<Duration>;
        /// The version of VRRP, 2 or 3. Default: 2, or 3 with IPv6, which 2 does not have.
        optional "vrrp-version" vrrp_version: At<VrrpVersion>;
        /// A director that comes back leaves the VIP where it is. Without this the first director takes it
        /// back, as its priority is higher.
        optional "nopreempt" nopreempt: At<Yes>;
        /// How long after it has come back the first director takes the VIP back. Default: at once.
        optional "preempt-delay" preempt_delay: At<Duration>;
        /// How long after its first gratuitous ARP requests a new master repeats them; with IPv6 they are
        /// neighbour advertisements. Default: 5s.
        optional "garp-master-delay" garp_master_delay: At<Duration>;
        /// How many of them it sends at a time. Default: 5.
        optional "garp-master-repeat" garp_master_repeat: At<Retries>;
        /// How far apart it goes on sending them for as long as it has the VIP. Default: not at all.
        optional "garp-master-refresh" garp_master_refresh: At<Duration>;
        /// The VIP has an Ethernet address of its own, that of the virtual router (RFC 5798, 7.3), and
        /// neighbours keep it when the VIP moves. Both directors have that address all the time, on an
        /// interface that keepalived makes; only the VIP moves. Without this each director answers for the
        /// VIP with the address of its card.
        optional "use-vmac" use_vmac: At<Yes>;
        /// The director that has the VIP tells the other one of its connections: `lvs_sync_daemon`. What it
        /// tells, and when, is the kernel's `net.ipv4.vs.sync_threshold` and `sync_refresh_period`.
        optional "sync" sync: At<Yes>;
    }
}

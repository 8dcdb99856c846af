//! What an operator types.

use super::Question;
use super::moves::Move;
use lvs_matrix_model::plan::ServerKind;

/// The lines of one step, each with a comment where it helps.
pub(super) fn typed(one: Move, question: &Question) -> Vec<String> {
    let service = question.lab.service.listen.words();
    let (_, server) = &question.server;
    let real = &server.endpoint;
    let host = &real.host;
    match one {
        Move::Weight0 => vec![format!(
            "ipvsadm -e {service} -r {real} {}{} -w 0",
            server.method.flag(),
            thresholds(server.upper, server.lower)
        )],
        Move::Wait(time) => vec![format!("sleep {}", time.as_secs())],
        Move::Drained(time) => vec![format!(
            "for i in $(seq {}); do ipvsadm -Ln {service} | \
             awk -v s={real} '$2 == s {{ exit $5 + $6 == 0 }}' || break; sleep 1; done",
            time.as_secs()
        )],
        Move::Stop => vec![match question.kind() {
            ServerKind::Mysql => format!("ssh {host} systemctl stop mariadb"),
            ServerKind::TcpEcho | ServerKind::UdpEcho | ServerKind::Program => {
                format!("ssh {host} systemctl stop YOUR-SERVER")
            }
        }],
        Move::Kill => vec![format!(
            "ssh {host} \"mariadb -Ne \\\"select concat('kill ', id, ';') \
             from information_schema.processlist \
             where user not in ('root', 'system user', 'event_scheduler')\\\" | mariadb\""
        )],
        Move::Delete => vec![format!("ipvsadm -d {service} -r {real}")],
        Move::Save => vec!["ipvsadm -S -n > /tmp/rules".to_owned()],
        Move::Flush => vec!["ipvsadm -C".to_owned()],
        Move::Restore => vec!["ipvsadm -R < /tmp/rules".to_owned()],
    }
}

/// An edit without thresholds takes them away (ipvsadm(8)).
fn thresholds(upper: u32, lower: u32) -> String {
    match (upper, lower) {
        (0, _) => String::new(),
        (upper, 0) => format!(" -x {upper}"),
        (upper, lower) => format!(" -x {upper} -y {lower}"),
    }
}

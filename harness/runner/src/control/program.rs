//! What is different about the programs that edit a director's table: how each is started, what it logs, and
//! how it is told. What is the same is in `control`.

use super::HEALTH_CHECK;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::control::{Control, ControlPlane};
use lvs_matrix_model::plan::{LabPlan, Told};
use std::path::Path;

/// What keepalived says when it has started (keepalived/core/main.c, `keepalived_main`).
const STARTED: &str = "Startup complete";
/// What keepalived says when it has read its configuration again
/// (keepalived/check/check_daemon.c, `reload_check_thread`).
const RELOADED: &str = "Reload complete";
/// What keepalived says of a check that it will not make (keepalived/check/check_misc.c).
const DISABLED: &str = "Disabling misc script";
/// How keepalived complains of its configuration (keepalived/lib/parser.c, `report_config_error`).
const KEEPALIVED_COMPLAINS: &str = "(keepalived.conf: Line ";
/// How keepalived 2.2.7 says that it puts right what it found, as it would on any machine, and leaves nothing
/// out.
const PUTS_RIGHT: [&str; 3] = [
    "Truncating auth_pass to ",
    "requires vmac_xmit_base - setting",
    "must be greater than 0, setting to 1",
];
/// How lines begin that keepalived logs whenever it starts and ends, and that say nothing of why it does.
const ROUTINE: [&str; 9] = [
    "Shutting down ",
    "Activating ",
    "Registering ",
    "Starting ",
    "Opening ",
    "Gained ",
    "CPU usage ",
    "Stopp",
    "pid ",
];

/// What ldirectord says of its virtual service when it begins with its table (`ld_start`).
const TAKES_OVER: [&str; 2] = ["Added virtual server: ", "Changed virtual server: "];
/// What ldirectord says when it reads its configuration again: told by a signal (`ld_process_hup`), or
/// because it has seen that the file has changed (`check_cfgfile`).
const REREADS: [&str; 2] = [
    "Reloading Linux Director Daemon config on signal",
    "- reread new configuration",
];
/// How ldirectord complains of its configuration (`__config_log`).
const LDIRECTORD_COMPLAINS: [&str; 2] = ["Error [", "Warning ["];

/// The file of a program's configuration in its folder. ldirectord looks for a name in /etc/ha.d first
/// (`ld_init`).
pub(super) fn file(plane: ControlPlane) -> &'static str {
    match plane {
        ControlPlane::Keepalived => "keepalived.conf",
        ControlPlane::Ldirectord => "lab.cf",
    }
}

/// Its text.
pub(super) fn configuration(plan: &LabPlan, node: &Node, told: &Told) -> Option<String> {
    match plan.control()? {
        Control::Keepalived(_) => plan.keepalived_config(node, told),
        Control::Ldirectord(_) => plan.ldirectord_config(told),
    }
}

/// The program of a check, which is this program again (`own`). keepalived gives it all that it is called
/// with; the kernel gives the script to this program to read, with its arguments (fs/binfmt_script.c).
pub(super) fn checker(plan: &LabPlan, own: &Path) -> String {
    let own = own.display();
    plan.external_check(&format!("'{own}' {HEALTH_CHECK}"))
        .unwrap_or_else(|| format!("#!{own} {HEALTH_CHECK}\n"))
}

/// The words that start it in its folder.
pub(super) fn words(plan: &LabPlan, plane: ControlPlane, node: &Node, folder: &Path) -> Vec<String> {
    match plane {
        ControlPlane::Keepalived => {
            // Lines of one configuration can be for one director alone (`@director …`).
            let id = node.to_string();
            let mut words = vec![
                "keepalived",
                "--dont-fork",
                "--log-console",
                "--log-detail",
                "--use-file",
                file(plane),
                "--pid",
                "keepalived.pid",
                "--config-id",
                &id,
                "--checkers_pid",
                "checkers.pid",
            ];
            match plan.has_two_directors() {
                true => words.extend(["--vrrp_pid", "vrrp.pid"]),
                false => words.push("--check"),
            }
            words.into_iter().map(str::to_owned).collect()
        }
        ControlPlane::Ldirectord => {
            let config = folder.join(file(plane)).display().to_string();
            vec!["ldirectord".to_owned(), config, "start".to_owned()]
        }
    }
}

/// What it finds in its environment besides the path and the language. In the foreground ldirectord prints
/// its log, and Perl keeps what it prints to a pipe for later; `$|` makes it print each line at once. Without
/// `PERLIO` ldirectord would start itself anew (its `exec_wrapper`). It puts in its real servers in the order
/// in which Perl has the keys of a hash (`ld_start`), which is another one in every run without a seed
/// (perlrun(1)).
pub(super) fn environment(plane: ControlPlane) -> &'static [(&'static str, &'static str)] {
    match plane {
        ControlPlane::Keepalived => &[],
        ControlPlane::Ldirectord => &[
            ("PERLIO", "perlio"),
            ("PERL5OPT", "-MCarp;$|++"),
            ("PERL_HASH_SEED", "0"),
            ("PERL_PERTURB_KEYS", "0"),
        ],
    }
}

/// What one that was killed leaves in its folder, and the next one would take for its own.
pub(super) fn left_behind(plane: ControlPlane) -> &'static [&'static str] {
    match plane {
        ControlPlane::Keepalived => &["keepalived.pid", "checkers.pid", "vrrp.pid"],
        ControlPlane::Ldirectord => &[],
    }
}

/// Does this line say that it has begun with its table?
pub(super) fn has_started(plane: ControlPlane, line: &str) -> bool {
    match plane {
        ControlPlane::Keepalived => line == STARTED,
        ControlPlane::Ldirectord => TAKES_OVER.iter().any(|begins| line.starts_with(begins)),
    }
}

/// Which of these lines says that it has read its configuration again, if it has begun with its table since?
pub(super) fn rereads<'l>(plane: ControlPlane, mut lines: impl Iterator<Item = &'l str>) -> Option<String> {
    match plane {
        ControlPlane::Keepalived => lines.find(|line| *line == RELOADED).map(str::to_owned),
        ControlPlane::Ldirectord => {
            let line = lines.find(|line| REREADS.contains(&line.trim()))?;
            let began = lines.any(|line| has_started(plane, line));
            began.then(|| line.trim().to_owned())
        }
    }
}

/// Does it not understand something of its configuration?
pub(super) fn complains(plane: ControlPlane, line: &str) -> bool {
    match plane {
        ControlPlane::Keepalived => {
            line.starts_with(KEEPALIVED_COMPLAINS) && !PUTS_RIGHT.iter().any(|said| line.contains(said))
        }
        ControlPlane::Ldirectord => LDIRECTORD_COMPLAINS.iter().any(|begins| line.starts_with(begins)),
    }
}

/// Does it say that it will not make a check?
pub(super) fn checks_not(plane: ControlPlane, line: &str) -> bool {
    match plane {
        ControlPlane::Keepalived => line.starts_with(DISABLED),
        ControlPlane::Ldirectord => false,
    }
}

/// Is it what it logs whenever it starts and ends?
pub(super) fn is_routine(plane: ControlPlane, line: &str) -> bool {
    match plane {
        ControlPlane::Keepalived => ROUTINE.iter().any(|begins| line.starts_with(begins)),
        ControlPlane::Ldirectord => false,
    }
}

/// Is it no line of the log? ldirectord runs with Perl's warnings (`-w`), and there is one of each listing of
/// the table (`ld_readline`). A daemon has none of them: it has /dev/null there (`ld_daemon`).
pub(super) fn is_no_log(plane: ControlPlane, line: &str) -> bool {
    match plane {
        ControlPlane::Keepalived => false,
        ControlPlane::Ldirectord => line.starts_with("Use of uninitialized value "),
    }
}

/// Is it the last that it logs before it ends?
pub(super) fn takes_its_leave(plane: ControlPlane, line: &str) -> bool {
    match plane {
        ControlPlane::Keepalived => line.starts_with("Stopped Keepalived"),
        ControlPlane::Ldirectord => line.starts_with("Linux Director Daemon terminated"),
    }
}

/// How many processes it has between two rounds of checks; nothing of one that makes its checks at once, and
/// logs when it is done with its configuration.
pub(super) fn at_rest(plan: &LabPlan) -> Option<usize> {
    match plan.control()? {
        Control::Keepalived(_) => None,
        Control::Ldirectord(said) => Some(1 + usize::from(said.forks())),
    }
}

/// Does it see by itself that its configuration has changed?
pub(super) fn sees_by_itself(plan: &LabPlan) -> bool {
    match plan.control() {
        Some(Control::Ldirectord(said)) => said.reloads_by_itself(),
        Some(Control::Keepalived(_)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_again_when_the_table_is_taken_over_after_that() {
        let told = REREADS[0];
        let changed = "Changed virtual server: 192.0.2.100:3306";
        let rereads = |lines: &[&str]| rereads(ControlPlane::Ldirectord, lines.iter().copied());
        assert_eq!(rereads(&[changed, told]), None, "not yet");
        assert_eq!(rereads(&[told, changed]).as_deref(), Some(told));
        let seen = [" - reread new configuration", changed];
        assert_eq!(rereads(&seen).as_deref(), Some("- reread new configuration"));
        let keepalived = ["Reloading", RELOADED];
        let found = super::rereads(ControlPlane::Keepalived, keepalived.into_iter());
        assert_eq!(found.as_deref(), Some(RELOADED));
    }

    #[test]
    fn a_complaint_is_told_from_what_is_always_logged() {
        for (plane, line) in [
            (
                ControlPlane::Keepalived,
                "(keepalived.conf: Line 3) Unknown keyword",
            ),
            (
                ControlPlane::Ldirectord,
                "Error [7] reading file ./lab.cf at line 3: Unknown command",
            ),
        ] {
            assert!(complains(plane, line), "{line}");
            assert!(!is_routine(plane, line), "{line}");
        }
        assert!(!complains(
            ControlPlane::Ldirectord,
            "Deleted real server: 192.0.2.31:3306"
        ));
    }

    #[test]
    fn what_is_put_right_is_no_complaint_and_what_is_left_out_is_one() {
        let complains = |said: &str| {
            complains(
                ControlPlane::Keepalived,
                &format!("{KEEPALIVED_COMPLAINS}7) {said}"),
            )
        };
        for said in [
            "Truncating auth_pass to 8 characters",
            "(VI_1) unicast with use_vmac requires vmac_xmit_base - setting",
            "(VI_1): garp_master_repeat must be greater than 0, setting to 1",
        ] {
            assert!(!complains(said), "{said}");
        }
        for said in [
            "Warning - sync group G1 has empty group block",
            "(VI_2) VRRP instance VI_1 is already using vv - ignoring name",
            "WARNING - interface vip0 for ip address 192.0.2.100/24 doesn't exist",
            "number '0' outside range [1, 255]",
        ] {
            assert!(complains(said), "{said}");
        }
    }

    #[test]
    fn warnings_of_perl_are_no_log() {
        let warned =
            "Use of uninitialized value $fd in split at /usr/sbin/ldirectord line 2425, <$fh> line 3.";
        assert!(is_no_log(ControlPlane::Ldirectord, warned));
        assert!(!is_no_log(
            ControlPlane::Ldirectord,
            "Deleted real server: 192.0.2.31:3306"
        ));
    }
}

//! Links that delay and lose, by tc-netem(8).

use super::{Shown, find};
use crate::error::{Result, Stage};
use crate::lab::Lab;
use lvs_matrix_model::action::{Node, Percent};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{Instead, Packets, Proof};
use lvs_matrix_netns::CommandLine;
use serde::Deserialize;
use std::time::Duration;

/// Is this what the kernel says of the qdisc on the host's port, and how many packets has it lost?
pub(super) fn shown(plan: &LabPlan, lab: &Lab, node: &Node, delay: Duration, loss: Percent) -> Result<Shown> {
    let nic = find(plan, node)?.nic();
    let port = &nic.port;
    let look = CommandLine::new(["tc", "-j", "-s", "qdisc", "show", "dev", port]);
    let shown = lab.link.check(&look).stage("look at the link's qdisc")?;
    Ok(qdisc_in(
        &shown,
        port,
        plan.delay_to(nic).saturating_add(delay),
        loss,
    ))
}

#[derive(Deserialize)]
struct Qdisc {
    kind: String,
    #[serde(default)]
    root: bool,
    #[serde(default)]
    options: Options,
    #[serde(default)]
    drops: u64,
}

#[derive(Deserialize, Default)]
struct Options {
    delay: Option<Delay>,
    #[serde(rename = "loss-random")]
    loss: Option<Loss>,
}

#[derive(Deserialize)]
struct Delay {
    /// In seconds.
    delay: f64,
}

#[derive(Deserialize)]
struct Loss {
    /// 1 for all.
    loss: f64,
}

fn qdisc_in(shown: &str, port: &str, delay: Duration, loss: Percent) -> Shown {
    let (port, shown) = (port.to_owned(), shown.to_owned());
    let qdiscs: Vec<Qdisc> = match serde_json::from_str(&shown) {
        Ok(qdiscs) => qdiscs,
        Err(error) => {
            let error = error.to_string();
            return Err(Instead::UnreadableQdisc { error, shown });
        }
    };
    let Some(qdisc) = qdiscs.iter().find(|qdisc| qdisc.root && qdisc.kind == "netem") else {
        return Err(Instead::NoNetem { port, shown });
    };
    // tc counts time in ticks of 64 ns, and shows whole microseconds; a probability has 32 bits: no more than
    // that may differ.
    let found = qdisc.options.delay.as_ref().map_or(0.0, |delay| delay.delay);
    let lost = qdisc.options.loss.as_ref().map_or(0.0, |loss| loss.loss);
    if (found - delay.as_secs_f64()).abs() > 2e-6 || (lost - f64::from(loss.0) / 10_000.0).abs() > 1e-6 {
        return Err(Instead::OtherLink { port, shown });
    }
    let (delay, packets) = (Human(delay), Packets(qdisc.drops));
    Ok(Proof::Link {
        port,
        delay,
        loss,
        packets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As tc of iproute2 6.1 prints it, but for line ends.
    const SHOWN: &str = r#"[{"kind":"netem","handle":"803c:","root":true,"refcnt":2,"options":{"limit":10000,
        "delay":{"delay":0.200099,"jitter":0,"correlation":0},"loss-random":{"loss":0.3,"correlation":0},
        "ecn":false,"gap":0},"bytes":696,"packets":10,"drops":4,"overlimits":0,"requeues":0,"backlog":0,
        "qlen":0}]"#;

    #[test]
    fn a_qdisc_is_known_by_its_delay_and_loss() {
        let qdisc = |shown: &str, delay, loss| {
            qdisc_in(shown, "port31", Duration::from_micros(delay), Percent(loss))
                .map(|proof| proof.packets())
        };
        assert_eq!(qdisc(SHOWN, 200_100, 3000), Ok(Some(4)));
        assert!(qdisc(SHOWN, 100, 3000).is_err(), "another delay");
        assert!(qdisc(SHOWN, 200_100, 0).is_err(), "another loss");
        assert!(qdisc("[]", 200_100, 3000).is_err(), "no qdisc");
        let other = SHOWN.replace("\"netem\"", "\"pfifo\"");
        assert!(qdisc(&other, 200_100, 3000).is_err(), "another qdisc");
        let before = SHOWN
            .replace("\"loss-random\":{\"loss\":0.3,\"correlation\":0},", "")
            .replace("0.200099", "9.9e-05");
        assert!(qdisc(&before, 200_100, 3000).is_err(), "the link as it was");
        assert_eq!(qdisc(&before, 100, 0), Ok(None), "it has no loss to count");
    }
}

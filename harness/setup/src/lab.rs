//! A lab of one virtual service of a set-up: the hosts, what the director is told, and a table of what
//! became what.

mod making;

use crate::draft::planned;
use crate::endpoint::Endpoint;
use crate::place::{Note, Place};
use crate::service::{Listen, Method, Server, Service, Setup, Timeouts};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Action;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::scenario;
use making::Making;

/// A lab that is like the operator's.
#[derive(Debug, Clone)]
pub struct Lab {
    /// The service that it has.
    pub service: Service,
    /// The lab itself.
    pub lab: scenario::Lab,
    /// What is done before everything else: time-outs, other services.
    pub before: Vec<Action>,
    /// The real servers, each with its name in the lab.
    pub servers: Vec<(Name, Server)>,
    /// What became what.
    pub table: Vec<Became>,
    /// What is not taken over, and what is taken over as something else.
    pub notes: Vec<Note>,
    /// The time-outs that are in force.
    pub timeouts: Timeouts,
}

/// A thing of the operator's, and what it is in the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Became {
    /// Theirs.
    pub theirs: String,
    /// The lab's.
    pub ours: String,
}

/// Why there is no lab. The text says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoLab {
    /// No service is named so.
    #[error("no service is named `{wanted}`; there are: {there}")]
    NoSuchService {
        /// As it was asked for.
        wanted: String,
        /// Those of the files.
        there: String,
    },
    /// Of none of them a lab can be made.
    #[error("{place}: of {service} no lab can be made: {why}")]
    Unfit {
        /// Where the service stands.
        place: Place,
        /// Which.
        service: String,
        /// Why, and what to do.
        why: String,
    },
}

impl Lab {
    /// The lab of a service: the one that is named by its address and port, its address alone, or its mark;
    /// without a name the first one of which a lab can be made.
    ///
    /// # Errors
    /// [`NoLab`].
    pub fn of(setup: &Setup, wanted: Option<&str>) -> Result<Self, NoLab> {
        let service = match wanted {
            Some(wanted) => named(setup, wanted)?,
            None => {
                let fit = setup.services.iter().find(|service| unfit(service).is_none());
                let first = || setup.services.first();
                match fit.or_else(first) {
                    Some(service) => service,
                    None => {
                        return Err(NoLab::NoSuchService {
                            wanted: String::new(),
                            there: String::new(),
                        });
                    }
                }
            }
        };
        let wrong = |why: String| NoLab::Unfit {
            place: service.place.clone(),
            service: service.listen.to_string(),
            why,
        };
        if let Some(why) = unfit(service) {
            return Err(wrong(why));
        }
        Making::new(setup, service).made().map_err(wrong)
    }

    /// The plan of a cell of this lab: its addresses and command lines.
    #[must_use]
    pub fn plan(&self) -> Option<LabPlan> {
        planned(&self.lab, &self.before).ok()
    }

    /// The real server of this name, address (with or without port), or the first one that takes connections.
    ///
    /// # Errors
    /// Says which there are.
    pub fn server(&self, wanted: Option<&str>) -> Result<&(Name, Server), String> {
        let in_table = || self.servers.iter().filter(|(_, server)| !server.stands_by);
        let there = || {
            in_table()
                .map(|(_, server)| server.endpoint.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let Some(wanted) = wanted else {
            return in_table()
                .find(|(_, server)| server.weight > 0)
                .ok_or_else(|| "no real server has a weight above 0: nobody is to be taken out".to_owned());
        };
        let meant = Endpoint::parse(wanted).ok();
        let is = |(name, server): &&(Name, Server)| {
            let same = meant.as_ref().is_some_and(|meant| match meant.port {
                0 => meant.same_host(&server.endpoint),
                _ => meant.same(&server.endpoint),
            });
            name.as_str() == wanted || same
        };
        in_table().find(is).ok_or_else(|| {
            format!(
                "no real server of {} is `{wanted}`; there are: {}",
                self.service.listen,
                there()
            )
        })
    }
}

/// So many of what there is are listed.
const MOST_LISTED: usize = 40;

fn listed(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(MOST_LISTED);
    let mut shown: Vec<String> = all.take(MOST_LISTED).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

fn named<'s>(setup: &'s Setup, wanted: &str) -> Result<&'s Service, NoLab> {
    let mark = wanted.parse::<u32>().ok();
    let meant = Endpoint::parse(wanted).ok();
    // As it is shown, or as ipvsadm(8) is told: a service of UDP may have the address of one of TCP.
    let shown = |service: &&Service| {
        [service.listen.to_string(), service.listen.words()]
            .iter()
            .any(|own| own == wanted)
    };
    let is = |service: &&Service| match &service.listen {
        Listen::Mark { mark: own, .. } => Some(*own) == mark,
        Listen::Tcp(own) | Listen::Udp(own) | Listen::Sctp(own) => {
            meant.as_ref().is_some_and(|meant| match meant.port {
                0 => meant.same_host(own),
                _ => meant.same(own),
            })
        }
    };
    let found = setup.services.iter().find(shown);
    found
        .or_else(|| setup.services.iter().find(is))
        .ok_or_else(|| NoLab::NoSuchService {
            wanted: wanted.to_owned(),
            there: listed(setup.services.iter().map(|service| service.listen.to_string())),
        })
}

/// Why no lab can be made of a service.
fn unfit(service: &Service) -> Option<String> {
    if matches!(service.listen, Listen::Sctp(_)) {
        return Some("the lab has no servers of SCTP; name another one by --service".to_owned());
    }
    let mut remote = service
        .servers
        .iter()
        .filter(|server| server.method != Method::Local && !server.stands_by)
        .peekable();
    if remote.peek().is_none() {
        return Some("it has no real server beside the director; name another one by --service".to_owned());
    }
    remote.all(|server| server.weight == 0).then(|| {
        "every real server of it has weight 0, so that no client has a connection; give one a weight, or \
         name another one by --service"
            .to_owned()
    })
}

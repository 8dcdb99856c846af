//! The effects of lvs-matrix: a [`LabPlan`](lvs_matrix_model::plan::LabPlan) becomes a lab of network
//! namespaces, its time line is played, and everything that is seen goes into a record. Nothing here judges.
//!
//! It runs wherever the calling process may make network namespaces and set IPVS: as the payload of a guest,
//! or as root on a host whose kernel has IPVS. Which of the two it is, only the record's environment says.

mod capture;
mod cell;
mod checker;
mod client;
mod clock;
mod control;
mod director;
mod echo_server;
mod enclosed;
mod environment;
mod error;
mod hand;
mod host;
mod lab;
mod operator;
mod program;
mod progress;
mod real_server;
mod recorder;
mod server;
mod server_log;
mod template;
mod timeline;
mod traces;
mod warm;

pub use cell::{Config, run_by_hand, run_cells};
pub use checker::check;
pub use control::HEALTH_CHECK;
pub use echo_server::{ECHO_SERVER, serve as serve_echo};
pub use environment::{missing_programs, running_kernel};
pub use error::{LabError, Result};
pub use hand::{News, Request, Session, Size, Start, Stream};
pub use host::{HostLack, host_lacks, prove_ipvs, schedulers};
pub use progress::{Milestone, Progress};
pub use recorder::{cell_folder, write_record};
pub use server::{Flavour, Server};
pub use template::{Template, prepare as prepare_template};

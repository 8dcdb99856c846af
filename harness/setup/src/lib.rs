//! From an operator's own files to advice.
//!
//! [`read`] makes a [`Setup`] of what `ipvsadm`, keepalived, ldirectord and `sysctl` have or print;
//! [`Lab::of`] makes a lab of one of its services, with a table of what became what; [`begun`] a scenario to
//! begin with. [`runbook`] asks which procedure takes a real server out of it and hurts nobody.
//!
//! Nothing here has effects: files, and those that they include, are handed in.

mod asked;
mod begun;
mod draft;
mod endpoint;
mod lab;
mod place;
mod read;
pub mod runbook;
mod service;

pub use begun::begun;
pub use endpoint::Endpoint;
pub use lab::{Became, Lab, NoLab};
pub use place::{Fate, Note, Place, Source};
pub use read::{Include, Resolve, Unreadable, read};
pub use service::{Kind, Listen, Method, Role, Server, Service, Setup, Sysctl, Timeouts};

//! Which sequences of actions to try next, and what was found: the search behind `lvs-matrix explore`. Values
//! in, values out: who runs the cells is no matter of this crate.
//!
//! ```text
//!            ┌── draw: the lab's State says what can be done next ──┐
//! corpus ────┼── vary: a step more, less, elsewhere, another value ─┼─▶ check ─▶ a generation of candidates
//! findings ──┴── shrink: everything that is simpler by one thing ───┘                      │ run, judged
//!    ▲                                                                                     ▼
//!    └──── what is new goes into the corpus, what must never happen is a finding ◀──── outcomes
//! ```
//!
//! A generation depends on the seed and on the outcomes of the generations before, on nothing else. So the
//! same seed gives the same search, and a search goes on where its outcomes end.

mod candidate;
mod draw;
mod finding;
mod outcome;
mod possible;
mod search;
mod shrink;

pub use candidate::Candidate;
pub use finding::{Finding, scenario_of};
pub use outcome::{Breach, Outcome, Signature, outcome};
pub use search::{GENERATION, Growth, Search};

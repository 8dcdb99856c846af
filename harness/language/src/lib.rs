//! What reports for people say, in every language. [`Language`] is the catalogue: a method for each text.
//! [`phrasing`] is the one printer of what a scenario expects, of what the judge observed, and of what shows
//! it, so each report says the same thing in the same words.
//!
//! All texts are plain and may hold foreign text (SQL, server messages): whoever puts them into a report
//! escapes them.

mod catalogue;
mod length;
pub mod phrasing;

pub use catalogue::{
    BYTE, CELL, CHANGE, Language, MORE_PACKET, Noun, OTHER_CONNECTION, OUTCOME, PACKET, REAL_SERVER,
    RETRANSMISSION, ROW, RUN, SESSION, UnknownLanguage, VALUE, Word, plural,
};
pub use length::Length;

//! Why there is no record of a cell, or none that can be judged.

use crate::matrix::CellRef;
use crate::sentence::sentences;

sentences! {
    /// Why there is no record of a cell, or none that can be judged. Files are named relative to the run's
    /// folder.
    pub enum Missing {
        /// The program had no time to say why.
        Killed => "lvs-matrix was killed before this cell left a record; run it again",
        /// The run ended, and should have left a record.
        NotLeft => "the run came to its end and left no record of this cell; run it again",
        /// The run was ended by its user, or by a failure.
        Interrupted {
            /// Why.
            reason: String,
        } => "the run was interrupted ({reason}) before this cell left a record; run it again",
        /// There is no file.
        Absent => "it left no record",
        /// The cell's folder cannot be opened.
        NoFolder {
            /// The cell.
            cell: CellRef,
            /// Why.
            reason: String,
        } => "cannot open the folder {cell}: {reason}",
        /// A file cannot be read.
        Unreadable {
            /// The file.
            file: String,
            /// Why.
            reason: String,
        } => "cannot read {file}: {reason}",
        /// The record has a text that no cell leaves.
        LongText {
            /// The file.
            file: String,
            /// The text's length in bytes.
            length: usize,
        } => "{file} has a text of {length} bytes, which no cell leaves: it is not judged",
        /// The record is none.
        NotUnderstood {
            /// The file.
            file: String,
            /// Why.
            reason: String,
        } => "{file} cannot be understood: {reason}",
        /// The record is of a format that this program does not read.
        OtherFormat {
            /// The file.
            file: String,
            /// The record's format.
            format: u32,
            /// This program's.
            own: u32,
        } => "{file} has format {format}, this lvs-matrix reads {own}",
        /// The record lies in the folder of another cell.
        OtherCell {
            /// The file.
            file: String,
            /// The cell that it is of.
            cell: CellRef,
        } => "{file} is the record of another cell, {cell}",
        /// The record has more of something than any cell.
        TooMuch {
            /// The file.
            file: String,
            /// What, and how much.
            what: String,
        } => "{file} has more than any cell leaves, {what}: it is not judged",
        /// The captures before this one fill the memory.
        ManyPackets {
            /// The most packets that are read.
            most: usize,
        } => "the captures of the cells before it have more than {most} packets together, which is more than \
              is read at a time; judge the scenarios of this run in folders of their own",
    }
}

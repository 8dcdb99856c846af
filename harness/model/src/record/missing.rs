//! Why there is no record of a cell, or none that can be judged.

use crate::matrix::CellRef;
use crate::sentence::{InChinese as _, sentences};

sentences! {
    /// Why there is no record of a cell, or none that can be judged. Files are named relative to the run's
    /// folder.
    pub enum Missing {
        /// The program had no time to say why.
        Killed => "lvs-matrix was killed before this cell left a record; run it again"
            / "该单元留下记录之前 lvs-matrix 被终止；请重新运行",
        /// The run ended, and should have left a record.
        NotLeft => "the run came to its end and left no record of this cell; run it again"
            / "运行已结束，却没有留下该单元的记录；请重新运行",
        /// The run was ended by its user, or by a failure.
        Interrupted {
            /// Why.
            reason: String,
        } => "the run was interrupted ({reason}) before this cell left a record; run it again"
            / "该单元留下记录之前运行被中断（{reason}）；请重新运行",
        /// There is no file.
        Absent => "it left no record" / "没有留下记录",
        /// The cell's folder cannot be opened.
        NoFolder {
            /// The cell.
            cell: CellRef,
            /// Why.
            reason: String,
        } => "cannot open the folder {cell}: {reason}" / "无法打开文件夹 {cell}：{reason}",
        /// A file cannot be read.
        Unreadable {
            /// The file.
            file: String,
            /// Why.
            reason: String,
        } => "cannot read {file}: {reason}" / "无法读取 {file}：{reason}",
        /// The record has a text that no cell leaves.
        LongText {
            /// The file.
            file: String,
            /// The text's length in bytes.
            length: usize,
        } => "{file} has a text of {length} bytes, which no cell leaves: it is not judged"
            / "{file} 中有长达 {length} 字节的文本，没有单元会留下这样的记录：不予判定",
        /// The record is none.
        NotUnderstood {
            /// The file.
            file: String,
            /// Why.
            reason: String,
        } => "{file} cannot be understood: {reason}" / "无法理解 {file}：{reason}",
        /// The record is of a format that this program does not read.
        OtherFormat {
            /// The file.
            file: String,
            /// The record's format.
            format: u32,
            /// This program's.
            own: u32,
        } => "{file} has format {format}, this lvs-matrix reads {own}"
            / "{file} 的格式为 {format}，本 lvs-matrix 读取的格式为 {own}",
        /// The record lies in the folder of another cell.
        OtherCell {
            /// The file.
            file: String,
            /// The cell that it is of.
            cell: CellRef,
        } => "{file} is the record of another cell, {cell}" / "{file} 是另一个单元 {cell} 的记录",
        /// The record has more of something than any cell.
        TooMuch {
            /// The file.
            file: String,
            /// What, and how much.
            what: String,
        } => "{file} has more than any cell leaves, {what}: it is not judged"
            / "{file} 的内容多于任何单元会留下的（{what}）：不予判定",
        /// The captures before this one fill the memory.
        ManyPackets {
            /// The most packets that are read.
            most: usize,
        } => "the captures of the cells before it have more than {most} packets together, which is more than \
              is read at a time; judge the scenarios of this run in folders of their own"
            / "此前各单元的抓包合计超过 {most} 个数据包，多于一次读取的数量；请将本次运行的场景分别放在各自的文件夹中判定",
    }
}

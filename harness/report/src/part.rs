//! Parts of a run: one selection of cells, divided among machines that know nothing of each other.

use lvs_matrix_model::matrix::CellRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZero;
use std::str::FromStr;

/// By what cells are dealt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DealtBy {
    /// By the SHA-256 of a cell's id: a cell stays in its part whatever else is selected.
    Hash,
    /// In turn, in the order of the matrix: the parts differ by at most one cell.
    Slice,
}

/// Which part of the selected cells: `hash:1/4`, `slice:2/4`. All repetitions of a cell are in one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Partition {
    /// By what cells are dealt out.
    pub by: DealtBy,
    /// Which part, from 1 on, at most `of`.
    pub number: NonZero<u32>,
    /// How many parts there are.
    pub of: NonZero<u32>,
}

impl Partition {
    /// Is the cell in this part? `place` is its place among the selected cells, from 0 on.
    #[must_use]
    pub fn has(&self, place: usize, cell: &CellRef) -> bool {
        let place = match self.by {
            DealtBy::Slice => u64::try_from(place).unwrap_or(u64::MAX),
            DealtBy::Hash => {
                let digest = Sha256::digest(cell.to_string());
                digest
                    .iter()
                    .take(8)
                    .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
            }
        };
        place % u64::from(self.of.get()) == u64::from(self.number.get()) - 1
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            DealtBy::Hash => "hash",
            DealtBy::Slice => "slice",
        };
        write!(f, "{by}:{}/{}", self.number, self.of)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let what = || "hash:1/4 or slice:1/4: the first of four parts".to_owned();
        let (by, part) = text.split_once(':').ok_or_else(what)?;
        let (number, of) = part.split_once('/').ok_or_else(what)?;
        let by = match by {
            "hash" => DealtBy::Hash,
            "slice" => DealtBy::Slice,
            _ => return Err(what()),
        };
        let number: NonZero<u32> = number.parse().map_err(|_| what())?;
        let of: NonZero<u32> = of.parse().map_err(|_| what())?;
        if number > of {
            return Err(format!(
                "there is no part {number} of {of}; parts count from 1 to {of}"
            ));
        }
        Ok(Self { by, number, of })
    }
}

/// What a run that is a part of another knows of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Part {
    /// Which part it is.
    pub partition: Partition,
    /// The places of its cells in the whole run, from 0 on, in the order of [`RunSummary::selected`].
    ///
    /// [`RunSummary::selected`]: crate::RunSummary::selected
    pub places: Vec<usize>,
    /// SHA-256 of all cells' ids, a line each, hexadecimal: parts of the same whole have the same.
    pub whole: String,
}

impl Part {
    /// What the part with `selected` knows of the whole run with `whole`.
    #[must_use]
    pub fn new(partition: Partition, selected: &[CellRef], whole: &[CellRef]) -> Self {
        let places: BTreeMap<String, usize> = whole.iter().map(CellRef::to_string).zip(0..).collect();
        let mut digest = Sha256::new();
        for cell in whole {
            digest.update(format!("{cell}\n"));
        }
        let digest = digest.finalize();
        Self {
            partition,
            places: selected
                .iter()
                .filter_map(|cell| places.get(&cell.to_string()).copied())
                .collect(),
            whole: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Partition};
    use lvs_matrix_model::matrix::{CellRef, cells};
    use lvs_matrix_model::scenario::load;
    use rstest::rstest;

    #[rstest]
    #[case("hash:1/4")]
    #[case("slice:4/4")]
    fn is_written_as_it_is_read(#[case] text: &str) {
        assert_eq!(text.parse::<Partition>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("1/4")]
    #[case("hash:0/4")]
    #[case("hash:5/4")]
    #[case("slice:1")]
    #[case("count:1/4")]
    #[case("slice:1/0")]
    #[case("slice:-1/4")]
    fn is_refused(#[case] text: &str) {
        text.parse::<Partition>().unwrap_err();
    }

    fn drain() -> Vec<CellRef> {
        let drain = load(include_str!("../../../scenarios/drain.yaml")).unwrap();
        cells(&drain).into_iter().map(|cell| cell.cell).collect()
    }

    /// Each cell is in exactly one part, and the parts' places are those of the whole.
    #[rstest]
    #[case("hash")]
    #[case("slice")]
    fn parts_are_the_whole(#[case] by: &str) {
        let whole = drain();
        let mut found = vec![0; whole.len()];
        for number in 1..=5 {
            let partition: Partition = format!("{by}:{number}/5").parse().unwrap();
            let (_, part): (Vec<usize>, Vec<CellRef>) = (0..)
                .zip(whole.clone())
                .filter(|(place, cell)| partition.has(*place, cell))
                .unzip();
            assert!(part.len() < whole.len());
            for (place, cell) in Part::new(partition, &part, &whole).places.into_iter().zip(&part) {
                assert_eq!(&whole[place], cell);
                found[place] += 1;
            }
        }
        assert_eq!(found, vec![1; whole.len()]);
    }
}

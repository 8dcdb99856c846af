//! JSON Schemas of what programs read: made from the types that write it, so that they say what is written.

use crate::diff::{Comparison, DIFF_FORMAT};
use crate::events::{EVENTS_FORMAT, Line};
use crate::json::{Document, FORMAT};
use lvs_matrix_model::record::{self, CellRecord};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// The schema of `report.json`.
#[must_use]
pub fn report_schema() -> Schema {
    schema::<Document<'_>>("report.json", "report", FORMAT)
}

/// The schema of a line of `run --events`.
#[must_use]
pub fn events_schema() -> Schema {
    schema::<Line<'_>>("A line of run --events", "event", EVENTS_FORMAT)
}

/// The schema of what `diff --format json` prints.
#[must_use]
pub fn diff_schema() -> Schema {
    schema::<Comparison<'_>>("diff --format json", "diff", DIFF_FORMAT)
}

/// The schema of `record.json`.
#[must_use]
pub fn record_schema() -> Schema {
    // Records of one format have grown: what was added since is in newer ones only, as it is to the reader of
    // this program.
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = made::<CellRecord>(settings, "record.json", "record", record::FORMAT);
    // To the reader it is a plain number, and others are refused.
    if let Some(format) = schema.pointer_mut("/properties/format") {
        format["enum"] = record::READ_FORMATS.as_slice().into();
    }
    schema
}

/// The schema of what is written (fields that are always there are required). Further fields are allowed:
/// they come without a new number of the format.
fn schema<T: JsonSchema>(title: &str, name: &str, format: u32) -> Schema {
    made::<T>(
        SchemaSettings::draft2020_12().for_serialize(),
        title,
        name,
        format,
    )
}

fn made<T: JsonSchema>(settings: SchemaSettings, title: &str, name: &str, format: u32) -> Schema {
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert(
        "title".to_owned(),
        format!("lvs-matrix: {title}, format {format}").into(),
    );
    schema.insert("$id".to_owned(), format!("urn:lvs-matrix:{name}:{format}").into());
    schema
}

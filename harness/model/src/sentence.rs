//! Sentences as data: an enum with a variant for each sentence and a typed field for each place in it. The
//! words of each language stand beside the variant, once.
//!
//! Records of format 1 held the English sentences. [`stored`] reads these back into the enums, by the same
//! words. A sentence that has no such form stays as it is, in the variant `Text`.

use crate::Name;
use crate::action::{Chain, Node, Percent};
use crate::base::CellRef;
use crate::control::ControlPlane;
use crate::duration::Human;
use crate::ipvs::Method;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

/// Makes an enum of sentences, its [`Display`](std::fmt::Display), which is the English one, and its
/// `in_chinese`: `Variant { field: Type } => "words with {field}" / "带有 {field} 的文字",`. Where it is used
/// [`InChinese`] must be in scope.
macro_rules! sentences {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(
                $(#[$about:meta])*
                $variant:ident
                    $({ $( $(#[$field_about:meta])* $field:ident: $kind:ty ),* $(,)? })?
                    => $form:literal / $chinese:literal,
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
        $vis enum $name {
            $( $(#[$about])* $variant $({ $( $(#[$field_about])* $field: $kind ),* })?, )*
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $( Self::$variant $({ $($field),* })? => write!(f, $form), )*
                }
            }
        }

        impl $name {
            /// The sentence in Chinese. What other programs print stays as it is.
            #[must_use]
            $vis fn in_chinese(&self) -> String {
                match self {
                    $( Self::$variant $({ $($field),* })? => {
                        $( $( let $field = $field.in_chinese(); )* )?
                        format!($chinese)
                    } )*
                }
            }
        }
    };
}

/// [`sentences!`], and a variant `Text` for what is of no such form. The sentences can be read back from
/// their English words: the first form that fits is taken.
macro_rules! readable_sentences {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(
                $(#[$about:meta])*
                $variant:ident
                    $({ $( $(#[$field_about:meta])* $field:ident: $kind:ty ),* $(,)? })?
                    => $form:literal / $chinese:literal,
            )*
        }
    ) => {
        crate::sentence::sentences! {
            $(#[$meta])*
            #[derive(schemars::JsonSchema)]
            $vis enum $name {
                $(
                    $(#[$about])*
                    $variant $({ $( $(#[$field_about])* $field: $kind ),* })? => $form / $chinese,
                )*
                /// A sentence that has no form here, from a record of format 1.
                Text {
                    /// The sentence, as it was recorded.
                    text: String,
                } => "{text}" / "{text}",
            }
        }

        impl $name {
            /// The forms of the English sentences, in the order in which they are tried.
            #[cfg(test)]
            pub(crate) const FORMS: &'static [&'static str] = &[$($form),*];

            /// Reads an English sentence.
            #[must_use]
            $vis fn read(text: &str) -> Self {
                $(
                    let read = || {
                        let places = crate::sentence::fitted($form, text)?;
                        // A sentence without places has no further use for them.
                        let _ = &places;
                        Some(Self::$variant $({
                            $( $field: crate::sentence::Place::read(
                                crate::sentence::value(&places, stringify!($field))?,
                            )? ),*
                        })?)
                    };
                    if let Some(sentence) = read() {
                        return sentence;
                    }
                )*
                Self::Text { text: text.to_owned() }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::read(text)
            }
        }

        impl crate::sentence::Place for Box<$name> {
            fn read(text: &str) -> Option<Self> {
                Some($name::read(text)).filter(|it| !matches!(it, $name::Text { .. })).map(Box::new)
            }
        }
    };
}

pub(crate) use {readable_sentences, sentences};

/// What can stand in a place of a sentence, as Chinese has it.
pub(crate) trait InChinese {
    fn in_chinese(&self) -> String;
}

/// What is the same in both languages: numbers, names, times, and what other programs print.
macro_rules! the_same {
    ($($kind:ty),*) => {
        $(impl InChinese for $kind {
            fn in_chinese(&self) -> String {
                self.to_string()
            }
        })*
    };
}

the_same!(
    u8,
    u16,
    u32,
    u64,
    i32,
    usize,
    String,
    Name,
    CellRef,
    Node,
    Chain,
    Method,
    Percent,
    Human,
    ControlPlane
);

/// What can stand in a place of a sentence, read from its words.
pub(crate) trait Place: Sized {
    /// `None` if the words are not those of such a value.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! parsed_places {
    ($($kind:ty),*) => {
        $(impl Place for $kind {
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        })*
    };
}

parsed_places!(u8, u16, u32, u64);

impl Place for String {
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Place for Name {
    fn read(text: &str) -> Option<Self> {
        Self::new(text).ok()
    }
}

impl Place for Node {
    fn read(text: &str) -> Option<Self> {
        Name::read(text).map(Self::from)
    }
}

impl Place for Chain {
    fn read(text: &str) -> Option<Self> {
        [Self::Input, Self::Output]
            .into_iter()
            .find(|chain| chain.as_str() == text)
    }
}

impl Place for Method {
    fn read(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

impl Place for ControlPlane {
    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plane| plane.as_str() == text)
    }
}

impl Place for Percent {
    fn read(text: &str) -> Option<Self> {
        Self::try_from(text.to_owned()).ok()
    }
}

impl Place for Human {
    fn read(text: &str) -> Option<Self> {
        Self::read(text)
    }
}

/// Reads what is stored in a record: the data, or an English sentence of format 1.
///
/// # Errors
/// It is data, and not of this kind.
pub(crate) fn stored<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: for<'t> From<&'t str> + serde::de::DeserializeOwned,
{
    of_value(Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same, where there may be none.
///
/// # Errors
/// As of [`stored`].
pub(crate) fn stored_if_any<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'t> From<&'t str> + serde::de::DeserializeOwned,
{
    let value = Option::<Value>::deserialize(deserializer)?;
    value.map(of_value).transpose().map_err(D::Error::custom)
}

/// The same for a list.
///
/// # Errors
/// As of [`stored`].
pub(crate) fn stored_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'t> From<&'t str> + serde::de::DeserializeOwned,
{
    let values = Vec::<Value>::deserialize(deserializer)?;
    let values = values.into_iter().map(of_value);
    values.collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// A string is the name of a variant without places, or else a sentence.
fn of_value<T>(value: Value) -> serde_json::Result<T>
where
    T: for<'t> From<&'t str> + serde::de::DeserializeOwned,
{
    match &value {
        Value::String(text) => match T::deserialize(&value) {
            Ok(known) => Ok(known),
            Err(_) => Ok(T::from(text)),
        },
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            serde_json::from_value(value)
        }
    }
}

/// The schema of what [`stored`] reads.
pub(crate) fn schema<T: schemars::JsonSchema>(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let data = generator.subschema_for::<T>();
    schemars::json_schema!({
        "anyOf": [data, { "type": "string", "description": "The English sentence, in records of format 1." }]
    })
}

/// The schema of what [`stored_if_any`] reads.
pub(crate) fn schema_if_any<T: schemars::JsonSchema>(
    generator: &mut schemars::SchemaGenerator,
) -> schemars::Schema {
    let sentence = schema::<T>(generator);
    schemars::json_schema!({ "anyOf": [sentence, { "type": "null" }] })
}

/// The schema of what [`stored_list`] reads.
pub(crate) fn schema_list<T: schemars::JsonSchema>(
    generator: &mut schemars::SchemaGenerator,
) -> schemars::Schema {
    let sentence = schema::<T>(generator);
    schemars::json_schema!({ "type": "array", "items": sentence })
}

/// A form as its beginning and its places, each with what follows it.
fn parts(form: &str) -> (&str, Vec<(&str, &str)>) {
    let mut pieces = form.split('{');
    let head = pieces.next().unwrap_or_default();
    (head, pieces.filter_map(|piece| piece.split_once('}')).collect())
}

/// What stands in the places of a form, if `text` is of that form: in each as little as can be.
pub(crate) fn fitted<'f, 't>(form: &'f str, text: &'t str) -> Option<Vec<(&'f str, &'t str)>> {
    let (head, parts) = parts(form);
    let mut rest = text.strip_prefix(head)?;
    let mut values = Vec::new();
    let last = parts.len().checked_sub(1);
    for (index, (name, literal)) in parts.into_iter().enumerate() {
        let (value, after) = if Some(index) == last {
            (rest.strip_suffix(literal)?, "")
        } else {
            rest.split_once(literal)?
        };
        if value.is_empty() {
            return None;
        }
        values.push((name, value));
        rest = after;
    }
    rest.is_empty().then_some(values)
}

/// What stands in the place of this name.
pub(crate) fn value<'t>(places: &[(&str, &'t str)], name: &str) -> Option<&'t str> {
    let (_, value) = places.iter().find(|(place, _)| *place == name)?;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    readable_sentences! {
        /// Sentences of this test.
        enum Sample {
            /// Longer than the next, with the same beginning.
            Named {
                /// A part of its own.
                what: Box<Sample>,
                /// A name.
                server: Name,
            } => "{what}; by {server}" / "{what}；{server}",
            /// A number in the middle.
            Waited {
                /// The number.
                seconds: u64,
            } => "waited {seconds} s for nothing" / "白等了 {seconds} 秒",
            /// Without a place.
            Closed => "closed" / "已关闭",
        }
    }

    fn server() -> Name {
        Name::new("rs1").unwrap()
    }

    #[test]
    fn sentences_are_read_back_by_their_words() {
        assert_eq!(
            Sample::FORMS,
            ["{what}; by {server}", "waited {seconds} s for nothing", "closed"]
        );
        for sentence in [
            Sample::Closed,
            Sample::Waited { seconds: 7 },
            Sample::Named {
                what: Box::new(Sample::Waited { seconds: 0 }),
                server: server(),
            },
        ] {
            assert_eq!(Sample::read(&sentence.to_string()), sentence);
        }
        let what = Box::new(Sample::Waited { seconds: 7 });
        let server = server();
        let named = Sample::Named { what, server };
        assert_eq!(named.in_chinese(), "白等了 7 秒；rs1");
        for other in [
            "",
            "closed ",
            "waited long s for nothing",
            "waited  s for nothing",
            "seen; by rs1",
            "closed; by R",
        ] {
            assert_eq!(
                Sample::read(other),
                Sample::Text {
                    text: other.to_owned()
                },
                "{other}"
            );
        }
    }

    #[test]
    fn a_record_holds_data_or_a_sentence_of_format_1() {
        #[derive(serde::Deserialize)]
        struct Held {
            #[serde(deserialize_with = "stored")]
            one: Sample,
            #[serde(default, deserialize_with = "stored_if_any")]
            any: Option<Sample>,
            #[serde(default, deserialize_with = "stored_list")]
            list: Vec<Sample>,
        }
        let held: Held = serde_json::from_str(
            r#"{"one": {"named": {"what": "closed", "server": "rs1"}}, "any": "waited 3 s for nothing",
                "list": ["closed", {"waited": {"seconds": 4}}, "slept", {"text": {"text": "closed"}}]}"#,
        )
        .unwrap();
        let what = Box::new(Sample::Closed);
        let server = server();
        assert_eq!(held.one, Sample::Named { what, server });
        assert_eq!(held.any, Some(Sample::Waited { seconds: 3 }));
        let text = |text: &str| Sample::Text {
            text: text.to_owned(),
        };
        assert_eq!(
            held.list,
            [
                Sample::Closed,
                Sample::Waited { seconds: 4 },
                text("slept"),
                text("closed")
            ]
        );
        for wrong in [
            r#"{"one": {"waited": {}}}"#,
            r#"{"one": {"slept": {}}}"#,
            r#"{"one": 3}"#,
        ] {
            assert!(serde_json::from_str::<Held>(wrong).is_err(), "{wrong}");
        }
        let none: Held = serde_json::from_str(r#"{"one": "closed", "any": null}"#).unwrap();
        assert_eq!((none.any, none.list), (None, Vec::new()));
    }
}

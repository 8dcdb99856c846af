//! The form of an action's entry. An entry says once what an action is called, what it is for, which fields
//! it has, and how it reads in a report. From the entries of a group come its enum, which is also what
//! records hold, the keys, and the texts of both languages. `scenario::syntax` takes the same entries again,
//! for the reader of scenarios, their JSON schema and the reference in docs/scenarios.md.
//!
//! ```text
//! /// What the action is for, as authors read it.
//! "key-in-scenarios" NameInRust {
//!     /// What the field is for.
//!     required "field" field: TypeInRust as TypeInScenarios;
//! } says {
//!     { field } => en("do it to {field}") zh("对 {field} 执行");
//! }
//! ```
//!
//! - A field is `required`; or `optional`, which makes it an `Option`; or a `flag`, which is `true` or left
//!   out; or it has a `default(…)`, written as an author would write it.
//! - `as` names the scalar that reads the field (`scenario::scalar`), where that is another type. Of an
//!   `optional` field it is what is in the `Option`.
//! - An action without fields has no braces. One whose fields are those of others, too, names their struct in
//!   round brackets; such a struct is an entry of [`fields`].
//! - `says` has one line or several: the variant's fields as a pattern, perhaps with `if`, and what
//!   `format!` takes in either language.

/// Makes a group's enum from its entries, and `$again!(other_macro)`, which gives them to another macro.
macro_rules! actions {
    ($d:tt $again:ident; $($entries:tt)+) => {
        $crate::action::entry::group! { $($entries)+ }

        macro_rules! $again {
            ($d then:ident) => {
                $d then! { $($entries)+ }
            };
        }
        pub(crate) use $again;
    };
}
pub(super) use actions;

/// Makes a struct of fields that several actions have, and `$again!(other_macro)`.
macro_rules! fields {
    ($d:tt $again:ident; $($entry:tt)+) => {
        $crate::action::entry::structure! { $($entry)+ }

        macro_rules! $again {
            ($d then:ident) => {
                $d then! { $($entry)+ }
            };
        }
        pub(crate) use $again;
    };
}
pub(super) use fields;

macro_rules! group {
    (
        $(#[doc = $doc:literal])+
        $group:ident $(($($attribute:meta),+))? {
            $(
                $(#[doc = $action_doc:literal])+
                $key:literal $action:ident $({
                    $(
                        $(#[doc = $field_doc:literal])+
                        $(#[serde($($serde:tt)*)])?
                        $need:ident $(($default:expr))? $field_key:literal $field:ident:
                            $type:ty $(as $scalar:ident)?;
                    )+
                })? $(($fields:ident))? says {
                    $($pattern:tt $(if $guard:expr)? => en($($en:tt)+) zh($($zh:tt)+);)+
                }
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
        $($(#[$attribute])+)?
        pub enum $group {
            $(
                $(#[doc = $action_doc])+
                $action $({
                    $(
                        $(#[doc = $field_doc])+
                        $(#[serde($($serde)*)])?
                        $field: $type,
                    )+
                })? $(($fields))?,
            )+
        }

        impl $group {
            /// The action's key in the YAML.
            #[must_use]
            pub fn key(&self) -> &'static str {
                match self {
                    $(Self::$action { .. } => $key,)+
                }
            }

            /// What it does, in Chinese. In English its `Display` says it.
            #[must_use]
            pub fn in_chinese(&self) -> String {
                match self {
                    $($(Self::$action $pattern $(if $guard)? => format!($($zh)+),)+)+
                }
            }
        }

        impl std::fmt::Display for $group {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $($(Self::$action $pattern $(if $guard)? => write!(f, $($en)+),)+)+
                }
            }
        }
    };
}
pub(super) use group;

macro_rules! structure {
    (
        $(#[doc = $doc:literal])+
        $name:ident {
            $(
                $(#[doc = $field_doc:literal])+
                $(#[serde($($serde:tt)*)])?
                $need:ident $(($default:expr))?
                $field_key:literal $field:ident: $type:ty $(as $scalar:ident)?;
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(
            Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        #[serde(rename_all = "kebab-case")]
        pub struct $name {
            $(
                $(#[doc = $field_doc])+
                $(#[serde($($serde)*)])?
                pub $field: $type,
            )+
        }
    };
}
pub(super) use structure;

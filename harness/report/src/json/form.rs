//! The form of an object in a report for programs: each field says once what it is called, what type it has,
//! and where its value comes from.
//!
//! ```text
//! Name<'a> of value => &'a Type {
//!     /// What programs read of the field.
//!     field: FieldType = value.of_the_field();
//! }
//! ```

/// Makes the type of the object, with its JSON, its schema, and `of`, which takes it from a value.
macro_rules! form {
    ($(
        $name:ident $(<$life:lifetime>)? of $from:pat_param => $type:ty {
            $($(#[$attribute:meta])* $field:ident: $field_type:ty = $value:expr;)+
        }
    )+) => {$(
        #[derive(serde::Serialize, schemars::JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub(crate) struct $name $(<$life>)? {
            $($(#[$attribute])* $field: $field_type,)+
        }

        impl $(<$life>)? $name $(<$life>)? {
            pub(crate) fn of($from: $type) -> Self {
                Self { $($field: $value,)+ }
            }
        }
    )+};
}
pub(crate) use form;

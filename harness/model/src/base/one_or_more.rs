//! A list that is never empty.

use serde::{Deserialize, Serialize};

/// One or more of something, in order. In JSON it is a list, and an empty one is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "Vec<T>",
    into = "Vec<T>",
    bound(serialize = "T: Clone + Serialize")
)]
pub struct OneOrMore<T> {
    first: T,
    more: Vec<T>,
}

/// The list is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the list is empty, where one at least is needed")]
pub struct Empty;

impl<T> OneOrMore<T> {
    /// A list of one.
    #[must_use]
    pub fn new(first: T) -> Self {
        let more = Vec::new();
        Self { first, more }
    }

    /// The first one.
    #[must_use]
    pub fn first(&self) -> &T {
        &self.first
    }

    /// The first one, to be changed.
    pub fn first_mut(&mut self) -> &mut T {
        &mut self.first
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        std::iter::once(&mut self.first).chain(&mut self.more)
    }

    /// Adds one at the end.
    pub fn push(&mut self, one: T) {
        self.more.push(one);
    }
}

impl<T> TryFrom<Vec<T>> for OneOrMore<T> {
    type Error = Empty;
    fn try_from(list: Vec<T>) -> Result<Self, Empty> {
        let mut list = list.into_iter();
        let first = list.next().ok_or(Empty)?;
        let more = list.collect();
        Ok(Self { first, more })
    }
}

impl<T> From<OneOrMore<T>> for Vec<T> {
    fn from(list: OneOrMore<T>) -> Self {
        std::iter::once(list.first).chain(list.more).collect()
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("OneOrMore_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let items = generator.subschema_for::<T>();
        schemars::json_schema!({ "type": "array", "items": items, "minItems": 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_is_refused_and_any_other_comes_back() {
        assert!(serde_json::from_str::<OneOrMore<u8>>("[]").is_err());
        let mut list: OneOrMore<u8> = serde_json::from_str("[1,2]").unwrap();
        list.push(3);
        assert_eq!(list.first(), &1);
        assert_eq!(list.iter().copied().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(serde_json::to_string(&list).unwrap(), "[1,2,3]");
    }
}

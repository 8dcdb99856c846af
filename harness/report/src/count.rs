//! How often each of some things comes.

/// Each once with how often it comes, in the order of the first of each.
pub(crate) fn counted<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<(T, usize)> {
    let mut known = Vec::new();
    items.into_iter().for_each(|item| count(&mut known, item));
    known
}

/// Counts one more of these.
pub(crate) fn count<T: PartialEq>(known: &mut Vec<(T, usize)>, item: T) {
    match known.iter_mut().find(|(one, _)| *one == item) {
        Some((_, count)) => *count += 1,
        None => known.push((item, 1)),
    }
}

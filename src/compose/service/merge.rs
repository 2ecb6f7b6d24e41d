//! How the parts of an override join what they override.

/// Appends the items of `over`; one that is the `same` as an item takes its place.
pub(in crate::compose) fn append<T>(
    items: &mut Vec<T>,
    over: Vec<T>,
    same: impl Fn(&T, &T) -> bool,
) {
    for item in over {
        match items.iter_mut().find(|there| same(there, &item)) {
            Some(there) => *there = item,
            None => items.push(item),
        }
    }
}

/// Takes the value of `over`, if there is one.
pub(in crate::compose) fn replace<T>(value: &mut Option<T>, over: Option<T>) {
    if over.is_some() {
        *value = over;
    }
}

/// Joins two values with `merge`, if both are there.
pub(in crate::compose) fn join<T>(
    value: &mut Option<T>,
    over: Option<T>,
    merge: impl FnOnce(&mut T, T),
) {
    match (value.as_mut(), over) {
        (Some(value), Some(over)) => merge(value, over),
        (None, over) => *value = over,
        (Some(_), None) => {}
    }
}

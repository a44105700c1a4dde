//! Which records go on which page of a transfer.

use std::num::NonZeroUsize;

/// Splits `entries` into pages of at most `per_page`, in order. No entries: no pages.
#[must_use]
pub fn pages<T: Clone>(entries: &[T], per_page: NonZeroUsize) -> Vec<Vec<T>> {
    entries.chunks(per_page.get()).map(<[T]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_on_one_page_in_order() {
        let three = NonZeroUsize::new(3).unwrap();
        assert_eq!(pages(&[1, 2, 3, 4, 5, 6, 7], three), [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
        assert!(pages::<u8>(&[], three).is_empty());
    }
}

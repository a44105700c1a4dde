//! Short texts eight bytes at a time. Names of elements, codes and cells of a table are a few letters long: looking at
//! them in a register takes less time than a call that pays off for long ones.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// Up to this length the first and the last eight bytes are all there is.
const COVERED: usize = 16;

/// Whether both are the same.
#[inline]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && ends(one) == ends(other) && (one.len() <= COVERED || one == other)
}

/// The first and the last bytes of a text, which overlap in a short one. Texts of one length up to 16 with the same ends
/// are the same.
#[inline]
pub(crate) fn ends(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into());
    }
    match text {
        [one, middle @ .., last] => {
            let middle = middle.first().copied().unwrap_or_default();
            (u64::from(*one) | u64::from(middle) << 8, (*last).into())
        }
        [one] => ((*one).into(), 0),
        [] => (0, 0),
    }
}

/// The same of texts that are covered by their ends, for those who keep them.
#[inline]
pub(crate) const fn is_covered(length: usize) -> bool {
    length <= COVERED
}

/// Which bytes of eight are below `bound`, which is at most 128: the highest bit of each is set. Above the first of them
/// others may be set too.
#[inline]
pub(crate) const fn below(eight: u64, bound: u8) -> u64 {
    eight.wrapping_sub(ONES * bound as u64) & !eight & HIGH
}

/// Which bytes of eight are `byte`, in the same way.
#[inline]
pub(crate) const fn equal(eight: u64, byte: u8) -> u64 {
    below(eight ^ (ONES * byte as u64), 1)
}

/// Which bytes of eight are above 0x7E: DEL and whatever is not ASCII. Above the first of them others may be set too.
#[inline]
pub(crate) const fn beyond(eight: u64) -> u64 {
    (eight.wrapping_add(ONES) | eight) & HIGH
}

/// The place of the first byte that `hit` tells, which gets eight at a time and sets the highest bit of each that is
/// looked for. It must tell nothing of an `a`.
#[inline]
pub(crate) fn first(text: &[u8], hit: impl Fn(u64) -> u64) -> Option<usize> {
    let (eights, rest) = text.as_chunks::<8>();
    for (n, eight) in eights.iter().enumerate() {
        let found = hit(u64::from_le_bytes(*eight));
        if found != 0 {
            return Some(n * 8 + place(found));
        }
    }
    if rest.is_empty() {
        return None;
    }
    // The last eight once more as far as they were looked at: nothing was found there.
    if let Some(last) = text.last_chunk() {
        let found = hit(u64::from_le_bytes(*last));
        return (found != 0).then(|| text.len() - 8 + place(found));
    }
    let padded = rest.iter().rev().fold(ONES * u64::from(b'a'), |eight, byte| eight << 8 | u64::from(*byte));
    let found = hit(padded);
    (found != 0).then(|| place(found))
}

const fn place(found: u64) -> usize {
    (found.trailing_zeros() / 8) as usize
}

/// Whether all bytes are visible characters of ASCII.
#[inline]
pub(crate) fn is_graphic(text: &[u8]) -> bool {
    first(text, |eight| below(eight, b'!') | beyond(eight)).is_none()
}

/// Whether a byte of ASCII stands anywhere.
#[inline]
pub(crate) fn has(text: &str, byte: u8) -> bool {
    first(text.as_bytes(), |eight| equal(eight, byte)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_only_if_every_byte_is() {
        let text: Vec<u8> = (0..40).map(|n| b'a' + n % 26).collect();
        for length in 0..40 {
            let one = &text[..length];
            assert!(!same(one, &text[..=length]), "{length}");
            let mut other = one.to_vec();
            assert!(same(one, &other), "{length}");
            for at in 0..length {
                other[at] ^= 0x20;
                assert!(!same(one, &other), "{length} {at}");
                other[at] ^= 0x20;
            }
        }
        assert!(!same(b"aaaaaaaaa", b"aaaaaaaaaa"));
    }

    #[test]
    fn the_first_of_what_is_looked_for_is_found_wherever_it_stands() {
        let hit = |eight| equal(eight, b'<') | equal(eight, b'&');
        for length in 0..40 {
            let mut text = vec![b'='; length];
            assert_eq!(first(&text, hit), None, "{length}");
            for at in (0..length).rev() {
                text[at] = if at % 2 == 0 { b'<' } else { b'&' };
                assert_eq!(first(&text, hit), Some(at), "{length} {at}");
            }
        }
    }

    #[test]
    fn any_byte_is_told_as_one_by_one() {
        for byte in 0..=u8::MAX {
            for (length, at) in [(1, 0), (3, 1), (7, 6), (8, 7), (9, 8), (17, 3), (23, 22)] {
                let mut text = vec![b'z'; length];
                text[at] = byte;
                assert_eq!(is_graphic(&text), byte.is_ascii_graphic(), "{byte} {length} {at}");
                let low = first(&text, |eight| below(eight, b' '));
                assert_eq!(low, (byte < b' ').then_some(at), "{byte} {length} {at}");
                let quote = first(&text, |eight| equal(eight, b'"'));
                assert_eq!(quote, (byte == b'"').then_some(at), "{byte} {length} {at}");
            }
        }
    }
}

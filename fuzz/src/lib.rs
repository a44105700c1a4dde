//! Edits of JSON for the targets that read it. Changing bytes mostly breaks its syntax, which the parser refuses; these
//! edits keep it, and so reach what lies behind.

use serde_json::Value;

/// Numbers that look random (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound.max(1) as u64).unwrap_or(0)
    }
}

/// A few edits of the JSON that `text` is: values dropped, doubled, changed, put elsewhere. `None` if it is no JSON.
pub fn edited(text: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut root: Value = serde_json::from_slice(text).ok()?;
    let mut random = Random(u64::from(seed));
    for _ in 0..=random.below(3) {
        edit(&mut root, &mut random);
    }
    serde_json::to_vec(&root).ok()
}

fn edit(root: &mut Value, random: &mut Random) {
    let total = count(root);
    let (mut at, mut from) = (random.below(total), random.below(total));
    let other = nth(root, &mut from).cloned().unwrap_or_default();
    let Some(value) = nth(root, &mut at) else { return };
    match (random.below(6), &mut *value) {
        (0 | 1, Value::Array(items)) if !items.is_empty() => {
            let n = random.below(items.len());
            if random.below(2) == 0 {
                drop(items.remove(n));
            } else {
                items.push(items[n].clone());
            }
        }
        (0 | 1, Value::Object(map)) if !map.is_empty() => {
            let key = map.keys().nth(random.below(map.len())).cloned().unwrap_or_default();
            let was = map.shift_remove(&key);
            if random.below(2) == 0 {
                let other = map.keys().nth(random.below(map.len())).cloned().unwrap_or_default();
                map.insert(other, was.unwrap_or_default());
            }
        }
        (2, _) => *value = Value::Array(vec![value.take()]),
        (3, _) => *value = odd(random),
        (_, value) => *value = other,
    }
}

/// Values that trip readers up.
fn odd(random: &mut Random) -> Value {
    const TEXTS: &[&str] = &[
        "",
        " ",
        "0",
        "-1",
        "1-0-1",
        "2-5-d",
        "2026",
        "2026-02-30",
        "2026-01-15",
        "9999-12-31T23:59:60+14:00",
        "0001-01-01T00:00:00-14:00",
        "urn:uuid:",
        "#",
        "/",
        "M",
        "बुखार",
        "\u{0}",
        "\u{202e}\u{fffe}",
        "data:;base64,",
        "AAAA",
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">&#x110000;</div>",
        "1e400",
        "150/90",
        ">=",
        "snomed",
        "loinc",
        "https://",
        "99999999999999999999",
        "10 - 20",
        "true",
    ];
    const NUMBERS: &[&str] =
        &["0", "-1", "1e308", "-1e-308", "18446744073709551615", "0.1", "1.50", "-9223372036854775808"];
    match random.below(5) {
        0 => Value::Null,
        1 => Value::Bool(random.below(2) == 0),
        2 => serde_json::from_str(NUMBERS[random.below(NUMBERS.len())]).unwrap_or_default(),
        _ => Value::from(TEXTS[random.below(TEXTS.len())]),
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

fn nth<'v>(value: &'v mut Value, at: &mut usize) -> Option<&'v mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, at)),
        Value::Object(map) => map.values_mut().find_map(|item| nth(item, at)),
        _ => None,
    }
}

/// Half of the time an edit of the JSON after the first `head` bytes, else what libFuzzer does to bytes. The new length.
pub fn mutate(data: &mut [u8], size: usize, most: usize, seed: u32, head: usize) -> usize {
    if seed.is_multiple_of(2)
        && let Some(new) = data.get(head..size).and_then(|text| edited(text, seed))
        && head + new.len() <= most
        && let Some(place) = data.get_mut(head..head + new.len())
    {
        place.copy_from_slice(&new);
        return head + new.len();
    }
    libfuzzer_sys::fuzzer_mutate(data, size, most)
}

//! Names are compared as the table says, whichever is asked for which, and whatever is typed.

use std::collections::BTreeMap;

use domain::name::{Likeness, Name};

/// A line of the table.
struct Pair {
    a: &'static str,
    b: &'static str,
    same: bool,
    why: &'static str,
    missed: bool,
}

fn table() -> Vec<Pair> {
    let lines = include_str!("../data/names.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            let (verdict, missed) = (columns[2], columns.get(4) == Some(&"known miss"));
            assert!(matches!(verdict, "same" | "different") && (columns.len() == 4 || missed), "{line}");
            Pair { a: columns[0], b: columns[1], same: verdict == "same", why: columns[3], missed }
        })
        .collect()
}

fn alike(a: &str, b: &str) -> bool {
    Name::new(a).likeness(&Name::new(b)) != Likeness::Different
}

#[test]
fn every_pair_of_the_table_has_its_verdict() {
    let mut wrong = Vec::new();
    for Pair { a, b, same, why, missed } in table() {
        let similarity = Name::new(a).similarity(&Name::new(b));
        if (alike(a, b) == same) == missed {
            wrong.push(format!(
                "{a} = {b}: {similarity:.3}, should be {same} ({why}){}",
                if missed { " no longer missed" } else { "" }
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_is_large_and_hard_and_misses_little() {
    let table = table();
    let count = |wanted: &dyn Fn(&Pair) -> bool| table.iter().filter(|pair| wanted(pair)).count();
    assert!(count(&|pair| pair.same) >= 200, "same");
    assert!(count(&|pair| !pair.same) >= 100, "different");
    assert!(count(&|pair| pair.missed) * 50 <= table.len(), "misses");
    let mut by_reason: BTreeMap<_, usize> = BTreeMap::new();
    table.iter().for_each(|pair| *by_reason.entry(pair.why).or_default() += 1);
    assert!(by_reason.len() >= 40, "{by_reason:?}");
}

#[test]
fn zz_sweep() {
    for threshold in
        [0.5, 0.6, 0.7, 0.75, 0.8, 0.82, 0.84, 0.85, 0.86, 0.88, 0.89, 0.9, 0.92, 0.94, 0.96, 1.0]
    {
        let (mut tp, mut fp, mut missed) = (0, 0, 0);
        for Pair { a, b, same, .. } in table() {
            let found = Name::new(a).similarity(&Name::new(b)) >= threshold;
            match (found, same) {
                (true, true) => tp += 1,
                (true, false) => fp += 1,
                (false, true) => missed += 1,
                _ => {}
            }
        }
        eprintln!("{threshold}: found {tp}, wrongly {fp}, missed {missed}");
    }
}

//! Names are compared as the table says, whichever is asked for which, and whatever is typed.

use std::collections::BTreeMap;

use domain::name::{Likeness, Name};
use proptest::prelude::*;

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
fn precision_and_recall_are_what_the_documentation_says() {
    let count = |wanted: fn(bool, bool) -> bool| {
        let table = table().into_iter();
        table.filter(|pair| wanted(pair.same, alike(pair.a, pair.b))).count()
    };
    assert_eq!(count(|same, found| !same && found), 2, "wrongly");
    assert_eq!(count(|same, found| same && !found), 4, "missed");
}

#[test]
fn the_same_name_is_better_than_one_that_is_alike() {
    let likeness = |a: &str, b: &str| Name::new(a).likeness(&Name::new(b));
    assert_eq!(likeness("Mr Mohd Khan", "KHAN MOHAMMED"), Likeness::Same);
    assert_eq!(likeness("Sunita Devi", "Sunita"), Likeness::Alike);
    assert_eq!(likeness("Ramesh Kumar", "Ramesh Kumar Sharma"), Likeness::Alike);
    assert_eq!(likeness("Priyanka", "Priynka"), Likeness::Alike);
    assert!(Likeness::Same > Likeness::Alike && Likeness::Alike > Likeness::Different);
}

#[test]
fn a_name_without_letters_is_nobodys() {
    for nothing in ["", " ", "...", "(Raju)", "\u{94d}", "😀", "'"] {
        assert!(!alike(nothing, nothing), "{nothing:?}");
        assert!(!alike(nothing, "Asha"), "{nothing:?}");
    }
}

#[test]
fn a_name_shows_nothing_when_debugged() {
    assert_eq!(format!("{:?}", Name::new("Asha Rao")), "Name(..)");
}

#[test]
fn names_longer_than_any_are_only_compared_as_a_whole() {
    let long = "Asha ".repeat(51);
    assert!(alike(&long, &long));
    assert!(!alike(&long, &format!("{long} Rao")));
    assert!(!alike(&long, "Asha"));
    let word = "a".repeat(255);
    assert!(!alike(&format!("Asha {word}"), "Asha"));
    for unit in ["a", "ab ", "mr ", "S/o ", "((", "क्", "க்ஷ", "م", "x y ", "बेबी ", "\u{1F468}\u{200D}", "ﷺ"]
    {
        let odd = unit.repeat(20_000);
        assert!(!alike(&odd, "Asha Rao"), "{unit}");
    }
}

/// Words as people write them, in several scripts, and what stands between and before them.
fn written() -> impl Strategy<Value = String> {
    let words = table().into_iter().flat_map(|pair| [pair.a, pair.b]).flat_map(str::split_whitespace);
    let words: Vec<_> = words.chain(["Mr", "S/o", "B", "(", ")", "Md", "of", "baby"]).collect();
    prop::collection::vec(prop::sample::select(words), 0..6).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn it_does_not_matter_who_is_compared_with_whom(a in written(), b in written()) {
        let (a, b) = (Name::new(&a), Name::new(&b));
        prop_assert_eq!(a.likeness(&b), b.likeness(&a));
        prop_assert!((a.similarity(&b) - b.similarity(&a)).abs() < 1e-12);
        prop_assert!((0.0..=1.0).contains(&a.similarity(&b)));
    }

    #[test]
    fn whatever_is_typed_is_read(a in any::<String>(), b in "\\PC{0,300}") {
        let likeness = Name::new(&a).likeness(&Name::new(&b));
        prop_assert_eq!(Name::new(&b).likeness(&Name::new(&a)), likeness);
        prop_assert_eq!(Name::new(&a).likeness(&Name::new(&a)) != Likeness::Same, Name::new(&a).likeness(&Name::new(&a)) == Likeness::Different);
    }

    #[test]
    fn the_order_of_words_does_not_count(
        words in prop::collection::vec("[a-z]{4,9}", 1..5).prop_shuffle(),
        turn in 0_usize..5,
    ) {
        let mut turned = words.clone();
        turned.rotate_left(turn % words.len());
        prop_assert_eq!(Name::new(&words.join(" ")).likeness(&Name::new(&turned.join(" "))), Likeness::Same);
        turned.reverse();
        prop_assert_eq!(Name::new(&words.join(" ")).likeness(&Name::new(&turned.join(" "))), Likeness::Same);
    }

    #[test]
    fn capitals_spaces_and_titles_do_not_count(name in prop::sample::select(vec!["Asha Rao", "Ramesh Kumar Sharma", "Md Imran", "K Ramesh"])) {
        for other in [name.to_uppercase(), format!("  {}  ", name.replace(' ', "   ")), format!("Dr. {name}"), format!("Shri {name}")] {
            prop_assert_eq!(Name::new(name).likeness(&Name::new(&other)), Likeness::Same, "{}", other);
        }
    }
}

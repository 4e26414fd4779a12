//! Circles between files and folders are found, and nothing else is.

use super::*;

fn findings(files: &[(&str, &str)]) -> Vec<String> {
    let file = |(path, text): &(&str, &str)| SourceFile { path: path.into(), text: (*text).to_owned() };
    let files: Vec<_> = files.iter().map(file).collect();
    check(&files).iter().map(ToString::to_string).collect()
}

fn assert_one(files: &[(&str, &str)], expected: &str) {
    let found = findings(files);
    assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
}

#[test]
fn files_that_use_one_another_are_a_circle_with_its_names() {
    let found = findings(&[
        ("a/src/lib.rs", "mod one; mod two; mod three;"),
        ("a/src/one.rs", "use crate::two::Two; pub struct One;"),
        ("a/src/two.rs", "pub struct Two; fn two() { super::three::three() }"),
        ("a/src/three.rs", "pub fn three() -> Option<crate::one::One> { None }"),
    ]);
    let way = "a/src/two.rs uses three of a/src/three.rs uses One of a/src/one.rs uses Two of a/src/two.rs";
    assert!(found.len() == 1 && found[0].contains("a circle of imports: "), "{found:?}");
    let turned: Vec<_> = way.split(" of ").skip(1).collect();
    assert!(turned.iter().all(|part| found[0].contains(part)), "{found:?}");
}

#[test]
fn what_goes_one_way_is_none() {
    let found = findings(&[
        ("a/src/lib.rs", "//! Its own things are used by nobody.\nmod one; mod two; pub use one::One;"),
        ("a/src/one.rs", "use std::fmt; use crate::two::*; pub struct One;"),
        ("a/src/two.rs", "pub(super) struct Two;\n#[cfg(test)] mod tests { use crate::One; }"),
    ]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_name_that_is_handed_on_is_of_the_file_that_defines_it() {
    let face = [
        ("a/src/lib.rs", "mod parts; mod whole;"),
        ("a/src/parts/mod.rs", "mod one; mod two; pub use one::One; pub use two::*;"),
        ("a/src/parts/one.rs", "use super::Two; pub struct One;"),
        ("a/src/whole.rs", "use crate::parts::{One, Two};"),
    ];
    let with = |two| [face.as_slice(), &[("a/src/parts/two.rs", two)]].concat();
    assert_eq!(findings(&with("pub struct Two;")), [""; 0]);
    assert_one(&with("pub struct Two(super::One);"), "a/src/parts/one.rs");
}

#[test]
fn a_parent_that_uses_its_child_and_gives_it_a_type_is_a_circle() {
    let parent = ("a/src/one.rs", "mod child; pub struct One; fn one() { child::grow() }");
    let child = ("a/src/one/child.rs", "use super::One; pub fn grow() {}");
    assert_one(&[("a/src/lib.rs", "mod one;"), parent, child], "a/src/one/child.rs uses One of a/src/one.rs");
}

#[test]
fn folders_are_compared_though_no_file_of_theirs_is_in_a_circle() {
    let files = [
        ("a/src/lib.rs", "mod low; mod high;"),
        ("a/src/low/mod.rs", "mod base; mod odd; pub use base::Base; pub use odd::odd;"),
        ("a/src/low/base.rs", "pub struct Base;"),
        ("a/src/low/odd.rs", "pub fn odd() -> Option<crate::high::High> { None }"),
        ("a/src/high.rs", "pub struct High(crate::low::Base);"),
    ];
    assert_one(&files, "a/src/high.rs:1: a circle of imports: high.rs uses Base of low uses High of high.rs");
}

#[test]
fn paths_in_the_arguments_of_macros_count() {
    let files = [
        ("a/src/lib.rs", "mod one; mod two;"),
        ("a/src/one.rs", "pub struct One; fn one() { println!(\"{}\", crate::two::TWO) }"),
        ("a/src/two.rs", "pub const TWO: crate::one::One = crate::one::One;"),
    ];
    assert_one(&files, "TWO of a/src/two.rs");
}

#[test]
fn crates_of_tests_import_what_they_like() {
    let files = [
        ("tests/src/lib.rs", "mod one; mod two;"),
        ("tests/src/one.rs", "pub struct One(crate::two::Two);"),
        ("tests/src/two.rs", "pub struct Two(crate::one::One);"),
    ];
    assert_eq!(findings(&files), [""; 0]);
}

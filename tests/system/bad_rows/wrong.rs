//! What was wrong with a case, each kind once: hundreds of answers fail for one cause.

use std::collections::BTreeMap;

const KINDS_SHOWN: usize = 12;
const LETTERS_SHOWN: usize = 600;

/// The first of each kind, with how many there were. Kinds differ by more than numbers.
pub(super) fn summary(wrong: &[String]) -> String {
    let mut kinds: BTreeMap<String, (usize, &String)> = BTreeMap::new();
    for text in wrong {
        let kind = text.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        kinds.entry(kind).or_insert((0, text)).0 += 1;
    }
    let shown = kinds.values().take(KINDS_SHOWN).map(|(times, text)| {
        let text: String = text.chars().take(LETTERS_SHOWN).collect();
        format!("{times} × {text}")
    });
    let shown: Vec<String> = shown.collect();
    format!("{} kinds\n{}", kinds.len(), shown.join("\n"))
}

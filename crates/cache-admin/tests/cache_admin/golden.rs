//! Golden outputs: what a command prints, as a file beside these tests, with what differs from run to run masked.

use std::path::Path;

use test_support::assert_golden;

/// Fails unless the file `golden/{name}` says the same.
pub(crate) fn assert(name: &Path, shown: &str) {
    assert_golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cache_admin/golden").join(name), shown);
}

/// Without times, memory and histories, which no two runs share. In text the width stays, so that tables keep their
/// shape.
pub(crate) fn masked(shown: &str) -> String {
    shown.lines().map(|line| masked_line(line) + "\n").collect()
}

const CHANGING_MEMBERS: [&str; 3] = ["\"ttl_seconds\": ", "\"expires_at\": ", "\"memory_bytes\": "];
const CHANGING_ROWS: [&str; 2] = ["│ expires ", "│ memory on the server "];

fn masked_line(line: &str) -> String {
    let end_of = |names: &[&str]| names.iter().find_map(|name| line.find(name).map(|at| at + name.len()));
    if let Some(end) = end_of(&CHANGING_MEMBERS).filter(|end| !line[*end..].starts_with("null")) {
        let comma = if line.ends_with(',') { "," } else { "" };
        return format!("{}#{comma}", &line[..end]);
    }
    if let Some(end) = end_of(&CHANGING_ROWS) {
        return line[..end].to_owned() + &line[end..].replace(|c: char| c.is_ascii_digit(), "#");
    }
    let words = line.split(' ').map(|word| if is_history(word) { mask_history(word) } else { word.to_owned() });
    words.collect::<Vec<_>>().join(" ")
}

/// Run id and replication id, 40 hexadecimal digits each, and the 16 of the data; or the beginning of the first.
fn is_history(word: &str) -> bool {
    let is_hex = |id: &str| id.chars().all(|c| c.is_ascii_hexdigit());
    if let Some(id) = word.strip_suffix('…') {
        return id.len() == 12 && is_hex(id);
    }
    let ids: Vec<&str> = word.trim_matches(['"', ',']).split(':').collect();
    ids.iter().map(|id| id.len()).eq([40, 40, 16]) && ids.into_iter().all(is_hex)
}

fn mask_history(word: &str) -> String {
    word.replace(|c: char| c.is_ascii_hexdigit(), "#")
}

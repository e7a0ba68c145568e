//! What both kinds of bodies need to say about JSON.

/// The longest text from a request that goes into a message.
const EXCERPT: usize = 64;

/// The longest message of serde's that is passed on; it may quote a value from the request.
const MESSAGE: usize = 200;

/// A text from a request for a message: the whole, or its beginning.
pub(crate) fn excerpt(text: &str) -> String {
    cut(text, EXCERPT)
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Why a body is not JSON. NaN and Infinity, which many languages write and JSON does not have,
/// are named as such.
pub(crate) fn explain(body: &[u8], error: &serde_json::Error) -> String {
    let word = word_at(body, error.line(), error.column());
    if matches!(word, b"NaN" | b"nan" | b"Infinity" | b"infinity" | b"inf" | b"Inf") {
        let (line, column) = (error.line(), error.column());
        return format!(
            "NaN and Infinity are not JSON; leave a missing value null (line {line}, column {column})"
        );
    }
    match error.classify() {
        serde_json::error::Category::Eof if body.iter().all(u8::is_ascii_whitespace) => {
            "the body is empty".into()
        }
        serde_json::error::Category::Data => cut(&error.to_string(), MESSAGE),
        serde_json::error::Category::Eof => format!("the JSON ends too early: {error}"),
        _ => format!("the body is not valid JSON: {error}"),
    }
}

/// The run of letters around a position, both counted from one as serde_json does.
fn word_at(body: &[u8], line: usize, column: usize) -> &[u8] {
    let Some(line) = body.split(|byte| *byte == b'\n').nth(line.saturating_sub(1)) else { return &[] };
    // In "-Infinity" the position is that of the letter or of the sign before it.
    let mut middle = column.saturating_sub(1).min(line.len());
    if line.get(middle) == Some(&b'-') {
        middle += 1;
    }
    let letters = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let after = letters(&line[middle.min(line.len())..]);
    let before = line[..middle].iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    &line[middle - before..middle + after]
}

/// The candidate that a misspelt name most likely meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Such a long name is no slip of the finger, and comparing it would cost the server.
    if name.len() > EXCERPT {
        return None;
    }
    candidates
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance, one row of the table at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, left) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: &str) {
        let error = serde_json::from_str::<serde_json::Value>(body).unwrap_err();
        assert_eq!(explain(body.as_bytes(), &error), expect);
    }

    #[test]
    fn nan_and_infinity_are_explained() {
        for body in [r#"{"a": NaN}"#, r#"{"a": nan}"#, "[\n1, -Infinity]", "[Infinity]", "[inf]", "[-inf]"] {
            let error = serde_json::from_str::<serde_json::Value>(body).unwrap_err();
            let text = explain(body.as_bytes(), &error);
            assert!(text.starts_with("NaN and Infinity are not JSON; leave a missing value null"), "{text}");
        }
    }

    #[test]
    fn other_errors_keep_their_place() {
        check("", "the body is empty");
        check("{", "the JSON ends too early: EOF while parsing an object at line 1 column 1");
        check("[nul]", "the body is not valid JSON: expected ident at line 1 column 5");
        check("[1,\nx]", "the body is not valid JSON: expected value at line 2 column 1");
    }

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["tenure", "contract", "monthly_charges"];
        for (name, expect) in [
            ("tenur", Some("tenure")),
            ("Contract", Some("contract")),
            ("monthlycharges", Some("monthly_charges")),
            ("age", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names.into_iter()), expect, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(1000), names.into_iter()), None);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(excerpt("ü"), "ü");
        assert_eq!(excerpt(&"ü".repeat(65)), format!("{}...", "ü".repeat(64)));
    }
}

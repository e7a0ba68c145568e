//! Regular expressions in the dialect of RE2, which ONNX and onnxruntime name.
//!
//! Source: <https://github.com/google/re2/wiki/Syntax>.
//! The engine is that of the crate `regex`, which reads nearly the same syntax; here is what differs. `\d`, `\s`, `\w`
//! and `\b` are ASCII in RE2, `[` `&` `~` and `-` have no further meaning within a class, `\Q..\E` quotes, and a brace
//! that repeats nothing is a character. Unicode has the general categories (`\pL`), not the scripts (`\p{Greek}`).
//! Matching takes time linear in the text; the compiled pattern has a limit.

use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::{primitives::NonMaxUsize, syntax};
use regex_automata::{Anchored, Input, MatchKind};
use tract_onnx::tract_hir::internal::*;

/// Enough for a few hundred repetitions of a Unicode class.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// A pattern, compiled.
#[derive(Debug)]
pub(crate) struct Re2 {
    /// Knows where the leftmost match begins.
    leftmost: PikeVM,
    /// Knows where the longest match from there ends.
    longest: PikeVM,
}

/// Memory that searches use.
pub(crate) struct Scratch {
    leftmost: pikevm::Cache,
    longest: pikevm::Cache,
}

impl Re2 {
    pub(crate) fn new(pattern: &str) -> TractResult<Self> {
        let compile = || -> TractResult<Self> {
            let nfa = NFA::compiler()
                .syntax(syntax::Config::new().utf8(false))
                .configure(thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_COMPILED_BYTES)))
                .build(&translate(pattern)?)
                .map_err(|error| format_err!("{}", reason(&error)))?;
            let engine = |kind, nfa: NFA| -> TractResult<PikeVM> {
                let config = PikeVM::config().match_kind(kind);
                Ok(PikeVM::builder().configure(config).build_from_nfa(nfa)?)
            };
            Ok(Self {
                leftmost: engine(MatchKind::LeftmostFirst, nfa.clone())?,
                longest: engine(MatchKind::All, nfa)?,
            })
        };
        compile().with_context(|| {
            let start: String = pattern.chars().take(60).collect();
            format!("expected a regular expression of RE2's syntax, got {start:?}")
        })
    }

    pub(crate) fn scratch(&self) -> Scratch {
        Scratch { leftmost: self.leftmost.create_cache(), longest: self.longest.create_cache() }
    }

    /// Whether the pattern matches all of `text`.
    pub(crate) fn is_full_match(&self, scratch: &mut Scratch, text: &str) -> bool {
        let all = Input::new(text).anchored(Anchored::Yes);
        search(&self.longest, &mut scratch.longest, &all).is_some_and(|(_, end)| end == text.len())
    }

    /// The leftmost and longest match in `text` at or after `from`, as bytes from and to.
    pub(crate) fn find(&self, scratch: &mut Scratch, text: &str, from: usize) -> Option<(usize, usize)> {
        let rest = Input::new(text).range(from..);
        let (start, _) = search(&self.leftmost, &mut scratch.leftmost, &rest)?;
        search(&self.longest, &mut scratch.longest, &rest.range(start..).anchored(Anchored::Yes))
    }
}

/// The reason alone, which comes last where the error shows the pattern.
fn reason(error: &dyn std::error::Error) -> String {
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").into()
}

fn search(vm: &PikeVM, cache: &mut pikevm::Cache, input: &Input<'_>) -> Option<(usize, usize)> {
    let mut slots: [Option<NonMaxUsize>; 2] = [None; 2];
    vm.search_slots(cache, input, &mut slots)?;
    Some((slots[0]?.get(), slots[1]?.get()))
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// RE2's syntax as that of the crate `regex`.
fn translate(pattern: &str) -> TractResult<String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => escape(&mut chars, &mut out)?,
            '[' => class(&mut chars, &mut out)?,
            '{' if !is_repetition(chars.clone()) => out.push_str(r"\{"),
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// Whether `m}`, `m,}` or `m,n}` follows the brace.
fn is_repetition(mut chars: Chars<'_>) -> bool {
    let mut digits = false;
    let mut comma = false;
    loop {
        match chars.next() {
            Some('0'..='9') => digits = true,
            Some(',') if digits && !comma => comma = true,
            Some('}') => return digits,
            _ => return false,
        }
    }
}

/// What follows a backslash outside of a class.
fn escape(chars: &mut Chars<'_>, out: &mut String) -> TractResult<()> {
    match chars.next().context("a backslash at the end")? {
        // No letter of another script is a case of an ASCII one here.
        c @ ('d' | 's' | 'w') => ["(?-i:[", ascii(c), "])"].into_iter().for_each(|part| out.push_str(part)),
        c @ ('D' | 'S' | 'W') => ["(?-i:[^", ascii(c), "])"].into_iter().for_each(|part| out.push_str(part)),
        c @ ('b' | 'B') => {
            ["(?-u:\\", c.encode_utf8(&mut [0; 4]), ")"].into_iter().for_each(|part| out.push_str(part))
        }
        'Q' => quoted(chars, out),
        'C' => bail!("\\C, a byte, is not supported"),
        c => escaped(c, chars, out),
    }
    Ok(())
}

/// The characters of `\d`, `\s` and `\w`.
fn ascii(class: char) -> &'static str {
    match class.to_ascii_lowercase() {
        'd' => "0-9",
        's' => r"\t\n\f\r ",
        _ => "0-9A-Z_a-z",
    }
}

/// Up to `\E`, or to the end, all is literal.
fn quoted(chars: &mut Chars<'_>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next_if_eq(&'E').is_some() {
            return;
        }
        literal(c, out);
    }
}

/// An escape that means the same in both dialects.
fn escaped(c: char, chars: &mut Chars<'_>, out: &mut String) {
    if c.is_ascii_punctuation() {
        return literal(c, out);
    }
    let mut c = c;
    let mut braced = String::new();
    if matches!(c, 'p' | 'P' | 'x') && chars.next_if_eq(&'{').is_some() {
        // RE2 negates within the braces, too.
        if c != 'x' && chars.next_if_eq(&'^').is_some() {
            c = if c == 'p' { 'P' } else { 'p' };
        }
        braced.push('{');
        braced.extend(chars.by_ref().take_while(|c| *c != '}'));
        braced.push('}');
    }
    out.extend(['\\', c]);
    out.push_str(&braced);
}

fn literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation()
        && !matches!(c, '!' | '"' | '%' | '\'' | ',' | '/' | ':' | ';' | '<' | '=' | '>' | '@' | '_' | '`')
    {
        out.push('\\');
    }
    out.push(c);
}

/// A class after its bracket.
fn class(chars: &mut Chars<'_>, out: &mut String) -> TractResult<()> {
    out.push('[');
    out.extend(chars.next_if_eq(&'^'));
    let mut first = true;
    loop {
        let c = chars.next().context("a class without its closing bracket")?;
        match (c, chars.peek().copied()) {
            (']', _) if !first => break,
            ('[', Some(':')) if named(chars, out) => (),
            ('\\', Some('d' | 's' | 'w')) => out.push_str(ascii(chars.next().unwrap_or_default())),
            ('\\', Some('D' | 'S' | 'W')) => ["[^", ascii(chars.next().unwrap_or_default()), "]"]
                .into_iter()
                .for_each(|part| out.push_str(part)),
            ('\\', Some('p' | 'P')) => escaped(chars.next().unwrap_or_default(), chars, out),
            _ => {
                single(c, chars, out)?;
                let mut ahead = chars.clone();
                if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
                    out.extend(chars.next());
                    let c = chars.next().context("a class without its closing bracket")?;
                    single(c, chars, out)?;
                }
            }
        }
        first = false;
    }
    out.push(']');
    Ok(())
}

/// `[:alpha:]` or the like within a class, if that is what follows the bracket.
fn named(chars: &mut Chars<'_>, out: &mut String) -> bool {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
        "upper", "word", "xdigit",
    ];
    let name: String =
        chars.clone().skip(1).take_while(|c| *c == '^' || c.is_ascii_lowercase()).take(8).collect();
    let mut ahead = chars.clone().skip(1 + name.len());
    let named = NAMES.contains(&name.trim_start_matches('^'))
        && ahead.next() == Some(':')
        && ahead.next() == Some(']');
    if named {
        out.extend(["[:", &name, ":]"]);
        chars.nth(name.len() + 2);
    }
    named
}

/// One character of a class.
fn single(c: char, chars: &mut Chars<'_>, out: &mut String) -> TractResult<()> {
    if c != '\\' {
        literal(c, out);
        return Ok(());
    }
    let c = chars.next().context("a backslash at the end")?;
    ensure!(
        c.is_ascii_punctuation() || matches!(c, 'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'x'),
        "\\{c} is no character of a class"
    );
    escaped(c, chars, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let re = Re2::new(pattern).unwrap();
        let mut scratch = re.scratch();
        for (texts, expect) in [(matching, true), (others, false)] {
            for text in texts {
                assert_eq!(re.is_full_match(&mut scratch, text), expect, "{pattern} on {text:?}");
            }
        }
    }

    fn refuse(pattern: &str, expect: &str) {
        let error = format!("{:#}", Re2::new(pattern).unwrap_err());
        assert!(error.contains(expect), "{pattern}: {error}");
    }

    /// What onnxruntime, which has RE2, answers.
    #[test]
    fn perl_classes_are_ascii_and_the_dot_is_unicode() {
        check(r"\w+", &["a", "_9"], &["é", "aé", ""]);
        check(r"\d", &["1"], &["٣"]);
        check(r"\s+", &[" \t\n\x0c\r"], &["\x0b", "\u{a0}"]);
        check(r"\D\W\S", &["éé漢"], &["1éé"]);
        check(r"\bé\b", &[], &["é"]);
        check(".", &["é", "\r"], &["\n"]);
        check("(?s).", &["\n"], &[]);
        check(r"\pL+", &["aé"], &["1"]);
        check(r"\p{^L}\PL\p{Any}", &["12a"], &["a2a"]);
        check("(?i)é", &["É", "é"], &[]);
        check(r"(?i)\w", &["a"], &["ſ"]);
    }

    #[test]
    fn classes_have_no_set_operations() {
        check("[a&&b]+", &["a&b"], &[]);
        check("[a[]+", &["[a"], &[]);
        check("[]a]+", &["]a"], &[]);
        check("[a~~b]", &["~"], &[]);
        check("[!--b]", &["-", "b", "#"], &["."]);
        check(r"[\w-]+", &["a-b"], &["é"]);
        check(r"[\d\s]+[^\w]", &["1 2é"], &["1 a"]);
        check(r"[[:word:]]+[[:^alpha:]]", &["a_1é"], &["é1"]);
        check("[[:]+", &["[:"], &[]);
        check("[[.a.]]", &["a]", ".]"], &["a"]);
        check(r"[\pL\d]+[\PL]", &["é11"], &["é1é"]);
        check(r"[\]\x{e9}-\xea]+", &["]éê"], &["ë"]);
        check("[a-]", &["a", "-"], &[]);
    }

    #[test]
    fn braces_quotes_and_escapes_read_as_in_re2() {
        for text in ["{", "a{", "a{1", "}", "]", "a{,2}", "a b # c"] {
            check(text, &[text], &["a"]);
        }
        check("a{2}b{1,}", &["aab"], &["ab"]);
        check(r"\Qa.b\E+", &["a.bb"], &["axb"]);
        check(r"\<\_\-\x{e9}\x41\a", &["<_-éA\x07"], &[]);
        check(r"\Aa|ab\z", &["a", "ab"], &[]);
        check("(?P<n>a)(?<m>b)(?:c)", &["abc"], &[]);
        check("a$", &["a"], &["a\n"]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn the_longest_of_the_leftmost_matches_is_found() {
        let find = |pattern: &str, text: &str| {
            let re = Re2::new(pattern).unwrap();
            re.find(&mut re.scratch(), text, 0)
        };
        assert_eq!(find("a|ab", "xab"), Some((1, 3)));
        assert_eq!(find("a+?", "aaa"), Some((0, 3)));
        assert_eq!(find("(a?)(ab)?", "aab"), Some((0, 3)));
        assert_eq!(find("b", "aé"), None);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        refuse("(", "got \"(\"");
        refuse("[a", "closing bracket");
        refuse(r"[a-\d]", "no character of a class");
        refuse(r"[\b]", "no character of a class");
        refuse("\\", "a backslash at the end");
        refuse(r"(a)\1", "backreferences are not supported");
        refuse("(?=a)a", "look-around");
        refuse(r"\C", "not supported");
        refuse(r"\h", "unrecognized escape");
        refuse(r"((\pL{100}){100}){10}", "exceeded limit");
        refuse(r"(?:(?:(?:a?){1000}){1000}){1000}", "exceeded limit");
        refuse(&["(".repeat(10_000), ")".repeat(10_000)].concat(), "nest");
    }
}

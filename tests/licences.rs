//! The licences of everything that is compiled into the program.

use std::process::Command;

/// Licences that ask for no more than that they are passed on.
const ALLOWED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Whether an SPDX expression leaves a choice that is allowed. `/` is how `OR` once was written.
fn is_allowed(expression: &str) -> bool {
    split(&expression.replace('/', " OR "), " OR ").any(|choice| {
        split(choice, " AND ").all(|term| {
            let group = term.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
            group.map_or_else(|| ALLOWED.contains(&term), is_allowed)
        })
    })
}

/// The parts of an expression between an operator, where that is not within parentheses.
fn split<'e>(expression: &'e str, operator: &'e str) -> impl Iterator<Item = &'e str> {
    let is_outside = move |&(at, _): &(usize, &str)| {
        let before = &expression[..at];
        before.matches('(').count() == before.matches(')').count()
    };
    let mut begin = 0;
    let parts: Vec<_> = expression
        .match_indices(operator)
        .filter(is_outside)
        .map(|(end, _)| {
            let part = &expression[begin..end];
            begin = end + operator.len();
            part
        })
        .collect();
    parts
        .into_iter()
        .chain([&expression[begin..]])
        .map(str::trim)
}

#[test]
fn an_expression_is_allowed_if_one_of_its_choices_is() {
    for (expression, allowed) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0 OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 / MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND GPL-3.0 OR ISC", true),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND GPL-3.0", false),
        ("MIT AND (GPL-3.0 OR ISC)", true),
        ("GPL-3.0 AND (MIT OR ISC) OR Zlib", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
    ] {
        assert_eq!(is_allowed(expression), allowed, "{expression}");
    }
}

#[test]
fn every_dependency_has_a_licence_that_allows_its_use() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{l}: {p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs the tests");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let tree = String::from_utf8(output.stdout).expect("it is text");
    assert!(tree.lines().count() > 100, "all are there");
    let refused: Vec<_> = tree
        .lines()
        .filter(|line| !is_allowed(line.split_once(": ").expect("as in the format").0))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

//! The command lines of the documentation are understood by the program, and its YAML is YAML: what is documented does
//! not rot.

use std::path::Path;

use clap::Parser as _;
use serde_json::Value;

use super::args::Cli;

const PAGES: [(&str, &str); 3] = [
    ("README.md", include_str!("../../../README.md")),
    ("docs/ci.md", include_str!("../../../docs/ci.md")),
    (
        "suites/targets/README.md",
        include_str!("../../../suites/targets/README.md"),
    ),
];

/// The keys of a job whose values are files that it keeps or sends.
const KEPT: [&str; 6] = [
    "path",
    "paths",
    "junit",
    "metrics",
    "sarif_file",
    "output-file-path",
];

/// The keys of a job whose values are commands, or files that an action writes.
const WRITES: [&str; 3] = ["run", "script", "external-data-json-path"];

/// The blocks of a page in this language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let fence = format!("\n```{language}\n");
    let rest = |start: usize| &page[start + fence.len()..];
    let starts = page.match_indices(&fence).map(|(start, _)| start);
    let block = |start| rest(start).split("\n```").next().unwrap_or_default();
    starts.map(block).collect()
}

/// The words of every call of the program in a script, a job or a pipeline. What stands for something is a 1.
fn calls(block: &str) -> Vec<Vec<String>> {
    let joined = block.replace("\\\n", " ");
    let mut calls = Vec::new();
    for line in joined.lines() {
        let line = line.split(" # ").next().unwrap_or(line);
        for (start, _) in line.match_indices("p11assay ") {
            // At the beginning of a command: after nothing, a key of YAML, a quote of Groovy, or another command.
            let before = line[..start].trim_end();
            let begins = before.is_empty()
                || [
                    "-",
                    "run:",
                    "sh '",
                    "&&",
                    "--run",
                    "-p p11assay --",
                    "--release --",
                ]
                .iter()
                .any(|end| before.ends_with(end))
                || before.ends_with(" p11assay");
            if begins && !before.ends_with("--bin") {
                calls.push(words(&line[start..]));
            }
        }
    }
    calls
}

/// The words of a command up to its end, without what its shell does with it.
fn words(command: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut quote, mut begun) = (String::new(), None, false);
    let mut letters = command.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(end), letter) if letter == end => quote = None,
            (_, '$') => {
                let closing = letters.next_if_eq(&'{').map(|_| '}');
                let inside = |next: &char| match closing {
                    Some(end) => *next != end,
                    None => next.is_ascii_alphanumeric() || *next == '_',
                };
                while letters.next_if(inside).is_some() {}
                while closing.is_some_and(|end| letters.next_if_eq(&end).is_some()) {}
                word.push('1');
                begun = true;
            }
            (Some(_), letter) => word.push(letter),
            (None, '\'') if !begun && letters.peek().is_none() => break,
            (None, '\'' | '"') => (quote, begun) = (Some(letter), true),
            (None, '|' | '>' | '&' | ';') => break,
            (None, letter) if letter.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (None, letter) => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// The jobs of a page, file by file.
fn jobs((page, text): (&str, &str)) -> Vec<Value> {
    let read = |job| crate::yaml::from_str::<Value>(Path::new(page), job);
    let blocks = blocks(text, "yaml").into_iter();
    blocks
        .map(|job| read(job).unwrap_or_else(|error| panic!("{error:?}")))
        .collect()
}

/// All strings below these keys, line by line.
fn lines<'j>(job: &'j Value, keys: &[&str], below: bool, found: &mut Vec<&'j str>) {
    match job {
        Value::String(text) if below => found.extend(text.lines()),
        Value::Array(items) => items
            .iter()
            .for_each(|item| lines(item, keys, below, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                lines(value, keys, below || keys.contains(&key.as_str()), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_documented_command_line_is_understood() {
    let mut understood = 0;
    for (page, text) in PAGES {
        for language in ["sh", "yaml", "groovy"] {
            for words in blocks(text, language).into_iter().flat_map(calls) {
                if let Err(error) = Cli::try_parse_from(&words) {
                    panic!("{page}: {words:?}: {error}");
                }
                understood += 1;
            }
        }
    }
    assert!(understood > 50, "{understood}");
}

#[test]
fn every_documented_job_is_yaml() {
    let jobs = jobs(PAGES[1]);
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        assert!(job.as_object().is_some_and(|job| job.len() > 3), "{job}");
    }
}

#[test]
fn what_a_documented_job_keeps_is_what_it_writes() {
    let mut seen = 0;
    for file in jobs(PAGES[1]) {
        let jobs = file.get("jobs").unwrap_or(&file).as_object().unwrap();
        for (name, job) in jobs {
            let (mut kept, mut written) = (Vec::new(), Vec::new());
            lines(job, &KEPT, false, &mut kept);
            lines(job, &WRITES, false, &mut written);
            let words = written.iter().flat_map(|line| line.split_whitespace());
            for path in kept {
                // Up to the first letter that stands for others.
                let stem = path.split(['*', '$', '/']).next().unwrap_or_default();
                let writes = |word: &str| word.trim_matches('"').starts_with(stem);
                assert!(
                    !stem.is_empty() && words.clone().any(writes),
                    "{name}: {path}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn the_image_is_not_sent_what_git_does_not_keep() {
    let sent = include_str!("../../../.dockerignore");
    for made in include_str!("../../../.gitignore").lines() {
        let made = made.trim_matches('/');
        let left_out = |line: &str| line == made || line.strip_prefix("**/") == Some(made);
        assert!(sent.lines().any(left_out), "{made}");
    }
}

#[test]
fn calls_are_found_in_scripts_jobs_and_pipelines() {
    let block = "p11assay list \\\n  --targets > x  # all\n      - run: p11assay run --partition ${{ matrix.part }}/4\n\
                 sh 'p11assay probe || true'\npodman run x p11assay p11assay run --filter 'a & b'\nls p11assay x";
    let found: Vec<String> = calls(block).iter().map(|words| words.join(" ")).collect();
    let expected = [
        "p11assay list --targets",
        "p11assay run --partition 1/4",
        "p11assay probe",
        "p11assay run --filter a & b",
    ];
    assert_eq!(found, expected);
}

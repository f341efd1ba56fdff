//! Which lines the tests ran, read from LLVM's own count in the format of lcov, without the lines of the tests themselves.
//!
//! LLVM decides there what a line's count is. Its JSON would give regions instead, whose lines one had to work out again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// How often each line of a file was run, by its number, for lines with code.
pub type Counts = BTreeMap<u32, u64>;

/// Reads an export, which names files by their absolute paths; what is not in `root` is left out.
pub fn parse(export: &str, root: &Path) -> Result<BTreeMap<PathBuf, Counts>> {
    let mut files: BTreeMap<PathBuf, Counts> = BTreeMap::new();
    let mut file: Option<PathBuf> = None;
    for line in export.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            file = Path::new(path).strip_prefix(root).ok().map(Path::to_path_buf);
        } else if let (Some(counted), Some(file)) = (line.strip_prefix("DA:"), &file) {
            let (number, count) = entry(counted).with_context(|| format!("LLVM's export has a line {line:?}"))?;
            // A file can be there twice. What one of them saw running was run.
            let known = files.entry(file.clone()).or_default().entry(number).or_default();
            *known = count.max(*known);
        } else if line == "end_of_record" {
            file = None;
        }
    }
    if files.is_empty() {
        bail!("LLVM's export names no file in {}: did the tests run?", root.display());
    }
    Ok(files)
}

/// `LINE,COUNT`, after which a checksum may follow.
fn entry(text: &str) -> Option<(u32, u64)> {
    let mut fields = text.split(',');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Removes the lines of tests, which always run: whole files that are compiled for tests only, and the rest of a file from its
/// module of tests on.
pub fn without_tests(files: BTreeMap<PathBuf, Counts>, root: &Path) -> Result<BTreeMap<PathBuf, Counts>> {
    let mut kept = BTreeMap::new();
    let mut tests = BTreeSet::new();
    for (path, mut counts) in files {
        let file = root.join(&path);
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let found = tests_of(&path, &text);
        if let Some(first) = found.inline_from {
            counts.retain(|number, _| *number < first);
        }
        tests.extend(found.modules);
        kept.insert(path, counts);
    }
    // A module's code is in a file of its name or in a folder of it.
    kept.retain(|path, _| !tests.iter().any(|module| path.with_extension("") == *module || path.starts_with(module)));
    Ok(kept)
}

/// Which modules a file declares for tests only.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tests {
    /// The line of the first one within the file. It stands at the file's end.
    inline_from: Option<u32>,
    /// The paths, without an extension, of those in files of their own.
    modules: Vec<PathBuf>,
}

fn tests_of(path: &Path, text: &str) -> Tests {
    let mut tests = Tests::default();
    let lines: Vec<&str> = text.lines().collect();
    for (number, pair) in (1..).zip(lines.windows(2)) {
        let [attribute, item] = pair else { continue };
        if !attribute.starts_with("#[cfg(test)]") && !attribute.starts_with("#[cfg(any(test,") {
            continue;
        }
        let Some((_, module)) = item.split_once("mod ") else { continue };
        if let Some(name) = module.strip_suffix(';') {
            tests.modules.push(folder_of_modules(path).join(name));
        } else if module.ends_with('{') && tests.inline_from.is_none() {
            tests.inline_from = Some(number);
        }
    }
    tests
}

/// Where the modules are that a file declares.
fn folder_of_modules(path: &Path) -> PathBuf {
    let is_root = path.file_stem().is_some_and(|stem| stem == "mod" || stem == "lib" || stem == "main");
    if is_root { path.parent().unwrap_or(path).to_path_buf() } else { path.with_extension("") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = include_str!("fixtures/export.lcov");

    #[test]
    fn lines_of_the_checkout_are_read_with_their_counts() {
        let files = parse(EXPORT, Path::new("/oslira")).unwrap();
        let names: Vec<String> = files.keys().map(|path| path.display().to_string()).collect();
        let expected = [
            "crates/app/src/features/credits/budget.rs",
            "crates/app/src/features/credits/model.rs",
            "crates/postgres/src/rows.rs",
        ];
        assert_eq!(names, expected, "nothing of dependencies");
        let model = &files[Path::new("crates/app/src/features/credits/model.rs")];
        assert_eq!(
            model.iter().map(|(line, count)| (*line, *count)).collect::<Vec<_>>(),
            [(33, 4), (34, 4), (35, 0), (40, 2)]
        );
    }

    #[test]
    fn a_line_that_one_of_two_records_saw_was_run() {
        let twice = "SF:/o/a.rs\nDA:1,0\nDA:2,0\nend_of_record\nSF:/o/a.rs\nDA:1,7\nend_of_record\n";
        assert_eq!(parse(twice, Path::new("/o")).unwrap()[Path::new("a.rs")], Counts::from([(1, 7), (2, 0)]));
    }

    #[test]
    fn an_export_of_nothing_or_of_something_else_is_refused() {
        let refused = |text: &str| parse(text, Path::new("/o")).unwrap_err().to_string();
        assert!(refused("").contains("did the tests run?"));
        assert!(refused("SF:/o/a.rs\nDA:one,1\nend_of_record\n").contains("DA:one,1"));
    }

    #[test]
    fn modules_for_tests_are_found_within_a_file_and_beside_it() {
        let text = "fn code() {}\n\n#[cfg(test)]\nmod properties;\n#[cfg(any(test, feature = \"examples\"))]\npub mod examples;\n\n#[cfg(test)]\nmod tests {\n}\n";
        let found = |path: &str| tests_of(Path::new(path), text);
        assert_eq!(found("a/gate.rs").inline_from, Some(8));
        assert_eq!(found("a/gate.rs").modules, [Path::new("a/gate/properties"), Path::new("a/gate/examples")]);
        assert_eq!(found("a/mod.rs").modules, [Path::new("a/properties"), Path::new("a/examples")]);
        let other = tests_of(Path::new("a.rs"), "#[cfg(test)]\nfn help() {}\nmod real;\n#[cfg(unix)]\nmod other;");
        assert_eq!(other, Tests::default(), "a function for tests ends nothing");
    }

    #[test]
    fn what_is_compiled_for_tests_only_is_not_counted() {
        let root = std::env::temp_dir().join(format!("oslira-coverage-{}", std::process::id()));
        let files = [
            ("src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests;\n"),
            ("src/a/tests.rs", "fn test() {}\n"),
            ("src/a/tests/more.rs", "fn test() {}\n"),
            ("src/b.rs", "fn b() {}\n\n#[cfg(test)]\nmod tests {\n    fn test() {}\n}\n"),
        ];
        for (path, text) in files {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        }
        let counted = files.iter().map(|(path, _)| (PathBuf::from(path), Counts::from([(1, 1), (5, 1)]))).collect();
        let kept = without_tests(counted, &root).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        let expected = [("src/a.rs", Counts::from([(1, 1), (5, 1)])), ("src/b.rs", Counts::from([(1, 1)]))];
        assert_eq!(kept, expected.map(|(path, counts)| (PathBuf::from(path), counts)).into());
    }
}

//! Deliberate harm to a copy of the product's code: the figure that is meant to see it must get worse. A figure that nothing can
//! worsen measures nothing.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use oslira_evaluation::{figure::Figure, report::lines};
use serde::Deserialize;

const APP: &str = "crates/app/src/features";

/// A change of one file: this text, which stands in it once, becomes that one.
struct Change {
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

/// Something that somebody could do with the best intentions.
struct Harm {
    what: &'static str,
    /// The figure that is meant to see it.
    figure: &'static str,
    changes: &'static [Change],
}

/// The grade as the last field of a verdict.
const GRADE: &str =
    "    /// How well this profile fits the business as a customer or partner: 0 not at all, 50 real overlap with an
    /// important part missing, 100 ideal. Follow the anchors of the instructions.
    pub fit_score: Grade,
";

const HARMS: [Harm; 12] = [
    Harm {
        what: "the grade is written before its reasons",
        figure: "prompts.order",
        changes: &[
            Change { file: "judging/judgement/answers.rs", from: GRADE, to: "" },
            Change {
                file: "judging/judgement/answers.rs",
                from: "pub struct Verdict {\n",
                to: "pub struct Verdict {\n    /// The grade.\n    pub fit_score: Grade,\n",
            },
        ],
    },
    Harm {
        what: "two of the five anchors of the rubric are removed",
        figure: "prompts.rubric",
        changes: &[
            Change { file: "judging/prompts/common.v2.md", from: "- 90-100: plainly", to: "- plainly" },
            Change { file: "judging/prompts/common.v2.md", from: "- 70-89: a good", to: "- a good" },
        ],
    },
    Harm {
        what: "a profile can close its fence",
        figure: "prompts.fence",
        changes: &[Change { file: "judging/prompt.rs", from: "json.replace('<', \"‹\")", to: "json.to_owned()" }],
    },
    Harm {
        what: "quotes are not looked up",
        figure: "quotes.precision",
        changes: &[Change {
            file: "judging/shown.rs",
            from: "            stands_in(&source.own, &phrase) || (by == Speaker::Anybody && stands_in(&source.rest, &phrase))\n",
            to: "            let _ = (source, &phrase, by == Speaker::Anybody);\n            true\n",
        }],
    },
    Harm {
        what: "the language of the captions is ignored",
        figure: "languages.accuracy",
        changes: &[Change {
            file: "judging/judgement/messages.rs",
            from: "if captions.is_some_and(|captions| !captions.is(language)) {",
            to: "if captions.is_some_and(|_| false) {",
        }],
    },
    Harm {
        what: "the median is a mean again",
        figure: "facts.accuracy",
        changes: &[Change {
            file: "scoring/facts.rs",
            from: "let Some(median) = median(&interactions)",
            to: "let Some(median) = mean(&interactions)",
        }],
    },
    Harm {
        what: "hidden likes count as none",
        figure: "facts.accuracy",
        changes: &[Change {
            file: "scoring/facts.rs",
            from: "Some((post.likes? as f64, post.comments? as f64))",
            to: "Some((post.likes.unwrap_or(0) as f64, post.comments.unwrap_or(0) as f64))",
        }],
    },
    Harm {
        what: "an audience that does not react looks real",
        figure: "facts.fakes",
        changes: &[Change {
            file: "scoring/facts.rs",
            from: "Some(signs.min(reaction))",
            to: "Some(signs.max(reaction))",
        }],
    },
    Harm {
        what: "the score has no limits",
        figure: "caps.held",
        changes: &[Change {
            file: "scoring/limits.rs",
            from: "    applied\n}\n",
            to: "    applied.clear();\n    applied\n}\n",
        }],
    },
    Harm {
        what: "facts outweigh the judgement",
        figure: "score.pairwise",
        changes: &[
            Change { file: "scoring/weights.rs", from: "fit: 0.50,", to: "fit: 0.05," },
            Change { file: "scoring/weights.rs", from: "ideal_customer: 0.28,", to: "ideal_customer: 0.73," },
        ],
    },
    Harm {
        what: "contacts stay in messages",
        figure: "messages.caught",
        changes: &[Change {
            file: "judging/judgement/contacts.rs",
            from: "    let mut text = without_what_shows(message, recipient);\n",
            to: "    let mut text = without_what_shows(message, recipient);\n    if !message.is_empty() {\n        return plain(message).trim().to_owned();\n    }\n",
        }],
    },
    Harm {
        what: "the budget of tokens is a quarter, so posts that were bought are not shown",
        figure: "prompts.captions_shown",
        changes: &[Change {
            file: "analysis/config.rs",
            from: "profile_tokens_max: 9_000,\n                weights: Weights::PSYCHOGRAPHIC",
            to: "profile_tokens_max: 9_000 / 4,\n                weights: Weights::PSYCHOGRAPHIC",
        }],
    },
];

#[derive(Deserialize)]
struct Measured {
    measured: Vec<Figure>,
}

/// Does one harm after the other to a copy of the code and prints each figure before and after. `true` if every harm was seen.
///
/// # Errors
/// The copy cannot be made, a harm does not fit the code any more, or the harmed code does not compile.
pub fn run(root: &Path) -> Result<bool> {
    let copy = root.join(".oslira/sabotage");
    copy_sources(root, &copy)?;
    let before = measured(root, &copy).context("without any harm")?;
    let (mut rows, mut all_seen) = (vec![], true);
    for harm in &HARMS {
        eprintln!("  {}", harm.what);
        for change in harm.changes {
            rewrite(&copy, change).with_context(|| harm.what.to_owned())?;
        }
        let after = measured(root, &copy).with_context(|| harm.what.to_owned())?;
        // From the original, so that one harm does not add to the next.
        for change in harm.changes {
            let file = path_of(change);
            fs::copy(root.join(&file), copy.join(&file))?;
        }
        let of = |figures: &[Figure]| figures.iter().find(|figure| figure.name == harm.figure).cloned();
        let (before, after) = (of(&before).context("no such figure")?, of(&after).context("no such figure")?);
        let is_seen = after.is_worse_than(before.value);
        all_seen &= is_seen;
        let seen = if is_seen { "seen" } else { "NOT SEEN" };
        rows.push(vec![
            harm.what.to_owned(),
            harm.figure.to_owned(),
            before.value.to_string(),
            after.value.to_string(),
            seen.to_owned(),
        ]);
    }
    print!("{}", lines(&["harm", "figure", "before", "after", ""], rows));
    Ok(all_seen)
}

fn path_of(change: &Change) -> String {
    format!("{APP}/{}", change.file)
}

fn rewrite(root: &Path, change: &Change) -> Result<()> {
    let path = root.join(path_of(change));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    ensure!(text.matches(change.from).count() == 1, "{} has not once: {}", path.display(), change.from);
    Ok(fs::write(&path, text.replacen(change.from, change.to, 1))?)
}

/// The files that git knows, so that neither builds nor states are copied.
fn copy_sources(root: &Path, copy: &Path) -> Result<()> {
    let list = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()?;
    ensure!(list.status.success(), "git does not list the files");
    for file in String::from_utf8(list.stdout)?.split('\0').filter(|file| !file.is_empty() && root.join(file).is_file())
    {
        let to = copy.join(file);
        fs::create_dir_all(to.parent().unwrap_or(copy))?;
        fs::copy(root.join(file), to)?;
    }
    Ok(())
}

fn measured(root: &Path, copy: &Path) -> Result<Vec<Figure>> {
    let output = Command::new("cargo")
        .current_dir(copy)
        // What the harm does not touch need not be built again.
        .env("CARGO_TARGET_DIR", root.join("target/sabotage"))
        .args(["run", "--quiet", "--package", "oslira-evaluation", "--", "--measured", "--json"])
        .stderr(Stdio::piped())
        .output()?;
    let report: Measured = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).chars().take(2_000).collect::<String>())?;
    Ok(report.measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_harm_fits_the_code_and_has_a_figure_and_a_row_in_the_document() {
        let root = crate::root();
        let stored = oslira_evaluation::measured::stored::figures().unwrap();
        let document = fs::read_to_string(root.join("docs/evaluation.md")).unwrap();
        for harm in &HARMS {
            assert!(stored.iter().any(|figure| figure.name == harm.figure), "{}", harm.figure);
            assert!(
                document.contains(&format!("| {} |", harm.what)),
                "docs/evaluation.md does not tell: {}",
                harm.what
            );
            for change in harm.changes {
                let text = fs::read_to_string(root.join(path_of(change))).unwrap();
                assert_eq!(text.matches(change.from).count(), 1, "{}: {}", change.file, change.from);
            }
        }
    }
}

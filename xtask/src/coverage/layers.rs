//! Which layer a source file belongs to, told by its path as ARCHITECTURE.md names the files, and how much of each layer the
//! tests must run.

use std::path::Path;

/// A part of the product whose coverage is told as one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Types that cannot hold an invalid value (`model.rs`), and scoring, which is pure functions.
    Domain,
    /// What else a feature consists of: one use case or rule a file, and its ports.
    UseCases,
    /// All SQL.
    Postgres,
    /// All that is said to providers.
    Providers,
    /// How requests come in, and what all features share. It is reported, but the tests that run most of it need a Worker,
    /// which is not instrumented.
    Boundary,
}

impl Layer {
    pub const ALL: [Self; 5] = [Self::Domain, Self::UseCases, Self::Postgres, Self::Providers, Self::Boundary];

    pub fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::UseCases => "use cases",
            Self::Postgres => "adapters: postgres",
            Self::Providers => "adapters: providers",
            Self::Boundary => "boundary and shared",
        }
    }

    /// The share of lines, in percent, below which the command fails; `None` for what is only reported.
    pub fn floor_percent(self) -> Option<u64> {
        match self {
            Self::Domain => Some(100),
            Self::UseCases => Some(90),
            Self::Postgres | Self::Providers => Some(70),
            Self::Boundary => None,
        }
    }

    /// The layer of a file, by its path in the checkout; `None` for what is not counted: the Worker's shells, tools, and the
    /// machinery of tests.
    pub fn of(path: &Path) -> Option<Self> {
        if path.starts_with("crates/postgres/src") {
            return Some(Self::Postgres);
        }
        if path.starts_with("crates/providers/src") {
            return Some(Self::Providers);
        }
        let in_app = path.strip_prefix("crates/app/src").ok()?;
        let Ok(in_features) = in_app.strip_prefix("features") else { return Some(Self::Boundary) };
        let has = |name: &str| {
            in_features.components().any(|part| Path::new(part.as_os_str()).with_extension("") == Path::new(name))
        };
        Some(if has("http") {
            Self::Boundary
        } else if has("model") || in_features.starts_with("scoring") {
            Self::Domain
        } else {
            Self::UseCases
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_name_and_folder() {
        for (path, layer) in [
            ("crates/app/src/features/credits/model.rs", Some(Layer::Domain)),
            ("crates/app/src/features/analysis/bulk/model.rs", Some(Layer::Domain)),
            ("crates/app/src/features/scoring/score.rs", Some(Layer::Domain)),
            ("crates/app/src/features/analysis/start.rs", Some(Layer::UseCases)),
            ("crates/app/src/features/analysis/workflow/mod.rs", Some(Layer::UseCases)),
            // Not `model.rs`: a longer name is another thing.
            ("crates/app/src/features/judging/model_name.rs", Some(Layer::UseCases)),
            ("crates/app/src/features/leads/http.rs", Some(Layer::Boundary)),
            ("crates/app/src/features/leads/http/files.rs", Some(Layer::Boundary)),
            ("crates/app/src/shared/ids.rs", Some(Layer::Boundary)),
            ("crates/postgres/src/tenant/leads.rs", Some(Layer::Postgres)),
            ("crates/providers/src/apify.rs", Some(Layer::Providers)),
            ("crates/worker/src/boundary.rs", None),
            ("crates/app/tests/api/main.rs", None),
            ("crates/postgres/tests/database/main.rs", None),
            ("xtask/src/main.rs", None),
        ] {
            assert_eq!(Layer::of(Path::new(path)), layer, "{path}");
        }
    }
}

//! The model in words: the section of docs/capacity.md that the command writes, and JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::cost::{Cost, costs, database_for};
use super::demand::{DAY_S, Demand, MONTH_DAYS};
use super::figures::Figures;
use super::load::{Load, Setup};
use super::resources::{Resource, State, first, reached_at, resources};

/// Three significant digits, with commas.
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (2 - value.abs().log10().floor() as i32).max(0) as usize;
    if decimals > 0 {
        let text = format!("{value:.decimals$}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let unit = 10_f64.powi(value.abs().log10().floor() as i32 - 2);
    let digits = format!("{:.0}", (value / unit).round() * unit);
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// What was computed of one load.
struct Computed {
    load: Load,
    resources: Vec<Resource>,
    costs: Vec<Cost>,
    database: &'static str,
}

impl Computed {
    fn of(load: Load, setup: &Setup, figures: &Figures) -> Self {
        let demand = Demand { load, figures };
        Self { load, resources: resources(&demand, setup), costs: costs(&demand), database: database_for(&demand).name }
    }

    fn usd_per_month(&self) -> f64 {
        self.costs.iter().map(|cost| cost.usd_per_month).sum()
    }

    fn unmovable(&self) -> Vec<&Resource> {
        self.resources.iter().filter(|resource| resource.state() == State::Unmovable).collect()
    }

    /// Which limit comes first, what moves it, and which ones no setting moves.
    fn verdict(&self) -> String {
        let at = number(self.load.analyses_per_minute);
        let Some(first) = first(&self.resources) else { return format!("**At {at} a minute** no limit is known.") };
        let used = percent(first.utilisation().unwrap_or(0.0));
        let fits = first.utilisation().is_some_and(|used| used <= 1.0);
        let mut text = format!(
            "**At {at} a minute** {} `{}` comes first, at {used} of its limit. What moves it: {}.",
            if fits { "everything fits;" } else { "not everything fits:" },
            first.name,
            first.moved_by
        );
        let beyond: Vec<String> = self
            .resources
            .iter()
            .filter(|it| it.state() == State::Settings)
            .map(|it| format!("`{}`", it.name))
            .collect();
        if !beyond.is_empty() {
            let _ = write!(text, " Settings and plans must move: {}.", beyond.join(", "));
        }
        for resource in self.unmovable() {
            let _ = write!(text, " No setting moves `{}`: {}.", resource.name, resource.beyond);
        }
        text
    }
}

fn row(out: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn heading(out: &mut String, cells: &[String]) {
    row(out, cells.iter().cloned());
    let _ = writeln!(out, "|{}", "---|".repeat(cells.len()));
}

/// The generated section, in Markdown.
pub fn markdown(loads: &[Load], setup: &Setup, figures: &Figures) -> String {
    let all: Vec<Computed> = loads.iter().map(|load| Computed::of(*load, setup, figures)).collect();
    let Some(base) = loads.first().copied() else { return String::new() };
    let mut out = String::new();
    let _ = writeln!(out, "### Which limit comes first\n");
    for computed in &all {
        let _ = writeln!(out, "{}\n", computed.verdict());
    }
    usage(&mut out, &all);
    reach(&mut out, &all, base, setup, figures);
    money(&mut out, &all);
    growth(&mut out, loads, figures);
    sources(&mut out, &all);
    out
}

fn usage(out: &mut String, all: &[Computed]) {
    let _ = writeln!(out, "### How much of each is used\n");
    let _ = writeln!(out, "Demand at each number of analyses a minute, and how it stands to the limit.\n");
    let mut columns =
        vec!["resource".to_owned(), "what".to_owned(), "limit as set up".to_owned(), "at most".to_owned()];
    columns.extend(all.iter().map(|computed| number(computed.load.analyses_per_minute)));
    heading(out, &columns);
    let Some(pattern) = all.first() else { return };
    for (index, resource) in pattern.resources.iter().enumerate() {
        let mut cells = vec![
            format!("`{}`", resource.name),
            resource.what.to_owned(),
            optional(resource.limit),
            optional(resource.limit_most),
        ];
        for of in all.iter().filter_map(|computed| computed.resources.get(index)) {
            let used = of.utilisation().map_or_else(String::new, |used| format!(", {}", percent(used)));
            cells.push(format!("{}{used}: {}", number(of.demand), of.state().in_words()));
        }
        row(out, cells);
    }
    out.push('\n');
}

fn reach(out: &mut String, all: &[Computed], base: Load, setup: &Setup, figures: &Figures) {
    let _ = writeln!(out, "### When each limit is reached, and what moves it\n");
    heading(
        out,
        &[
            "resource",
            "analyses a minute, as set up",
            "with settings and plans",
            "what moves it",
            "what has to be built then",
        ]
        .map(str::to_owned),
    );
    let mut rows: Vec<(f64, Vec<String>)> = vec![];
    for resource in all.first().into_iter().flat_map(|computed| &computed.resources) {
        let at = |most| reached_at(base, setup, figures, &resource.name, most);
        let Some(now) = at(false) else { continue };
        let cells = vec![
            format!("`{}`", resource.name),
            number(now),
            optional(at(true)),
            resource.moved_by.to_owned(),
            resource.beyond.to_owned(),
        ];
        rows.push((now, cells));
    }
    rows.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    for (_, cells) in rows {
        row(out, cells);
    }
    out.push('\n');
}

fn money(out: &mut String, all: &[Computed]) {
    let _ = writeln!(out, "### What a month costs, in dollars\n");
    let _ =
        writeln!(out, "Thirty days of that load, day and night. Computed from list prices; a bill was never seen.\n");
    let mut columns = vec!["what".to_owned()];
    columns.extend(all.iter().map(|computed| number(computed.load.analyses_per_minute)));
    heading(out, &columns);
    let Some(pattern) = all.first() else { return };
    for (index, cost) in pattern.costs.iter().enumerate() {
        let each = all.iter().filter_map(|computed| computed.costs.get(index)).map(|cost| number(cost.usd_per_month));
        row(out, std::iter::once(cost.what.to_owned()).chain(each));
    }
    let sums = all.iter().map(|computed| format!("**{}**", number(computed.usd_per_month())));
    row(out, std::iter::once("**all**".to_owned()).chain(sums));
    let each = all.iter().map(|computed| {
        let analyses = computed.load.per_s() * DAY_S * MONTH_DAYS;
        number(computed.usd_per_month() / analyses)
    });
    row(out, std::iter::once("for each analysis".to_owned()).chain(each));
    let databases = all.iter().map(|computed| computed.database.to_owned());
    row(out, std::iter::once("the database that this takes, at 60 % of its cores".to_owned()).chain(databases));
    out.push('\n');
}

fn growth(out: &mut String, loads: &[Load], figures: &Figures) {
    let _ = writeln!(out, "### What grows in the database, in GB a month\n");
    let mut columns = vec!["table".to_owned(), "bytes a row, with indexes".to_owned(), "kept".to_owned()];
    columns.extend(loads.iter().map(|load| number(load.analyses_per_minute)));
    heading(out, &columns);
    let each: Vec<_> = loads.iter().map(|load| Demand { load: *load, figures }.rows_per_s()).collect();
    let Some(pattern) = each.first() else { return };
    for (index, (table, _)) in pattern.iter().enumerate() {
        let kept = table.kept_days.map_or_else(|| "for good".to_owned(), |days| format!("{days} days"));
        let mut cells = vec![format!("`{}`", table.name), number(table.bytes_per_row), kept];
        for (table, per_s) in each.iter().filter_map(|rows| rows.get(index)) {
            cells.push(number(table.bytes_per_row * per_s * DAY_S * MONTH_DAYS / 1e9));
        }
        row(out, cells);
    }
    out.push('\n');
}

fn sources(out: &mut String, all: &[Computed]) {
    let _ = writeln!(out, "### Where each demand is from\n");
    heading(out, &["resource", "from"].map(str::to_owned));
    for resource in all.first().into_iter().flat_map(|computed| &computed.resources) {
        row(out, [format!("`{}`", resource.name), resource.demand_from.to_owned()]);
    }
}

/// For programs.
pub fn as_json(loads: &[Load], setup: &Setup, figures: &Figures) -> Value {
    let of = |load: &Load| {
        let computed = Computed::of(*load, setup, figures);
        let resources: Vec<Value> = computed.resources.iter().map(resource_as_json).collect();
        let costs: Vec<Value> = computed
            .costs
            .iter()
            .map(|cost| json!({ "what": cost.what, "usd_per_month": cost.usd_per_month }))
            .collect();
        json!({
            "analyses_per_minute": load.analyses_per_minute,
            "first": first(&computed.resources).map(|resource| &resource.name),
            "unmovable": computed.unmovable().iter().map(|resource| &resource.name).collect::<Vec<_>>(),
            "usd_per_month": computed.usd_per_month(),
            "database": computed.database,
            "resources": resources,
            "costs": costs,
        })
    };
    json!({ "loads": loads.iter().map(of).collect::<Vec<_>>() })
}

fn resource_as_json(resource: &Resource) -> Value {
    json!({
        "name": resource.name, "what": resource.what, "demand": resource.demand, "limit": resource.limit,
        "limit_most": resource.limit_most, "utilisation": resource.utilisation(), "moved_by": resource.moved_by,
        "beyond": resource.beyond,
    })
}

//! A query is answered: rows are filtered, grouped, and each group becomes a row of the answer.

use std::{cmp::Ordering, collections::VecDeque};

use serde_json::{Map, Value as Json, json};

use super::{
    super::point::Point,
    query::{Expr, Operator, Order, Query},
    value::Value,
};

type Answered<T> = Result<T, String>;

/// A row of the answer, and by what it is ordered.
type Line = (Vec<Value>, Vec<Value>);

pub(super) fn run(query: &Query, points: &VecDeque<Point>, now_s: i64) -> Answered<Json> {
    let rows: Vec<&Point> = points.iter().filter(|point| point.dataset == query.table).collect();
    if rows.is_empty() {
        // A table exists from its first point on.
        return Err(format!("unable to find type of table: {}", query.table));
    }
    let asked = Asked { query, now_s };
    let filter = query.filter.as_ref().map(|filter| asked.resolved(filter));
    let mut kept = Vec::new();
    for row in rows {
        let is_kept = match &filter {
            Some(filter) => asked.scalar(filter, row)?.bool()?,
            None => true,
        };
        if is_kept {
            kept.push(row);
        }
    }
    let groups: Vec<Expr> = query.groups.iter().map(|group| asked.resolved(group)).collect();
    let columns: Vec<Expr> = query.columns.iter().map(|column| asked.resolved(&column.expr)).collect();
    let is_grouped = !groups.is_empty() || columns.iter().any(Expr::has_aggregate);
    let groups_of_rows =
        if is_grouped { asked.grouped(&groups, kept)? } else { kept.into_iter().map(|row| vec![row]).collect() };
    let mut lines: Vec<Line> = Vec::new();
    for rows in groups_of_rows {
        let cell = |expr: &Expr| match is_grouped {
            true => asked.of_group(expr, &groups, &rows),
            false => rows.first().map_or_else(|| Err("there is no row".to_owned()), |row| asked.scalar(expr, row)),
        };
        if let Some(having) = &query.having
            && !cell(&asked.resolved(having))?.bool()?
        {
            continue;
        }
        let cells = columns.iter().map(cell).collect::<Answered<Vec<Value>>>()?;
        let keys = query.order.iter().map(|order| cell(&asked.resolved(&order.by)));
        lines.push((cells, keys.collect::<Answered<Vec<Value>>>()?));
    }
    sort(&mut lines, &query.order)?;
    lines.truncate(query.limit.unwrap_or(usize::MAX));
    Ok(table(query, &lines))
}

fn sort(lines: &mut [Line], order: &[Order]) -> Answered<()> {
    let mut fault = None;
    lines.sort_by(|(_, left), (_, right)| {
        for ((left, right), order) in left.iter().zip(right).zip(order) {
            match left.compare(right) {
                Ok(Ordering::Equal) => {}
                Ok(found) => return if order.is_descending { found.reverse() } else { found },
                Err(why) => fault = Some(why),
            }
        }
        Ordering::Equal
    });
    fault.map_or(Ok(()), Err)
}

fn table(query: &Query, lines: &[Line]) -> Json {
    let names = || query.columns.iter().map(|column| column.name.clone());
    let types: Vec<&str> = match lines.first() {
        Some((cells, _)) => cells.iter().map(Value::type_name).collect(),
        None => vec!["String"; query.columns.len()],
    };
    let meta: Vec<Json> = names().zip(types).map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    let row = |(cells, _): &Line| Json::Object(names().zip(cells.iter().map(Value::to_json)).collect::<Map<_, _>>());
    let data: Vec<Json> = lines.iter().map(row).collect();
    json!({"meta": meta, "data": data, "rows": lines.len()})
}

struct Asked<'a> {
    query: &'a Query,
    now_s: i64,
}

impl Asked<'_> {
    /// The expression with the answer's own names replaced by what they stand for. A column of the table has precedence.
    fn resolved(&self, expr: &Expr) -> Expr {
        let all = |list: &[Expr]| -> Vec<Expr> { list.iter().map(|part| self.resolved(part)).collect() };
        let boxed = |part: &Expr| Box::new(self.resolved(part));
        match expr {
            Expr::Name(name) if !is_column(name) => {
                let named = self.query.columns.iter().find(|column| column.name == *name && column.expr != *expr);
                named.map_or_else(|| expr.clone(), |column| column.expr.clone())
            }
            Expr::Number(_) | Expr::Text(_) | Expr::Interval(_) | Expr::Name(_) => expr.clone(),
            Expr::Call { name, parameters, arguments } => {
                Expr::Call { name: name.clone(), parameters: parameters.clone(), arguments: all(arguments) }
            }
            Expr::Not(part) => Expr::Not(boxed(part)),
            Expr::Minus(part) => Expr::Minus(boxed(part)),
            Expr::Binary(operator, left, right) => Expr::Binary(*operator, boxed(left), boxed(right)),
            Expr::In(part, list) => Expr::In(boxed(part), all(list)),
        }
    }

    /// The rows by their values of these expressions, in the order in which the groups were met.
    fn grouped<'p>(&self, groups: &[Expr], rows: Vec<&'p Point>) -> Answered<Vec<Vec<&'p Point>>> {
        let mut found: Vec<(Vec<Value>, Vec<&'p Point>)> = Vec::new();
        for row in rows {
            let key = groups.iter().map(|group| self.scalar(group, row)).collect::<Answered<Vec<Value>>>()?;
            match found.iter_mut().find(|(known, _)| *known == key) {
                Some((_, members)) => members.push(row),
                None => found.push((key, vec![row])),
            }
        }
        if found.is_empty() && groups.is_empty() {
            // An aggregate over nothing is one row.
            return Ok(vec![Vec::new()]);
        }
        Ok(found.into_iter().map(|(_, members)| members).collect())
    }

    /// The value of an expression for a group.
    fn of_group(&self, expr: &Expr, groups: &[Expr], rows: &[&Point]) -> Answered<Value> {
        if groups.contains(expr) {
            let first = rows.first().ok_or("there is no row")?;
            return self.scalar(expr, first);
        }
        let part = |part: &Expr| self.of_group(part, groups, rows);
        match expr {
            Expr::Call { name, parameters, arguments } if expr.is_aggregate() => {
                self.aggregate(name, parameters, arguments, rows)
            }
            Expr::Name(name) => Err(format!("column {name} is neither grouped nor aggregated, or does not exist")),
            Expr::Number(_) | Expr::Text(_) | Expr::Interval(_) => constant(expr),
            Expr::Call { name, arguments, .. } => {
                let given = arguments.iter().map(part).collect::<Answered<Vec<Value>>>()?;
                self.call(name, &given)
            }
            Expr::Not(inner) => Ok(Value::Bool(!part(inner)?.bool()?)),
            Expr::Minus(inner) => Ok(Value::Number(-part(inner)?.number()?)),
            Expr::Binary(operator, left, right) => binary(*operator, &part(left)?, &part(right)?),
            Expr::In(inner, list) => {
                let (value, list) = (part(inner)?, list.iter().map(part).collect::<Answered<Vec<Value>>>()?);
                Ok(Value::Bool(list.contains(&value)))
            }
        }
    }

    /// The value of an expression for one row.
    fn scalar(&self, expr: &Expr, row: &Point) -> Answered<Value> {
        let part = |part: &Expr| self.scalar(part, row);
        match expr {
            Expr::Name(name) => column(name, row).ok_or_else(|| format!("there is no column {name}")),
            Expr::Number(_) | Expr::Text(_) | Expr::Interval(_) => constant(expr),
            Expr::Call { name, .. } if expr.is_aggregate() => Err(format!("{name} is for a group of rows")),
            Expr::Call { name, arguments, .. } => {
                let given = arguments.iter().map(part).collect::<Answered<Vec<Value>>>()?;
                self.call(name, &given)
            }
            Expr::Not(inner) => Ok(Value::Bool(!part(inner)?.bool()?)),
            Expr::Minus(inner) => Ok(Value::Number(-part(inner)?.number()?)),
            Expr::Binary(operator, left, right) => binary(*operator, &part(left)?, &part(right)?),
            Expr::In(inner, list) => {
                let (value, list) = (part(inner)?, list.iter().map(part).collect::<Answered<Vec<Value>>>()?);
                Ok(Value::Bool(list.contains(&value)))
            }
        }
    }

    fn call(&self, name: &str, given: &[Value]) -> Answered<Value> {
        let start_of = |second: i64, length: i64| Value::Time(second - second.rem_euclid(length.max(1)));
        match (name, given) {
            ("now", []) => Ok(Value::Time(self.now_s)),
            ("todatetime", [Value::Number(second)]) => Ok(Value::Time(*second as i64)),
            ("tounixtimestamp" | "touint32", [Value::Time(second)]) => Ok(Value::Number(*second as f64)),
            ("tostartofinterval", [Value::Time(second), Value::Interval(length)]) => Ok(start_of(*second, *length)),
            ("tostartofday", [Value::Time(second)]) => Ok(start_of(*second, 86_400)),
            ("tostartofhour", [Value::Time(second)]) => Ok(start_of(*second, 3_600)),
            ("intdiv", [left, right]) => Ok(Value::Number((left.number()? / right.number()?).trunc())),
            ("round", [number]) => Ok(Value::Number(number.number()?.round())),
            ("if", [condition, yes, no]) => Ok(if condition.bool()? { yes.clone() } else { no.clone() }),
            _ => Err(format!("the sandbox knows no function {name} of {} such values", given.len())),
        }
    }

    fn aggregate(&self, name: &str, parameters: &[Expr], arguments: &[Expr], rows: &[&Point]) -> Answered<Value> {
        let values = |expr: &Expr| rows.iter().map(|row| self.scalar(expr, row)).collect::<Answered<Vec<Value>>>();
        let numbers = |expr: &Expr| -> Answered<Vec<f64>> { values(expr)?.iter().map(Value::number).collect() };
        // The values of those rows for which the condition holds.
        let chosen = |expr: &Expr, condition: &Expr| -> Answered<Vec<f64>> {
            let holds = values(condition)?.iter().map(Value::bool).collect::<Answered<Vec<bool>>>()?;
            Ok(numbers(expr)?.into_iter().zip(holds).filter(|(_, holds)| *holds).map(|(number, _)| number).collect())
        };
        let number = match (name, parameters, arguments) {
            ("count", [], []) => rows.len() as f64,
            ("countif", [], [condition]) => chosen(&Expr::Number(1.0), condition)?.len() as f64,
            ("sum", [], [expr]) => numbers(expr)?.iter().sum(),
            ("sumif", [], [expr, condition]) => chosen(expr, condition)?.iter().sum(),
            ("avg", [], [expr]) => mean(&numbers(expr)?),
            ("avgif", [], [expr, condition]) => mean(&chosen(expr, condition)?),
            ("min", [], [expr]) => return extreme(values(expr)?, Ordering::Less),
            ("max", [], [expr]) => return extreme(values(expr)?, Ordering::Greater),
            ("quantileexactweighted", [Expr::Number(level)], [expr, weight]) if (0.0..=1.0).contains(level) => {
                quantile(*level, numbers(expr)?.into_iter().zip(numbers(weight)?).collect())
            }
            _ => return Err(format!("{name} takes other arguments")),
        };
        Ok(Value::Number(number))
    }
}

fn constant(expr: &Expr) -> Answered<Value> {
    match expr {
        Expr::Number(number) => Ok(Value::Number(*number)),
        Expr::Text(text) => Ok(Value::Text(text.clone())),
        Expr::Interval(seconds) => Ok(Value::Interval(*seconds)),
        other => Err(format!("{other:?} is no constant")),
    }
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn extreme(values: Vec<Value>, wanted: Ordering) -> Answered<Value> {
    let mut values = values.into_iter();
    let mut found = values.next().ok_or("there is no row")?;
    for value in values {
        if value.compare(&found)? == wanted {
            found = value;
        }
    }
    Ok(found)
}

/// The value below or at which this share of the weight lies, as ClickHouse computes it.
fn quantile(level: f64, mut weighted: Vec<(f64, f64)>) -> f64 {
    weighted.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let wanted = (level * weighted.iter().map(|(_, weight)| weight).sum::<f64>()).ceil();
    let mut reached = 0.0;
    for (value, weight) in &weighted {
        reached += weight;
        if reached >= wanted {
            return *value;
        }
    }
    weighted.last().map_or(f64::NAN, |(value, _)| *value)
}

fn binary(operator: Operator, left: &Value, right: &Value) -> Answered<Value> {
    let compared = |fits: fn(Ordering) -> bool| left.compare(right).map(|order| Value::Bool(fits(order)));
    let shifted = |by: i64| match left {
        Value::Time(second) => Ok(Value::Time(second.saturating_add(by))),
        other => Err(format!("an interval is added to a time, and not to {other:?}")),
    };
    match operator {
        Operator::And => Ok(Value::Bool(left.bool()? && right.bool()?)),
        Operator::Or => Ok(Value::Bool(left.bool()? || right.bool()?)),
        Operator::Equal => compared(Ordering::is_eq),
        Operator::Unequal => compared(Ordering::is_ne),
        Operator::Less => compared(Ordering::is_lt),
        Operator::LessOrEqual => compared(Ordering::is_le),
        Operator::Greater => compared(Ordering::is_gt),
        Operator::GreaterOrEqual => compared(Ordering::is_ge),
        Operator::Add => match right {
            Value::Interval(by) => shifted(*by),
            _ => Ok(Value::Number(left.number()? + right.number()?)),
        },
        Operator::Subtract => match right {
            Value::Interval(by) => shifted(by.saturating_neg()),
            _ => Ok(Value::Number(left.number()? - right.number()?)),
        },
        Operator::Multiply => Ok(Value::Number(left.number()? * right.number()?)),
        Operator::Divide => Ok(Value::Number(left.number()? / right.number()?)),
        Operator::Modulo => Ok(Value::Number(left.number()? % right.number()?)),
    }
}

fn is_column(name: &str) -> bool {
    ["dataset", "timestamp", "_sample_interval", "index1"].contains(&name)
        || numbered(name, "blob").is_some()
        || numbered(name, "double").is_some()
}

/// Which one of the twenty.
fn numbered(name: &str, prefix: &str) -> Option<usize> {
    let number: usize = name.strip_prefix(prefix)?.parse().ok()?;
    (1..=20).contains(&number).then(|| number - 1)
}

/// A column that the point has nothing in is empty.
fn column(name: &str, point: &Point) -> Option<Value> {
    Some(match name {
        "dataset" => Value::Text(point.dataset.clone()),
        "timestamp" => Value::Time(point.at.as_second()),
        // The sandbox keeps every point.
        "_sample_interval" => Value::Number(1.0),
        "index1" => Value::Text(point.index().to_owned()),
        _ => match numbered(name, "blob") {
            Some(place) => Value::Text(point.blobs.get(place).cloned().unwrap_or_default()),
            None => Value::Number(point.doubles.get(numbered(name, "double")?).copied().unwrap_or_default()),
        },
    })
}

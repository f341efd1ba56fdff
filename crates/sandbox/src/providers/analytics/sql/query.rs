//! A query as it was read.

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    pub(super) columns: Vec<Column>,
    pub(super) table: String,
    pub(super) filter: Option<Expr>,
    pub(super) groups: Vec<Expr>,
    pub(super) having: Option<Expr>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<usize>,
}

/// One of the answer's columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) expr: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    pub(super) by: Expr,
    pub(super) is_descending: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Number(f64),
    Text(String),
    /// In seconds.
    Interval(i64),
    /// A column of the table, or the name that the answer gives one.
    Name(String),
    /// `name(parameters)(arguments)`, or without parameters.
    Call {
        name: String,
        parameters: Vec<Expr>,
        arguments: Vec<Expr>,
    },
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

const AGGREGATES: [&str; 9] =
    ["count", "sum", "avg", "min", "max", "countif", "sumif", "avgif", "quantileexactweighted"];

impl Expr {
    pub(super) fn is_aggregate(&self) -> bool {
        matches!(self, Self::Call { name, .. } if AGGREGATES.contains(&name.as_str()))
    }

    /// The parts that it is made of.
    pub(super) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Interval(_) | Self::Name(_) => vec![],
            Self::Call { arguments, .. } => arguments.iter().collect(),
            Self::Not(part) | Self::Minus(part) => vec![part.as_ref()],
            Self::Binary(_, left, right) => vec![left.as_ref(), right.as_ref()],
            Self::In(part, list) => std::iter::once(part.as_ref()).chain(list).collect(),
        }
    }

    pub(super) fn has_aggregate(&self) -> bool {
        self.is_aggregate() || self.parts().into_iter().any(Self::has_aggregate)
    }
}

//! Words become a query, by recursive descent.

use super::{
    lexer::Token,
    query::{Column, Expr, Operator, Order, Query},
};

type Read<T> = Result<T, String>;

/// By how strongly they bind, the weakest first.
static LEVELS: [&[(&str, Operator)]; 5] = [
    &[("OR", Operator::Or)],
    &[("AND", Operator::And)],
    &[
        ("=", Operator::Equal),
        ("!=", Operator::Unequal),
        ("<>", Operator::Unequal),
        ("<=", Operator::LessOrEqual),
        ("<", Operator::Less),
        (">=", Operator::GreaterOrEqual),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Modulo)],
];
/// `NOT` binds weaker than comparisons, and stronger than `AND`.
const COMPARISONS: usize = 2;
const DEPTH_MAX: usize = 50;

pub(super) fn parse(tokens: &[Token]) -> Read<Query> {
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let query = parser.query()?;
    parser.takes_sign(";");
    match parser.tokens.get(parser.at) {
        None => Ok(query),
        Some(token) => Err(format!("unexpected {token:?}")),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn query(&mut self) -> Read<Query> {
        self.word("SELECT")?;
        let columns = self.list(Self::column)?;
        self.word("FROM")?;
        let table = self.name()?;
        let filter = self.clause("WHERE", Self::expr)?;
        let groups = self.clause_by("GROUP", Self::expr)?;
        let having = self.clause("HAVING", Self::expr)?;
        let order = self.clause_by("ORDER", Self::order)?;
        let limit = self.clause("LIMIT", Self::limit)?;
        if let Some(format) = self.clause("FORMAT", Self::name)?
            && format != "JSON"
        {
            return Err(format!("the sandbox answers in FORMAT JSON only, and not {format}"));
        }
        Ok(Query { columns, table, filter, groups, having, order, limit })
    }

    fn column(&mut self) -> Read<Column> {
        let from = self.at;
        let expr = self.expr()?;
        if self.takes_word("AS") {
            return Ok(Column { name: self.name()?, expr });
        }
        match &expr {
            Expr::Name(name) => Ok(Column { name: name.clone(), expr }),
            _ => Err(format!("the sandbox wants a name (AS …) for column {:?}", self.tokens.get(from))),
        }
    }

    fn order(&mut self) -> Read<Order> {
        let by = self.expr()?;
        let is_descending = self.takes_word("DESC");
        if !is_descending {
            self.takes_word("ASC");
        }
        Ok(Order { by, is_descending })
    }

    fn limit(&mut self) -> Read<usize> {
        match self.next() {
            Some(Token::Number(number)) if *number >= 0.0 => Ok(*number as usize),
            other => Err(format!("LIMIT takes a number, and not {other:?}")),
        }
    }

    fn expr(&mut self) -> Read<Expr> {
        self.level(0)
    }

    fn level(&mut self, level: usize) -> Read<Expr> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        if level == COMPARISONS && self.takes_word("NOT") {
            self.deepen()?;
            let negated = self.level(level)?;
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(negated)));
        }
        let mut left = self.level(level + 1)?;
        loop {
            if level == COMPARISONS {
                let is_not = self.takes_word("NOT");
                if self.takes_word("IN") {
                    self.sign("(")?;
                    let list = self.list(Self::expr)?;
                    self.sign(")")?;
                    let within = Expr::In(Box::new(left), list);
                    left = if is_not { Expr::Not(Box::new(within)) } else { within };
                    continue;
                }
                if is_not {
                    return Err("NOT stands before IN or before a condition".to_owned());
                }
            }
            let found = operators.iter().find(|(written, _)| match written.chars().all(char::is_alphabetic) {
                true => self.peeks_word(written),
                false => self.peeks_sign(written),
            });
            let Some((_, operator)) = found else { return Ok(left) };
            self.at += 1;
            let right = self.level(level + 1)?;
            left = Expr::Binary(*operator, Box::new(left), Box::new(right));
        }
    }

    fn unary(&mut self) -> Read<Expr> {
        self.deepen()?;
        let expr = if self.takes_sign("-") { Expr::Minus(Box::new(self.unary()?)) } else { self.primary()? };
        self.depth -= 1;
        Ok(expr)
    }

    /// A query nested without end must not overflow the stack.
    fn deepen(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err("the query is nested too deep".to_owned()) } else { Ok(()) }
    }

    fn primary(&mut self) -> Read<Expr> {
        match self.next().cloned() {
            Some(Token::Number(number)) => Ok(Expr::Number(number)),
            Some(Token::Text(text)) => Ok(Expr::Text(text)),
            Some(Token::Sign("(")) => {
                let expr = self.expr()?;
                self.sign(")")?;
                Ok(expr)
            }
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("INTERVAL") => self.interval(),
            Some(Token::Word(word)) if self.peeks_sign("(") => {
                let mut arguments = self.arguments()?;
                let mut parameters = Vec::new();
                if self.peeks_sign("(") {
                    parameters = std::mem::replace(&mut arguments, self.arguments()?);
                }
                // Names of functions have no case, those of columns have.
                Ok(Expr::Call { name: word.to_ascii_lowercase(), parameters, arguments })
            }
            Some(Token::Word(word)) => Ok(Expr::Name(word)),
            other => Err(format!("unexpected {other:?}")),
        }
    }

    fn arguments(&mut self) -> Read<Vec<Expr>> {
        self.sign("(")?;
        if self.takes_sign(")") {
            return Ok(Vec::new());
        }
        let arguments = self.list(Self::expr)?;
        self.sign(")")?;
        Ok(arguments)
    }

    fn interval(&mut self) -> Read<Expr> {
        let Some(Token::Text(count)) = self.next().cloned() else {
            return Err("INTERVAL takes a number in quotes".to_owned());
        };
        let count: i64 = count.parse().map_err(|_| format!("{count:?} is no number"))?;
        let unit = self.name()?;
        let seconds = match unit.to_ascii_uppercase().as_str() {
            "SECOND" => 1,
            "MINUTE" => 60,
            "HOUR" => 3_600,
            "DAY" => 86_400,
            "WEEK" => 7 * 86_400,
            _ => return Err(format!("the sandbox knows no {unit}")),
        };
        Ok(Expr::Interval(count.saturating_mul(seconds)))
    }

    fn list<T>(&mut self, one: fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut list = vec![one(self)?];
        while self.takes_sign(",") {
            list.push(one(self)?);
        }
        Ok(list)
    }

    fn clause<T>(&mut self, word: &str, rest: fn(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.takes_word(word) { rest(self).map(Some) } else { Ok(None) }
    }

    fn clause_by<T>(&mut self, word: &str, one: fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        if !self.takes_word(word) {
            return Ok(Vec::new());
        }
        self.word("BY")?;
        self.list(one)
    }

    fn next(&mut self) -> Option<&Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    fn name(&mut self) -> Read<String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word.clone()),
            other => Err(format!("a name was expected, and not {other:?}")),
        }
    }

    fn peeks_word(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word))
    }

    fn peeks_sign(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Sign(next)) if *next == sign)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let takes = self.peeks_word(word);
        self.at += usize::from(takes);
        takes
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let takes = self.peeks_sign(sign);
        self.at += usize::from(takes);
        takes
    }

    fn word(&mut self, word: &str) -> Read<()> {
        if self.takes_word(word) { Ok(()) } else { Err(format!("{word} was expected")) }
    }

    fn sign(&mut self, sign: &str) -> Read<()> {
        if self.takes_sign(sign) { Ok(()) } else { Err(format!("{sign} was expected")) }
    }
}

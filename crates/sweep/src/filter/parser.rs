//! The grammar of a condition, from loosest to tightest:
//!
//! ```text
//! or      = and { "or" and }
//! and     = not { "and" not }
//! not     = "not" not | compare
//! compare = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum | ["not"] "in" "[" sum { "," sum } "]" ]
//! sum     = product { ("+" | "-") product }
//! product = unary { ("*" | "/" | "%") unary }
//! unary   = "-" unary | number | string | "true" | "false" | key | "(" or ")" | "[" [ value { "," value } ] "]"
//! ```

use std::ops::Range;

use super::expr::{Arithmetic, Comparison, Expr, ExprNode, Rules};
use super::lexer::{Token, TokenKind, tokens};
use super::typing::{self, Type, Typed};
use crate::error::{FilterMistake, FilterMistakeKind};
use crate::keys::key;
use crate::value::Value;

/// Parentheses, `not`s and minus signs within each other; nobody reads deeper.
const MAX_DEPTH: usize = 64;

impl Expr {
    /// Parses and types a condition.
    ///
    /// # Errors
    /// The first mistake, with its bytes in `text`.
    pub fn parse(text: &str) -> Result<Expr, FilterMistake> {
        Expr::parse_under(text, Rules::NEWEST)
    }

    /// The same under given rules.
    ///
    /// # Errors
    /// As [`Expr::parse`].
    pub fn parse_under(text: &str, rules: Rules) -> Result<Expr, FilterMistake> {
        parse(text, rules)
    }
}

/// Parses and types a condition.
fn parse(text: &str, rules: Rules) -> Result<Expr, FilterMistake> {
    let root = tree(text, rules)?;
    let is_same = tree(text, rules.other()).is_ok_and(|other| other == root);
    Ok(Expr {
        text: text.to_owned(),
        root,
        rules: (!is_same).then_some(rules),
    })
}

/// Where rules differ, so do their trees: they are evaluated in one way.
fn tree(text: &str, rules: Rules) -> Result<ExprNode, FilterMistake> {
    let tokens = tokens(text)?;
    if tokens.len() == 1 {
        return Err(FilterMistake::new(FilterMistakeKind::Empty, 0..text.len()));
    }
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
        rules,
    };
    let root = parser.or()?;
    let rest = parser.peek();
    if rest.kind != TokenKind::End {
        return Err(parser.unexpected("`and`, `or` or the end"));
    }
    typing::truth(&root)?;
    Ok(root.node)
}

struct Parser {
    /// Never empty; the last is [`TokenKind::End`].
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    rules: Rules,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    /// Takes the sign or word if it is next.
    fn take(&mut self, wanted: &str) -> bool {
        let here = match &self.peek().kind {
            TokenKind::Sign(sign) => *sign == wanted,
            TokenKind::Word(word) => word == wanted,
            _ => false,
        };
        if here {
            self.advance();
        }
        here
    }

    fn expect(&mut self, wanted: &'static str, words: &'static str) -> Result<(), FilterMistake> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(self.unexpected(words))
        }
    }

    fn unexpected(&self, expected: &'static str) -> FilterMistake {
        let token = self.peek();
        FilterMistake::new(
            FilterMistakeKind::Unexpected {
                expected,
                found: token.kind.found(),
            },
            token.span.clone(),
        )
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Parser) -> Result<T, FilterMistake>,
    ) -> Result<T, FilterMistake> {
        if self.depth == MAX_DEPTH {
            return Err(FilterMistake::new(
                FilterMistakeKind::TooDeep { limit: MAX_DEPTH },
                self.peek().span.clone(),
            ));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Typed, FilterMistake> {
        self.joined("or", Parser::and, ExprNode::Or)
    }

    fn and(&mut self) -> Result<Typed, FilterMistake> {
        self.joined("and", Parser::negation, ExprNode::And)
    }

    fn joined(
        &mut self,
        word: &str,
        part: impl Fn(&mut Parser) -> Result<Typed, FilterMistake>,
        node: impl FnOnce(Vec<ExprNode>) -> ExprNode,
    ) -> Result<Typed, FilterMistake> {
        let first = part(self)?;
        let mut span = first.span.clone();
        let mut parts = vec![first];
        while self.take(word) {
            let next = part(self)?;
            span.end = next.span.end;
            parts.push(next);
        }
        if parts.len() > 1 {
            for part in &parts {
                typing::truth(part)?;
            }
            return Ok(Typed {
                node: node(parts.into_iter().map(|part| part.node).collect()),
                of: Type::Truth,
                span,
            });
        }
        Ok(parts.remove(0))
    }

    fn negation(&mut self) -> Result<Typed, FilterMistake> {
        let start = self.peek().span.start;
        if !self.take("not") {
            return self.compare();
        }
        let inner = self.nested(Parser::negation)?;
        typing::truth(&inner)?;
        Ok(Typed {
            span: start..inner.span.end,
            of: Type::Truth,
            node: ExprNode::Not(Box::new(inner.node)),
        })
    }

    fn compare(&mut self) -> Result<Typed, FilterMistake> {
        let left = self.sum()?;
        let result = if let Some(op) = self.comparison() {
            let right = self.sum()?;
            typing::comparable(op, &left, &right)?;
            self.compared(op, left, right)
        } else if self.take("in") {
            self.list(left, false)?
        } else if self.take("not") {
            self.expect("in", "`in` after `not`")?;
            self.list(left, true)?
        } else {
            return Ok(left);
        };
        let next = self.peek().span.clone();
        if self.comparison().is_some() {
            return Err(FilterMistake::new(FilterMistakeKind::Chained, next)
                .help("write `a < b and b < c`"));
        }
        Ok(result)
    }

    fn compared(&self, op: Comparison, mut left: Typed, mut right: Typed) -> Typed {
        let span = left.span.start..right.span.end;
        let differ = matches!((self.rules, op), (Rules::Second, Comparison::Unequal));
        if matches!(self.rules, Rules::Second) && !op.is_order() {
            typing::read_whole(&mut left, &mut right);
        }
        let node = ExprNode::Compare {
            op: if differ { Comparison::Equal } else { op },
            left: Box::new(left.node),
            right: Box::new(right.node),
        };
        Typed {
            span,
            of: Type::Truth,
            node: opposite(node, differ),
        }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let TokenKind::Sign(sign) = self.peek().kind else {
            return None;
        };
        let op = match sign {
            "==" => Comparison::Equal,
            "!=" => Comparison::Unequal,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.advance();
        Some(op)
    }

    /// The list after `item in`.
    fn list(&mut self, mut item: Typed, negated: bool) -> Result<Typed, FilterMistake> {
        let open = self.peek().span.clone();
        self.expect("[", "'[' after `in`")?;
        let mut list = Vec::new();
        loop {
            let end = self.peek().span.end;
            if self.take("]") {
                if list.is_empty() {
                    return Err(FilterMistake::new(
                        FilterMistakeKind::EmptyList,
                        open.start..end,
                    ));
                }
                let by_opposite = negated && matches!(self.rules, Rules::Second);
                let node = ExprNode::In {
                    item: Box::new(item.node),
                    list,
                    negated: negated && !by_opposite,
                };
                return Ok(Typed {
                    span: item.span.start..end,
                    of: Type::Truth,
                    node: opposite(node, by_opposite),
                });
            }
            let mut element = self.sum()?;
            typing::comparable(Comparison::Equal, &item, &element)?;
            if matches!(self.rules, Rules::Second) {
                typing::read_whole(&mut item, &mut element);
            }
            list.push(element.node);
            if !self.take(",") && !matches!(self.peek().kind, TokenKind::Sign("]")) {
                return Err(self.unexpected("',' or ']'"));
            }
        }
    }

    fn sum(&mut self) -> Result<Typed, FilterMistake> {
        let mut left = self.product()?;
        loop {
            let (op, sign) = match self.peek().kind {
                TokenKind::Sign("+") => (Arithmetic::Add, "+"),
                TokenKind::Sign("-") => (Arithmetic::Subtract, "-"),
                _ => return Ok(left),
            };
            self.advance();
            let right = self.product()?;
            left = arithmetic(op, sign, left, right)?;
        }
    }

    fn product(&mut self) -> Result<Typed, FilterMistake> {
        let mut left = self.unary()?;
        loop {
            let (op, sign) = match self.peek().kind {
                TokenKind::Sign("*") => (Arithmetic::Multiply, "*"),
                TokenKind::Sign("/") => (Arithmetic::Divide, "/"),
                TokenKind::Sign("%") => match self.rules {
                    Rules::First => (Arithmetic::BinaryRemainder, "%"),
                    Rules::Second => (Arithmetic::Remainder, "%"),
                },
                _ => return Ok(left),
            };
            self.advance();
            let right = self.unary()?;
            left = arithmetic(op, sign, left, right)?;
        }
    }

    fn unary(&mut self) -> Result<Typed, FilterMistake> {
        let Token { kind, span } = self.peek().clone();
        match kind {
            TokenKind::Sign("-") => {
                self.advance();
                let inner = self.nested(Parser::unary)?;
                typing::number(&inner, "-")?;
                Ok(Typed {
                    span: span.start..inner.span.end,
                    of: Type::Number,
                    node: negate(inner.node),
                })
            }
            TokenKind::Sign("(") => {
                self.advance();
                let mut inner = self.nested(Parser::or)?;
                let end = self.peek().span.end;
                self.expect(")", "')'")?;
                inner.span = span.start..end;
                Ok(inner)
            }
            TokenKind::Sign("[") if matches!(self.rules, Rules::Second) => self.whole_list(),
            TokenKind::Int(i) => Ok(self.literal(Value::Int(i), Type::Number, span)),
            TokenKind::Float(x) => Ok(self.literal(Value::Float(x), Type::Number, span)),
            TokenKind::Text(text) => Ok(self.literal(Value::Str(text), Type::Text(None), span)),
            TokenKind::Word(word) => match word.as_str() {
                "true" => Ok(self.literal(Value::Bool(true), Type::Truth, span)),
                "false" => Ok(self.literal(Value::Bool(false), Type::Truth, span)),
                "and" | "or" | "in" | "not" => Err(self.unexpected("a key or a value")),
                word => {
                    self.advance();
                    match key(word) {
                        Some(key) => typing::key(key, span, self.rules),
                        None => Err(typing::unknown_word(word, span)),
                    }
                }
            },
            TokenKind::Sign(_) | TokenKind::End => Err(self.unexpected("a key or a value")),
        }
    }

    /// A list that is compared as a whole.
    fn whole_list(&mut self) -> Result<Typed, FilterMistake> {
        let start = self.peek().span.start;
        self.advance();
        let mut values = Vec::new();
        loop {
            let end = self.peek().span.end;
            if self.take("]") {
                return Ok(Typed {
                    node: ExprNode::Literal(Value::List(values)),
                    of: Type::List,
                    span: start..end,
                });
            }
            let before = self.at;
            let element = self.nested(Parser::sum)?;
            match element.node {
                ExprNode::Literal(value @ (Value::Int(_) | Value::Float(_) | Value::Str(_))) => {
                    values.push(value);
                }
                _ => {
                    self.at = before;
                    return Err(self.unexpected("a number or a name in the list"));
                }
            }
            if !self.take(",") && !matches!(self.peek().kind, TokenKind::Sign("]")) {
                return Err(self.unexpected("',' or ']'"));
            }
        }
    }

    fn literal(&mut self, value: Value, of: Type, span: Range<usize>) -> Typed {
        self.advance();
        Typed {
            node: ExprNode::Literal(value),
            of,
            span,
        }
    }
}

/// `not node`, if `opposite`.
fn opposite(node: ExprNode, opposite: bool) -> ExprNode {
    if opposite {
        ExprNode::Not(Box::new(node))
    } else {
        node
    }
}

/// A negated literal is a literal.
fn negate(node: ExprNode) -> ExprNode {
    match node {
        ExprNode::Literal(Value::Int(i)) => ExprNode::Literal(Value::Int(-i)),
        ExprNode::Literal(Value::Float(x)) => ExprNode::Literal(Value::Float(-x)),
        other => ExprNode::Negate(Box::new(other)),
    }
}

fn arithmetic(
    op: Arithmetic,
    sign: &'static str,
    left: Typed,
    right: Typed,
) -> Result<Typed, FilterMistake> {
    typing::number(&left, sign)?;
    typing::number(&right, sign)?;
    let divides = matches!(
        op,
        Arithmetic::Divide | Arithmetic::Remainder | Arithmetic::BinaryRemainder
    );
    if divides && right.node == ExprNode::Literal(Value::Int(0)) {
        return Err(FilterMistake::new(
            FilterMistakeKind::DivisionByZero,
            right.span,
        ));
    }
    Ok(Typed {
        span: left.span.start..right.span.end,
        of: Type::Number,
        node: ExprNode::Arithmetic {
            op,
            left: Box::new(left.node),
            right: Box::new(right.node),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text marked by the mistake, its message and its help.
    fn check(text: &str, marked: &str, message: &str, help: Option<&str>) {
        let mistake = Expr::parse(text).expect_err(text);
        assert_eq!(mistake.to_string(), message, "{text}");
        assert_eq!(&text[mistake.span.clone()], marked, "{text}");
        assert_eq!(mistake.help.as_deref(), help, "{text}");
    }

    #[test]
    fn names_are_found_once_in_order() {
        let expr = Expr::parse(
            "problem.rank <= network.width / 2 and not (network.depth == 4 and init.kind == 'uniform') \
             or network.depth in [1, 2]",
        )
        .expect("a condition");
        assert_eq!(
            expr.names(),
            [
                "problem.rank",
                "init.kind",
                "network.depth",
                "network.width"
            ]
        );
        let parts = Expr::parse("network.depth > 2 and init.scale < 1 and problem.whiten")
            .expect("a condition")
            .conjuncts();
        let names: Vec<Vec<&str>> = parts.iter().map(Expr::names).collect();
        assert_eq!(
            names,
            [
                vec!["network.depth"],
                vec!["init.scale"],
                vec!["problem.whiten"]
            ]
        );
    }

    #[test]
    fn unknown_names_are_errors() {
        check(
            "network.dpeth == 3",
            "network.dpeth",
            "unknown key `network.dpeth` in the condition",
            Some("did you mean `network.depth`?"),
        );
        check(
            "init.kind == orthogonal",
            "orthogonal",
            "unknown key `orthogonal` in the condition",
            Some("names are quoted: 'orthogonal'"),
        );
        check(
            "init.kind in ['gaussian', 'uniformly']",
            "'uniformly'",
            "unknown value 'uniformly' of `init.kind`",
            Some(
                "did you mean 'uniform'? allowed are orthogonal, gaussian, uniform, identity, balanced, file, aligned",
            ),
        );
    }

    #[test]
    fn types_are_checked() {
        check(
            "'network.depth' == 3",
            "'network.depth' == 3",
            "the string 'network.depth' is compared with the number 3",
            Some("a key stands without quotes: network.depth"),
        );
        check(
            "init.kind < 'uniform'",
            "init.kind",
            "'<' takes numbers, found the name `init.kind`",
            Some("names, lists and conditions compare with == and != alone"),
        );
        check(
            "network.depth and problem.whiten",
            "network.depth",
            "the number `network.depth` is not a condition",
            Some("compare it, such as `network.depth == 3`"),
        );
        check(
            "init.kind + 1 == 2",
            "init.kind",
            "'+' takes numbers, found the name `init.kind`",
            None,
        );
        check(
            "train.stop == 3",
            "train.stop",
            "`train.stop` is a table or a list and cannot be compared",
            Some("its leaves can: `train.stop.train_loss`, `train.stop.gradient_norm`"),
        );
        check("problem.rank / 0 == 1", "0", "division by zero", None);
    }

    #[test]
    fn the_grammar_is_checked() {
        check("", "", "the condition is empty", None);
        check(
            "1 < network.depth < 5",
            "<",
            "comparisons do not chain",
            Some("write `a < b and b < c`"),
        );
        check(
            "(network.depth == 3",
            "",
            "expected ')', found the end",
            None,
        );
        check(
            "network.depth == 3 network.width == 4",
            "network.width",
            "expected `and`, `or` or the end, found `network.width`",
            None,
        );
        check(
            "network.depth in 3",
            "3",
            "expected '[' after `in`, found 3",
            None,
        );
        check(
            "network.depth in []",
            "[]",
            "the list after `in` is empty",
            None,
        );
        let deep = format!("{}true{}", "(".repeat(100), ")".repeat(100));
        assert!(matches!(
            Expr::parse(&deep).expect_err("too deep").kind,
            FilterMistakeKind::TooDeep { .. }
        ));
    }
}

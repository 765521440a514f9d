//! What of PromQL is understood here. Whatever is not is refused before anything is read.

use std::time::Duration;

use promql_parser::label::MatchOp;
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{AggregateExpr, BinaryExpr, Call, Expr, VectorMatchFillValues, VectorSelector};

use crate::aggregate;
use crate::error::Error;
use crate::functions;
use crate::position::{self, FUNCTION};
use crate::selection::matchers;

/// Deepest nesting of expressions, so that a thread's stack is enough for them.
const MAX_DEPTH: usize = 200;

/// Refuses what is not understood.
pub(crate) fn check(text: &str, expression: &Expr, regexes: &[String]) -> Result<(), Error> {
    Check { text, regexes }.at_depth(expression, 0)
}

/// A query that is checked.
struct Check<'a> {
    text: &'a str,
    regexes: &'a [String],
}

impl Check<'_> {
    fn at_depth(&self, expression: &Expr, depth: usize) -> Result<(), Error> {
        let text = self.text;
        if depth > MAX_DEPTH {
            return Err(position::refusal(
                text,
                0,
                format!("the query is nested more than {MAX_DEPTH} deep"),
            ));
        }
        let inner = |expression: &Expr| self.at_depth(expression, depth + 1);
        match expression {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(()),
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(selector) => {
                self.range(selector.range)?;
                self.selector(&selector.vs)
            }
            Expr::Paren(parenthesis) => inner(&parenthesis.expr),
            Expr::Unary(minus) => inner(&minus.expr),
            Expr::Subquery(subquery) => {
                self.range(subquery.range)?;
                subquery.step.map_or(Ok(()), |step| self.range(step))?;
                inner(&subquery.expr)
            }
            Expr::Call(call) => {
                check_call(text, call)?;
                call.args.args.iter().try_for_each(|argument| inner(argument))
            }
            Expr::Aggregate(aggregation) => {
                check_aggregation(text, aggregation)?;
                aggregation.param.iter().try_for_each(|parameter| inner(parameter))?;
                inner(&aggregation.expr)
            }
            Expr::Binary(binary) => {
                check_operator(text, binary)?;
                inner(&binary.lhs)?;
                inner(&binary.rhs)
            }
            Expr::Extension(_) => {
                Err(position::refusal(text, 0, "an extension of the language is not supported here"))
            }
        }
    }

    /// The parser reads a plain zero as a duration.
    fn range(&self, duration: Duration) -> Result<(), Error> {
        if duration.is_zero() {
            return Err(position::refusal(self.text, 0, "duration must be greater than 0"));
        }
        Ok(())
    }

    /// Matchers joined by `or` are an invention of another engine that the parser reads too. One that selects everything
    /// is refused here, as the parser does not see the regular expressions.
    fn selector(&self, selector: &VectorSelector) -> Result<(), Error> {
        if !selector.matchers.or_matchers.is_empty() {
            return Err(position::unsupported(self.text, "or", "inside braces"));
        }
        if selector
            .matchers
            .matchers
            .iter()
            .all(|matcher| matches!(matcher.op, MatchOp::Equal | MatchOp::NotEqual))
        {
            return Ok(());
        }
        let matchers = matchers(selector, self.regexes).map_err(|error| match error {
            Error::Regex(message) => position::refusal(self.text, 0, message),
            other => other,
        })?;
        if selector.name.is_none() && matchers.iter().all(|matcher| matcher.is_match("")) {
            let message = "vector selector must contain at least one non-empty matcher";
            return Err(position::refusal(self.text, 0, message));
        }
        Ok(())
    }
}

/// The parser lets some calls of `exp` and logarithms with a number pass.
fn check_call(text: &str, call: &Call) -> Result<(), Error> {
    let name = call.func.name;
    if call.func.experimental || !functions::is_known(name) {
        return Err(position::unsupported(text, name, FUNCTION));
    }
    let types = call.args.args.iter().map(|argument| argument.value_type());
    for (at, given) in types.enumerate() {
        let wanted = call.func.arg_types.get(at).or(call.func.arg_types.last());
        if wanted.is_some_and(|wanted| *wanted != given) {
            let wanted = wanted.map_or("", |wanted| type_name(*wanted));
            let given = type_name(given);
            let message = format!("expected type {wanted} in call to function \"{name}\", got {given}");
            return Err(position::refusal(text, 0, message));
        }
    }
    Ok(())
}

fn type_name(of: ValueType) -> &'static str {
    match of {
        ValueType::Vector => "instant vector",
        ValueType::Scalar => "scalar",
        ValueType::Matrix => "range vector",
        ValueType::String => "string",
    }
}

fn check_aggregation(text: &str, aggregation: &AggregateExpr) -> Result<(), Error> {
    let name = aggregation.op.to_string();
    if aggregate::is_known(&name) {
        return Ok(());
    }
    Err(position::unsupported(text, &name, FUNCTION))
}

fn check_operator(text: &str, binary: &BinaryExpr) -> Result<(), Error> {
    let fills = |fill: &VectorMatchFillValues| fill.lhs.is_some() || fill.rhs.is_some();
    if binary.modifier.as_ref().is_some_and(|modifier| fills(&modifier.fill_values)) {
        let word = ["fill_left", "fill_right"].into_iter().find(|word| text.contains(word)).unwrap_or("fill");
        return Err(position::unsupported(text, word, "the modifier"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{MAX_QUERY_BYTES, Query};

    #[test]
    fn what_prometheus_does_not_know_is_refused() {
        for text in ["a + fill(0) b", "{a=\"1\" or b=\"2\"}", "limitk(1, a)", "mad_over_time(a[5m])"] {
            let message = Query::parse(text).unwrap_err().to_string();
            assert!(message.contains("not supported here"), "{text}: {message}");
        }
    }

    #[test]
    fn a_formatted_query_is_the_same_query() {
        let text = "sum by(host)(rate(x{a=~`\\d`,b!=\"c\"}[5m]))/ on(host) group_left(model) y>bool 1";
        let formatted = Query::parse(text).unwrap().formatted();
        let want =
            "sum by (host) (rate(x{a=~\"\\\\d\",b!=\"c\"}[5m])) / on (host) group_left (model) y > bool 1";
        assert_eq!(formatted, want);
        assert_eq!(Query::parse(&formatted).unwrap().formatted(), want);
    }

    #[test]
    fn a_duration_that_none_can_hold_is_an_error() {
        for text in ["x[1e99]", "x offset 1e99", "x offset NaN"] {
            let message = Query::parse(text).unwrap_err().to_string();
            assert!(message.ends_with("a duration in the query is too long"), "{text}: {message}");
        }
        assert!(
            Query::parse("x[1e99]x_ϝ99]").is_err(),
            "also where the parser is asked again where it went wrong"
        );
    }

    #[test]
    fn the_deepest_nesting_of_the_longest_query_fits_a_threads_stack() {
        for (opening, closing) in [("-", ""), ("(", ")"), ("1+", ""), ("abs(", ")"), ("1^", ""), ("+", "")] {
            let times = (MAX_QUERY_BYTES - 1) / (opening.len() + closing.len());
            let text = format!("{}a{}", opening.repeat(times), closing.repeat(times));
            let reading = std::thread::spawn(move || Query::parse(&text).map(drop));
            assert!(reading.join().is_ok(), "{opening}");
        }
    }
}

//! What of PromQL is understood here. Whatever is not is refused before anything is read.

use promql_parser::parser::{AggregateExpr, BinaryExpr, Call, Expr, VectorMatchFillValues, VectorSelector};

use crate::error::Error;
use crate::functions::FUNCTIONS;
use crate::position::{self, FUNCTION};
use crate::range_functions::RANGE_FUNCTIONS;

/// Aggregations that are understood.
const AGGREGATIONS: [&str; 10] =
    ["sum", "avg", "min", "max", "count", "group", "stddev", "topk", "bottomk", "quantile"];

/// Operators that are understood.
const OPERATORS: [&str; 15] =
    ["+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless"];

/// Deepest nesting of expressions, so that a thread's stack is enough for them.
const MAX_DEPTH: usize = 200;

/// Refuses what is not understood.
pub(crate) fn check(text: &str, expression: &Expr) -> Result<(), Error> {
    at_depth(text, expression, 0)
}

fn at_depth(text: &str, expression: &Expr, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(position::refusal(text, 0, format!("the query is nested more than {MAX_DEPTH} deep")));
    }
    let inner = |expression: &Expr| at_depth(text, expression, depth + 1);
    match expression {
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(()),
        Expr::VectorSelector(selector) => check_selector(text, selector),
        Expr::MatrixSelector(selector) => check_selector(text, &selector.vs),
        Expr::Paren(parenthesis) => inner(&parenthesis.expr),
        Expr::Unary(minus) => inner(&minus.expr),
        Expr::Subquery(subquery) => inner(&subquery.expr),
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

fn check_call(text: &str, call: &Call) -> Result<(), Error> {
    let name = call.func.name;
    if FUNCTIONS.contains(&name) || RANGE_FUNCTIONS.iter().any(|(known, _)| *known == name) {
        return Ok(());
    }
    Err(position::unsupported(text, name, FUNCTION))
}

fn check_aggregation(text: &str, aggregation: &AggregateExpr) -> Result<(), Error> {
    let name = aggregation.op.to_string();
    if AGGREGATIONS.contains(&name.as_str()) {
        return Ok(());
    }
    Err(position::unsupported(text, &name, FUNCTION))
}

fn check_operator(text: &str, binary: &BinaryExpr) -> Result<(), Error> {
    let name = binary.op.to_string();
    if !OPERATORS.contains(&name.as_str()) {
        return Err(position::unsupported(text, &name, "the operator"));
    }
    let fills = |fill: &VectorMatchFillValues| fill.lhs.is_some() || fill.rhs.is_some();
    if binary.modifier.as_ref().is_some_and(|modifier| fills(&modifier.fill_values)) {
        let word = ["fill_left", "fill_right"].into_iter().find(|word| text.contains(word)).unwrap_or("fill");
        return Err(position::unsupported(text, word, "the modifier"));
    }
    Ok(())
}

/// Matchers joined by `or` are an invention of another engine that the parser reads too.
fn check_selector(text: &str, selector: &VectorSelector) -> Result<(), Error> {
    if selector.matchers.or_matchers.is_empty() {
        return Ok(());
    }
    Err(position::unsupported(text, "or", "inside braces"))
}

#[cfg(test)]
mod tests {
    use crate::{MAX_QUERY_BYTES, Query};

    #[test]
    fn what_prometheus_does_not_know_is_refused() {
        for text in ["a + fill(0) b", "{a=\"1\" or b=\"2\"}", "limitk(1, a)", "count_values(\"a\", b)"] {
            let message = Query::parse(text).unwrap_err().to_string();
            assert!(message.contains("not supported here"), "{text}: {message}");
        }
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

//! Which expressions are the same at every step: Prometheus evaluates these once, and warns accordingly.

use promql_parser::parser::Expr;

/// Functions of the step's own time.
const OF_THE_STEP: [&str; 11] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "time",
    "timestamp",
    "year",
];

/// True if every selector has a fixed time and no function asks for the step's.
pub(crate) fn is_step_invariant(expression: &Expr) -> bool {
    match expression {
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => true,
        Expr::VectorSelector(selector) => selector.at.is_some(),
        Expr::MatrixSelector(selector) => selector.vs.at.is_some(),
        Expr::Subquery(subquery) => subquery.at.is_some(),
        Expr::Paren(parenthesis) => is_step_invariant(&parenthesis.expr),
        Expr::Unary(minus) => is_step_invariant(&minus.expr),
        Expr::Binary(binary) => is_step_invariant(&binary.lhs) && is_step_invariant(&binary.rhs),
        Expr::Aggregate(aggregation) => {
            let parameter = aggregation.param.as_ref();
            is_step_invariant(&aggregation.expr)
                && parameter.is_none_or(|parameter| is_step_invariant(parameter))
        }
        Expr::Call(call) => {
            let mut arguments = call.args.args.iter();
            !OF_THE_STEP.contains(&call.func.name) && arguments.all(|argument| is_step_invariant(argument))
        }
        Expr::Extension(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_time_makes_an_expression_the_same_at_every_step() {
        let invariant = |text: &str| is_step_invariant(&promql_parser::parser::parse(text).unwrap());
        for text in ["1", "sum(a @ 1)", "rate(a[5m] @ end()) + 1", "(max_over_time(a[5m:1m] @ 1))"] {
            assert!(invariant(text), "{text}");
        }
        for text in ["a", "a @ 1 + b", "time()", "hour(a @ 1)", "topk(scalar(a), b @ 1)", "rate(a[5m])"] {
            assert!(!invariant(text), "{text}");
        }
    }
}

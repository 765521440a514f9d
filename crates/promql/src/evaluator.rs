//! Evaluates a tree: each expression at all moments of a grid at once.

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{AtModifier, Call, Expr, MatrixSelector, Offset, SubqueryExpr, VectorSelector};
use std::time::{Duration, UNIX_EPOCH};

use crate::annotations::Notes;
use crate::budget::Budget;
use crate::error::Error;
use crate::grid::{Grid, Stepped, Value, merge};
use crate::labels::Labels;
use crate::range_functions::SampleRange;
use crate::selection::{Matcher, Selection, StepsFor, matchers};
use crate::source::{Found, Sample, Series, Step};
use crate::{Answered, Context, QueryResult, Times};

/// Times and durations beyond this many milliseconds are taken as this many, so that none overflows: 142,000 years.
const FOREVER_MS: i64 = 1 << 52;

/// One evaluation, what it has taken so far, and what it has to say beside its answer.
pub(crate) struct Evaluator<'a> {
    context: &'a Context<'a>,
    times: Times,
    regexes: &'a [String],
    pub(crate) budget: Budget<'a>,
    pub(crate) notes: Notes,
}

/// Which moment a selector looks at: its `offset` and `@`.
#[derive(Debug, Clone, Copy)]
struct TimeModifiers {
    fixed_ms: Option<i64>,
    offset_ms: i64,
}

impl TimeModifiers {
    fn from(self, t_ms: i64) -> i64 {
        self.fixed_ms.unwrap_or(t_ms) - self.offset_ms
    }
}

/// What a range selector or a subquery found, and the ranges of it that belong to the moments of a grid.
pub(crate) struct RangeVector {
    pub(crate) series: Vec<Found>,
    range_ms: i64,
    reach: TimeModifiers,
}

impl RangeVector {
    /// The range of a series at each moment; moments only go forward, and so do the ranges' ends.
    pub(crate) fn ranges<'s>(&self, found: &'s Found, grid: Grid) -> impl Iterator<Item = SampleRange<'s>> {
        let (range_ms, reach) = (self.range_ms, self.reach);
        let mut samples = Sliding::of(&found.series.samples, |sample: &Sample| sample.t_ms);
        let mut steps = Sliding::of(&found.steps, |step: &Step| step.t_ms);
        grid.times().map(move |t_ms| {
            let to_ms = reach.from(t_ms);
            let from_ms = to_ms - range_ms;
            let (samples, steps) = (samples.between(from_ms, to_ms), steps.between(from_ms, to_ms));
            SampleRange { samples, steps, from_ms, to_ms, t_ms }
        })
    }
}

/// The part of a list in order of time that lies in a range which only goes forward.
struct Sliding<'a, T> {
    all: &'a [T],
    time: fn(&T) -> i64,
    first: usize,
    end: usize,
}

impl<'a, T> Sliding<'a, T> {
    fn of(all: &'a [T], time: fn(&T) -> i64) -> Self {
        Self { all, time, first: 0, end: 0 }
    }

    fn between(&mut self, from_ms: i64, to_ms: i64) -> &'a [T] {
        let Self { all, time, .. } = *self;
        self.end += all[self.end..].iter().take_while(|one| time(one) <= to_ms).count();
        self.first += all[self.first..self.end].iter().take_while(|one| time(one) <= from_ms).count();
        &all[self.first..self.end]
    }
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(context: &'a Context<'a>, times: Times, regexes: &'a [String]) -> Self {
        let clamp = |t_ms: i64| t_ms.clamp(-FOREVER_MS, FOREVER_MS);
        let times = Times { start_ms: clamp(times.start_ms), end_ms: clamp(times.end_ms), ..times };
        Self { context, times, regexes, budget: Budget::of(context), notes: Notes::default() }
    }

    /// The answer for the one moment of these times.
    pub(crate) fn instant(self, expression: &Expr) -> Result<Answered, Error> {
        let grid = Grid::of(self.times);
        let answer = match expression.value_type() {
            ValueType::String => QueryResult::Text(text(expression)?.to_owned()),
            ValueType::Scalar => {
                let values = self.scalar(expression, grid)?;
                QueryResult::Scalar(values.first().copied().unwrap_or(f64::NAN))
            }
            ValueType::Vector => {
                let vector = self.vector(expression, grid)?.into_iter();
                let series = vector.map(|series| series.into_series(grid));
                QueryResult::Vector(series.filter(|series| !series.samples.is_empty()).collect())
            }
            ValueType::Matrix => self.cut(expression, grid)?,
        };
        Ok(self.answered(answer))
    }

    /// The answer for all moments of these times.
    pub(crate) fn range(self, expression: &Expr) -> Result<Answered, Error> {
        let grid = Grid::of(self.times);
        let all = match expression.value_type() {
            ValueType::String => return Err(Error::NoRange("text")),
            ValueType::Matrix => return Err(Error::NoRange("range of samples")),
            ValueType::Scalar => {
                self.budget.charge::<Option<f64>>(grid.count)?;
                let values = self.scalar(expression, grid)?.into_iter().map(Some).collect();
                vec![Stepped { labels: Labels::default(), values }]
            }
            ValueType::Vector => self.vector(expression, grid)?,
        };
        // Values become samples series by series; a sample is as large as a value.
        let series = all.into_iter().map(|series| series.into_series(grid));
        let answer = in_order(series.filter(|series| !series.samples.is_empty()).collect());
        Ok(self.answered(answer))
    }

    /// Of a range vector the samples of the one moment.
    fn cut(&self, expression: &Expr, grid: Grid) -> Result<QueryResult, Error> {
        let ranged = self.ranged(expression, grid, false)?;
        let mut all = Vec::new();
        for found in &ranged.series {
            let Some(range) = ranged.ranges(found, grid).next() else { continue };
            if !range.samples.is_empty() {
                let labels = found.series.labels.clone();
                self.budget.charge_bytes(labels.bytes())?;
                self.budget.charge::<Sample>(range.samples.len())?;
                all.push(Series { labels, samples: range.samples.to_vec() });
            }
        }
        Ok(in_order(all))
    }

    fn answered(self, answer: QueryResult) -> Answered {
        Answered { answer, annotations: self.notes.taken(), samples: self.budget.samples() }
    }

    pub(crate) fn evaluate(&self, expression: &Expr, grid: Grid) -> Result<Value, Error> {
        self.budget.look_at_the_clock()?;
        match expression {
            Expr::NumberLiteral(number) => Ok(Value::Scalar(self.constant(number.val, grid)?)),
            Expr::VectorSelector(selector) => self.selected(selector, grid).map(Value::Vector),
            Expr::Paren(parenthesis) => self.evaluate(&parenthesis.expr, grid),
            Expr::Unary(minus) => match self.evaluate(&minus.expr, grid)? {
                Value::Scalar(values) => Ok(Value::Scalar(values.into_iter().map(|value| -value).collect())),
                Value::Vector(all) => self.each(all, |value| -value).map(Value::Vector),
            },
            Expr::Aggregate(aggregation) => self.aggregate(aggregation, grid).map(Value::Vector),
            Expr::Binary(binary) => self.binary(binary, grid),
            Expr::Call(call) => self.call(call, grid),
            other => Err(Error::Parameter(format!("`{other}` cannot be used here"))),
        }
    }

    pub(crate) fn vector(&self, expression: &Expr, grid: Grid) -> Result<Vec<Stepped>, Error> {
        match self.evaluate(expression, grid)? {
            Value::Vector(vector) => Ok(vector),
            Value::Scalar(_) => Err(Error::Parameter(format!("`{expression}` is a number and no vector"))),
        }
    }

    pub(crate) fn scalar(&self, expression: &Expr, grid: Grid) -> Result<Vec<f64>, Error> {
        match self.evaluate(expression, grid)? {
            Value::Scalar(scalar) => Ok(scalar),
            Value::Vector(_) => Err(Error::Parameter(format!("`{expression}` is a vector and no number"))),
        }
    }

    /// A number at every moment.
    pub(crate) fn constant(&self, value: f64, grid: Grid) -> Result<Vec<f64>, Error> {
        self.budget.charge::<f64>(grid.count)?;
        Ok(vec![value; grid.count])
    }

    /// The time of every moment in Unix seconds.
    pub(crate) fn moments(&self, grid: Grid) -> Result<Vec<f64>, Error> {
        self.budget.charge::<f64>(grid.count)?;
        Ok(grid.times().map(|t_ms| t_ms as f64 / 1000.0).collect())
    }

    /// A series without values yet.
    pub(crate) fn stepped(&self, labels: Labels, grid: Grid) -> Result<Stepped, Error> {
        self.budget.charge::<Option<f64>>(grid.count)?;
        self.budget.charge_bytes(labels.bytes())?;
        Ok(Stepped::empty(labels, grid))
    }

    /// Each value made another, which is of no metric any more.
    pub(crate) fn each(&self, all: Vec<Stepped>, change: impl Fn(f64) -> f64) -> Result<Vec<Stepped>, Error> {
        merge(all.into_iter().map(|series| nameless(series.map(&change))).collect(), &self.budget)
    }

    /// An instant selector: of each series the latest sample that is not older than the lookback.
    fn selected(&self, selector: &VectorSelector, grid: Grid) -> Result<Vec<Stepped>, Error> {
        self.latest(selector, grid, |sample| sample.value)
    }

    /// Of each series the latest sample, and of this what is wanted.
    pub(crate) fn latest(
        &self,
        selector: &VectorSelector,
        grid: Grid,
        wanted: impl Fn(Sample) -> f64,
    ) -> Result<Vec<Stepped>, Error> {
        let reach = self.reach(selector.at.as_ref(), selector.offset.as_ref());
        let lookback_ms = self.context.lookback_ms;
        let mut all = Vec::new();
        for Found { series, .. } in self.fetch(selector, reach, lookback_ms, grid, StepsFor::Nothing)? {
            let mut stepped = self.stepped(series.labels, grid)?;
            let mut past = 0;
            self.budget.work(series.samples.len() + grid.count)?;
            for (t_ms, value) in grid.times().zip(&mut stepped.values) {
                let to_ms = reach.from(t_ms);
                past += series.samples[past..].iter().take_while(|sample| sample.t_ms <= to_ms).count();
                let latest = past.checked_sub(1).map(|at| series.samples[at]);
                let alive = |sample: &Sample| sample.t_ms > to_ms - lookback_ms && !sample.is_stale();
                *value = latest.filter(alive).map(&wanted);
            }
            if !stepped.is_empty() {
                all.push(stepped);
            }
        }
        Ok(all)
    }

    /// What a range function is given; with `steps`, if it knows what to do with them.
    pub(crate) fn ranged(&self, expression: &Expr, grid: Grid, steps: bool) -> Result<RangeVector, Error> {
        match expression {
            Expr::Paren(parenthesis) => self.ranged(&parenthesis.expr, grid, steps),
            Expr::MatrixSelector(selector) => self.samples(selector, grid, steps),
            Expr::Subquery(subquery) => self.subquery(subquery, grid),
            other => Err(Error::Parameter(format!("`{other}` is no range"))),
        }
    }

    fn samples(&self, selector: &MatrixSelector, grid: Grid, steps: bool) -> Result<RangeVector, Error> {
        let reach = self.reach(selector.vs.at.as_ref(), selector.vs.offset.as_ref());
        let range_ms = milliseconds(selector.range);
        let steps = match (steps, grid.count) {
            (false, _) => StepsFor::Nothing,
            // All that is fetched is one range.
            (true, 1) => StepsFor::Everything,
            (true, _) => StepsFor::Downsampled,
        };
        let mut series = self.fetch(&selector.vs, reach, range_ms, grid, steps)?;
        for found in &mut series {
            found.series.samples.retain(|sample| !sample.is_stale());
        }
        Ok(RangeVector { series, range_ms, reach })
    }

    /// A subquery is evaluated at whole multiples of its own step, wherever the outer grid lies.
    fn subquery(&self, subquery: &SubqueryExpr, grid: Grid) -> Result<RangeVector, Error> {
        let reach = self.reach(subquery.at.as_ref(), subquery.offset.as_ref());
        let range_ms = milliseconds(subquery.range);
        let step_ms = subquery.step.map_or(self.context.subquery_step_ms, milliseconds).max(1);
        let from_ms = reach.from(grid.start_ms) - range_ms;
        let multiple = from_ms / step_ms * step_ms;
        let start_ms = if multiple <= from_ms { multiple + step_ms } else { multiple };
        let inner = Grid::of(Times { start_ms, end_ms: reach.from(grid.end_ms()), step_ms });
        if inner.count == 0 || grid.count == 0 {
            return Ok(RangeVector { series: Vec::new(), range_ms, reach });
        }
        // Whatever is computed has a value at each moment, even if nothing comes out.
        let computed = self.budget.lease(inner.count.saturating_mul(size_of::<f64>()))?;
        let found = self.vector(&subquery.expr, inner)?;
        drop(computed);
        self.budget.charge::<Sample>(inner.count.saturating_mul(found.len()))?;
        let series = found.into_iter().map(|series| Found::whole(series.into_series(inner))).collect();
        Ok(RangeVector { series, range_ms, reach })
    }

    /// The series of a selector with all samples that any moment of the grid looks back at.
    fn fetch(
        &self,
        selector: &VectorSelector,
        reach: TimeModifiers,
        back_ms: i64,
        grid: Grid,
        steps: StepsFor,
    ) -> Result<Vec<Found>, Error> {
        if grid.count == 0 {
            return Ok(Vec::new());
        }
        let limits = self.context.limits;
        let matchers = self.matchers(selector)?;
        let (most_series, most_samples) = self.budget.left();
        let wanted = Selection {
            matchers: &matchers,
            from_ms: reach.from(grid.start_ms) - back_ms + 1,
            to_ms: reach.from(grid.end_ms()),
            steps,
            most_series,
            most_samples,
        };
        let found = self.context.source.select(&wanted).map_err(|error| Error::of_source(error, limits))?;
        let samples: usize = found.iter().map(|found| found.series.samples.len()).sum();
        let steps: usize = found.iter().map(|found| found.steps.len()).sum();
        self.budget.charge_found(found.len(), samples + steps)?;
        self.budget.charge::<Sample>(samples)?;
        self.budget.charge::<Step>(steps)?;
        self.budget.charge_bytes(found.iter().map(|found| found.series.labels.bytes()).sum())?;
        Ok(found)
    }

    /// The conditions of a selector.
    pub(crate) fn matchers(&self, selector: &VectorSelector) -> Result<Vec<Matcher>, Error> {
        matchers(selector, self.regexes)
    }

    fn reach(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> TimeModifiers {
        let fixed_ms = at.map(|at| match at {
            AtModifier::Start => self.times.start_ms,
            AtModifier::End => self.times.end_ms,
            AtModifier::At(time) => match time.duration_since(UNIX_EPOCH) {
                Ok(after) => milliseconds(after),
                Err(before) => -milliseconds(before.duration()),
            },
        });
        let offset_ms = match offset {
            None => 0,
            Some(Offset::Pos(duration)) => milliseconds(*duration),
            Some(Offset::Neg(duration)) => -milliseconds(*duration),
        };
        TimeModifiers { fixed_ms, offset_ms }
    }
}

/// An argument of a function.
pub(crate) fn argument(call: &Call, at: usize) -> Result<&Expr, Error> {
    let missing = || Error::Parameter(format!("`{}` wants another argument", call.func.name));
    call.args.args.get(at).map(AsRef::as_ref).ok_or_else(missing)
}

/// What stands within parentheses.
pub(crate) fn without_parentheses(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(parenthesis) => without_parentheses(&parenthesis.expr),
        other => other,
    }
}

/// A text that stands in the query.
pub(crate) fn text(expression: &Expr) -> Result<&str, Error> {
    match expression {
        Expr::StringLiteral(literal) => Ok(&literal.val),
        Expr::Paren(parenthesis) => text(&parenthesis.expr),
        other => Err(Error::Parameter(format!("`{other}` is no text"))),
    }
}

pub(crate) fn nameless(series: Stepped) -> Stepped {
    Stepped { labels: series.labels.nameless(), ..series }
}

fn in_order(mut series: Vec<Series>) -> QueryResult {
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    QueryResult::Matrix(series)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(FOREVER_MS).min(FOREVER_MS)
}

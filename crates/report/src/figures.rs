//! Figures in rows and columns, for who goes on working with them: each column is one quantity in one unit.
//!
//! Invariants: what is unknown has no value; the unit of a figure stands in the head of its column and nowhere else.

/// A table of figures, before any format.
#[derive(Debug)]
pub(crate) struct Figures {
    /// What the table shows.
    pub(crate) caption: String,
    pub(crate) columns: Vec<Column>,
    /// Each as long as there are columns.
    pub(crate) rows: Vec<Vec<Figure>>,
    /// Sentences on what the columns have no room for.
    pub(crate) notes: Vec<String>,
}

/// One quantity.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The unit of all its figures, SI without a prefix; empty for texts, counts and ratios.
    pub(crate) unit: String,
}

impl Column {
    /// A quantity in a unit.
    pub(crate) fn new(name: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { name: name.into(), unit: unit.into() }
    }
}

/// What stands in a row and a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Figure {
    /// Words; foreign text in them is not escaped yet.
    Text(String),
    /// A number that is counted: nodes, runs.
    Count(Option<usize>),
    /// A figure in the unit of its column.
    Number {
        /// `None` is unknown.
        value: Option<f64>,
        /// So much either way, in the same unit.
        uncertainty: Option<f64>,
    },
}

impl Figure {
    /// A figure without an uncertainty.
    pub(crate) fn number(value: Option<f64>) -> Self {
        Self::with_uncertainty(value, None)
    }

    /// A figure that is known only to so much either way.
    pub(crate) fn with_uncertainty(value: Option<f64>, uncertainty: Option<f64>) -> Self {
        let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
        let value = finite(value);
        Self::Number { value, uncertainty: finite(uncertainty).filter(|_| value.is_some()) }
    }

    /// Its value as it is, where it is one.
    pub(crate) fn value(&self) -> Option<f64> {
        match self {
            Self::Number { value, .. } => *value,
            Self::Count(_) | Self::Text(_) => None,
        }
    }

    /// So much either way, where that is known.
    pub(crate) fn uncertainty(&self) -> Option<f64> {
        match self {
            Self::Number { uncertainty, .. } => *uncertainty,
            Self::Count(_) | Self::Text(_) => None,
        }
    }
}

impl Figures {
    /// The figures of a column, from top to bottom.
    pub(crate) fn column(&self, index: usize) -> impl Iterator<Item = &Figure> + Clone {
        self.rows.iter().filter_map(move |row| row.get(index))
    }

    /// The second figure of a column by the first; `None` unless both are known.
    pub(crate) fn ratio(&self, index: usize) -> Option<f64> {
        let mut values = self.column(index).map(Figure::value);
        let (first, second) = (values.next()??, values.next()??);
        (first != 0.0).then(|| second / first)
    }

    /// Whether any figure of a column has an uncertainty.
    pub(crate) fn has_uncertainty(&self, index: usize) -> bool {
        self.column(index).any(|figure| figure.uncertainty().is_some())
    }
}

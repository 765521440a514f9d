//! Linear least squares with a few unknowns, of which each equation has a few.

/// A pivot that is smaller by this than the greatest entry is nothing but rounding errors: its unknown is 0.
const SINGULAR: f64 = 1e-12;

/// The sums that the best unknowns follow from.
pub(super) struct NormalEquations {
    count: usize,
    /// Row by row, the right side last.
    sums: Vec<Vec<f64>>,
}

impl NormalEquations {
    /// For so many unknowns.
    pub(super) fn new(count: usize) -> Self {
        Self { count, sums: vec![vec![0.0; count + 1]; count] }
    }

    /// One equation: unknowns with their factors, what they add up to, and how much it counts.
    pub(super) fn add(&mut self, factors: &[(usize, f64)], value: f64, weight: f64) {
        for (row, factor) in factors {
            for (column, other) in factors {
                self.sums[*row][*column] += weight * factor * other;
            }
            self.sums[*row][self.count] += weight * factor * value;
        }
    }

    /// The unknowns that leave the least squares; one that no equation tells is 0.
    pub(super) fn solve(mut self) -> Vec<f64> {
        let greatest = self.sums.iter().flatten().fold(0.0, |most: f64, sum| most.max(sum.abs()));
        let mut free: Vec<usize> = (0..self.count).collect();
        let mut used = Vec::with_capacity(self.count);
        for column in 0..self.count {
            let largest = |a: &usize, b: &usize| self.at(*a, column).total_cmp(&self.at(*b, column));
            let pivot = free.iter().copied().max_by(largest);
            let pivot = pivot.filter(|row| self.at(*row, column) > SINGULAR * greatest);
            if let Some(pivot) = pivot {
                free.retain(|row| *row != pivot);
                self.eliminate(pivot, column);
            }
            used.push(pivot);
        }
        let unknown = |(column, row): (usize, Option<usize>)| {
            row.map_or(0.0, |row| self.sums[row][self.count] / self.sums[row][column])
        };
        used.into_iter().enumerate().map(unknown).collect()
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.sums[row][column].abs()
    }

    /// Takes the unknown out of every other equation.
    fn eliminate(&mut self, pivot: usize, column: usize) {
        let by = self.sums[pivot].clone();
        for (_, row) in self.sums.iter_mut().enumerate().filter(|(row, _)| *row != pivot) {
            let share = row[column] / by[column];
            for (sum, other) in row.iter_mut().zip(&by) {
                *sum -= share * other;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_again_and_what_nothing_tells_is_0() {
        let mut equations = NormalEquations::new(3);
        for (x, y) in [(0.0, 1.0), (1.0, 3.1), (2.0, 4.9), (3.0, 7.0)] {
            equations.add(&[(0, 1.0), (1, x)], y, 1.0);
        }
        let solved = equations.solve();
        assert!((solved[0] - 1.03).abs() < 1e-9 && (solved[1] - 1.98).abs() < 1e-9, "{solved:?}");
        assert_eq!(solved[2], 0.0);
    }

    #[test]
    fn a_weight_says_how_much_an_equation_counts() {
        let mut equations = NormalEquations::new(1);
        equations.add(&[(0, 1.0)], 1.0, 3.0);
        equations.add(&[(0, 1.0)], 5.0, 1.0);
        assert!((equations.solve()[0] - 2.0).abs() < 1e-12);
    }
}

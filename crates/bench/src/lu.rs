//! Solves A x = b by LU factorisation with partial pivoting, on several threads.
//!
//! The matrix is a row of panels, [`PANEL`] columns each. A panel is factored by one thread while the
//! others still subtract the panel before it from the rest (right-looking, with a look-ahead of one), so
//! that the sequential part costs no time of its own. What is done within a panel is faer's. Only the
//! division among threads is here: faer's own threads meet in every small product, which was a third
//! slower on two cores that are not quite idle (`docs/bench.md`).
//!
//! Rows are never exchanged in panels that are done; [`Factors::solve`] exchanges step by step instead.
//! Each panel is worked on by one thread at a time and in one order, so that the result does not depend
//! on the number of threads.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::lu::partial_pivoting::factor::{lu_in_place, lu_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::{solve_unit_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Accum, ColMut, Mat, MatMut, MatRef, Par};

/// Columns of a panel: wide enough for the products' rate, narrow enough to leave work for every thread
/// near the end. 192 and 256 were not faster where it was tried.
pub const PANEL: usize = 128;

/// A square matrix of double precision.
#[derive(Debug)]
pub struct Matrix {
    order: usize,
    panels: Vec<Mat<f64>>,
}

/// A matrix after its factorisation.
#[derive(Debug)]
pub struct Factors {
    matrix: Matrix,
    exchanges: Vec<Exchanges>,
}

/// Which rows a panel's pivoting moved: (to, from), counted from the panel's first row.
type Exchanges = Vec<(usize, usize)>;

impl Matrix {
    /// Zeroes, `order` rows and columns.
    pub fn zeroes(order: usize) -> Self {
        let width = |first: usize| PANEL.min(order - first);
        let panels = (0..order).step_by(PANEL).map(|first| Mat::zeros(order, width(first))).collect();
        Self { order, panels }
    }

    /// Number of rows, which is that of the columns.
    pub fn order(&self) -> usize {
        self.order
    }

    /// Writes every column: `fill` is given its index and its entries, from several threads at once.
    /// Fails only if the system starts no thread.
    pub fn fill(&mut self, threads: usize, fill: impl Fn(usize, &mut [f64]) + Sync) -> io::Result<()> {
        let panels = (0..).step_by(PANEL).zip(self.panels.iter_mut());
        share_out(threads, panels, |(first, panel): (usize, &mut Mat<f64>)| {
            for (column, entries) in (first..).zip(panel.col_iter_mut()) {
                if let Some(entries) = entries.try_as_col_major_mut() {
                    fill(column, entries.as_slice_mut());
                }
            }
        })
    }

    /// Factors in place, on so many threads. A singular matrix gives factors that are not finite. Fails
    /// only if the system starts no thread.
    pub fn factor(mut self, threads: usize) -> io::Result<Factors> {
        let mut exchanges = Vec::with_capacity(self.panels.len());
        exchanges.extend(self.panels.first_mut().map(|first| factor_panel(first.as_mut())));
        for step in 1..self.panels.len() {
            let next = self.step(step - 1, &exchanges[step - 1], threads)?;
            exchanges.push(next);
        }
        Ok(Factors { matrix: self, exchanges })
    }

    /// Subtracts panel `done` from all to its right and factors the next one.
    fn step(&mut self, done: usize, exchanges: &Exchanges, threads: usize) -> io::Result<Exchanges> {
        let row = done * PANEL;
        let (left, right) = self.panels.split_at_mut(done + 1);
        let panel = left[done].as_ref().split_at_row(row).1;
        let (next, others) = right.split_at_mut(1);
        let mut next = next[0].as_mut().split_at_row_mut(row).1;
        let waiting = Mutex::new(others.iter_mut());
        let work = || {
            while let Some(other) = take(&waiting) {
                subtract(panel, exchanges, other.as_mut().split_at_row_mut(row).1);
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                thread::Builder::new().spawn_scoped(scope, work)?;
            }
            subtract(panel, exchanges, next.as_mut());
            let exchanges = factor_panel(next.split_at_row_mut(PANEL).1);
            work();
            Ok(exchanges)
        })
    }
}

impl Factors {
    /// Replaces the right-hand side, as long as the matrix has rows, by the solution.
    pub fn solve(&self, right_hand_side: &mut [f64]) {
        let mut x = ColMut::from_slice_mut(right_hand_side).as_mat_mut();
        let panels = (0..).step_by(PANEL).zip(&self.matrix.panels);
        for ((row, panel), exchanges) in panels.clone().zip(&self.exchanges) {
            let below = panel.as_ref().split_at_row(row).1;
            subtract(below, exchanges, x.as_mut().split_at_row_mut(row).1);
        }
        for (row, panel) in panels.collect::<Vec<_>>().into_iter().rev() {
            let (above, diagonal) = panel.as_ref().split_at_row(row);
            let (rest, known) = x.as_mut().split_at_row_mut(row);
            let mut known = known.split_at_row_mut(panel.ncols()).0;
            let upper = diagonal.split_at_row(panel.ncols()).0;
            solve_upper_triangular_in_place(upper, known.as_mut(), Par::Seq);
            matmul(rest, Accum::Add, above, known.as_ref(), -1.0, Par::Seq);
        }
    }

    /// Gives the memory back for another matrix; its entries are the factors'.
    pub fn into_matrix(self) -> Matrix {
        self.matrix
    }
}

/// Factors a panel from its diagonal down.
fn factor_panel(panel: MatMut<'_, f64>) -> Exchanges {
    let (rows, columns) = (panel.nrows(), panel.ncols());
    let (mut order, mut inverse) = (vec![0_usize; rows], vec![0; rows]);
    let how = faer::Spec::default();
    let scratch = lu_in_place_scratch::<usize, f64>(rows, columns, Par::Seq, how);
    let mut scratch = MemBuffer::new(scratch);
    lu_in_place(panel, &mut order, &mut inverse, Par::Seq, MemStack::new(&mut scratch), how);
    order.into_iter().enumerate().filter(|(to, from)| to != from).collect()
}

/// What a factored panel does to the columns right of it: exchange rows, solve with its unit triangle,
/// subtract the product.
fn subtract(panel: MatRef<'_, f64>, exchanges: &Exchanges, mut columns: MatMut<'_, f64>) {
    let mut moved = Vec::with_capacity(exchanges.len());
    for mut column in columns.as_mut().col_iter_mut() {
        moved.clear();
        moved.extend(exchanges.iter().map(|&(_, from)| column[from]));
        for (&(to, _), value) in exchanges.iter().zip(&moved) {
            column[to] = *value;
        }
    }
    let (triangle, below) = panel.split_at_row(panel.ncols());
    let (mut top, bottom) = columns.split_at_row_mut(panel.ncols());
    solve_unit_lower_triangular_in_place(triangle, top.as_mut(), Par::Seq);
    matmul(bottom, Accum::Add, below, top.as_ref(), -1.0, Par::Seq);
}

/// Does the work on every item, so many threads at a time, each taking the next that is waiting.
pub(super) fn share_out<T: Send>(
    threads: usize,
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(T) + Sync,
) -> io::Result<()> {
    let waiting = Mutex::new(items);
    let all = || {
        while let Some(item) = take(&waiting) {
            work(item);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            thread::Builder::new().spawn_scoped(scope, all)?;
        }
        all();
        Ok(())
    })
}

/// The next item; the lock is given back before the item is worked on.
fn take<T>(waiting: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The solution of a random system of this order, and the greatest error against a known solution.
    fn solved(order: usize, threads: usize) -> (Vec<f64>, f64) {
        let entry = |column: usize| {
            let mut random = fastrand::Rng::with_seed(column as u64);
            std::iter::repeat_with(move || random.f64() - 0.5)
        };
        let wanted: Vec<f64> = (0..order).map(|index| (index % 5) as f64 - 2.0).collect();
        let mut x = vec![0.0; order];
        for (column, factor) in wanted.iter().enumerate() {
            x.iter_mut().zip(entry(column)).for_each(|(sum, entry)| *sum += factor * entry);
        }
        let mut matrix = Matrix::zeroes(order);
        let fill = |column: usize, entries: &mut [f64]| {
            entries.iter_mut().zip(entry(column)).for_each(|(slot, entry)| *slot = entry);
        };
        matrix.fill(threads, fill).unwrap();
        matrix.factor(threads).unwrap().solve(&mut x);
        let error = x.iter().zip(&wanted).map(|(x, wanted)| (x - wanted).abs()).fold(0.0, f64::max);
        (x, error)
    }

    #[test]
    fn systems_of_every_shape_of_the_last_panel_are_solved() {
        for order in [1, 2, 127, 128, 129, 255, 256, 300] {
            let (_, error) = solved(order, 2);
            assert!(error < 1e-9, "order {order}: {error}");
        }
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        assert_eq!(solved(300, 1), solved(300, 3));
    }

    #[test]
    fn a_zero_on_the_diagonal_is_pivoted_away_and_a_singular_matrix_gives_nothing_finite() {
        let mut matrix = Matrix::zeroes(2);
        matrix.fill(1, |column, entries| entries[1 - column] = 1.0).unwrap();
        let mut x = [3.0, 4.0];
        matrix.factor(1).unwrap().solve(&mut x);
        assert_eq!(x, [4.0, 3.0]);

        let mut x = [3.0, 4.0];
        Matrix::zeroes(2).factor(1).unwrap().solve(&mut x);
        assert!(x.iter().all(|value| !value.is_finite()), "{x:?}");
    }
}

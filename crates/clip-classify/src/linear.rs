//! The little linear algebra that fitting takes, in double precision. Matrices are rows of equal length.

use rayon::prelude::*;

/// The dot product; in lanes, since a compiler must not reorder a plain sum.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_lanes.zip(b_lanes) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    rest + sums.iter().sum::<f64>()
}

/// The sum of `row^T row` over all rows: `[n, d]` to `[d, d]`.
pub(crate) fn scatter(rows: &[f64], d: usize) -> Vec<f64> {
    let mut columns = vec![0.0; rows.len()];
    let n = rows.len() / d;
    for (i, row) in rows.chunks_exact(d).enumerate() {
        for (j, value) in row.iter().enumerate() {
            columns[j * n + i] = *value;
        }
    }
    (0..d * d).into_par_iter().map(|at| dot(&columns[at / d * n..][..n], &columns[at % d * n..][..n])).collect()
}

/// `L` of a symmetric positive definite matrix `L L^T` of `[d, d]`.
#[derive(Debug)]
pub(crate) struct Cholesky {
    lower: Vec<f64>,
    d: usize,
}

impl Cholesky {
    /// `None` if the matrix is not positive definite.
    pub fn new(mut matrix: Vec<f64>, d: usize) -> Option<Self> {
        for i in 0..d {
            let (above, rest) = matrix.split_at_mut(i * d);
            let row = &mut rest[..d];
            for j in 0..i {
                let other = &above[j * d..][..=j];
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            let square = row[i] - dot(&row[..i], &row[..i]);
            if square.is_nan() || square <= 0.0 {
                return None;
            }
            row[i] = square.sqrt();
            row[i + 1..].fill(0.0);
        }
        Some(Self { lower: matrix, d })
    }

    /// `L^-1 x` for every row `x`: afterwards, dot products are those with the inverse of the matrix between.
    pub fn whiten(&self, rows: &[f64]) -> Vec<f64> {
        let mut rows = rows.to_vec();
        rows.par_chunks_exact_mut(self.d).for_each(|x| {
            for i in 0..self.d {
                let row = &self.lower[i * self.d..][..=i];
                x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
            }
        });
        rows
    }

    /// `L^-T x` for every row `x`: the second half of a solution, after [`whiten`](Self::whiten).
    pub fn back(&self, rows: &[f64]) -> Vec<f64> {
        let mut rows = rows.to_vec();
        rows.par_chunks_exact_mut(self.d).for_each(|x| {
            for i in (0..self.d).rev() {
                let row = &self.lower[i * self.d..][..=i];
                x[i] /= row[i];
                let value = x[i];
                x[..i].iter_mut().zip(row).for_each(|(x, l)| *x -= value * l);
            }
        });
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        // [[4, 2, 0], [2, 5, 1], [0, 1, 3]] x (1, -2, 3) = (0, -5, 7)
        let factor = Cholesky::new(vec![4.0, 2.0, 0.0, 2.0, 5.0, 1.0, 0.0, 1.0, 3.0], 3).unwrap();
        let solution = factor.back(&factor.whiten(&[0.0, -5.0, 7.0]));
        for (found, expected) in solution.iter().zip([1.0, -2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!(Cholesky::new(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    }

    #[test]
    fn scatter_is_the_sum_of_outer_products() {
        assert_eq!(scatter(&[1.0, 2.0, 3.0, -1.0], 2), [10.0, -1.0, -1.0, 5.0]);
        let long: Vec<f64> = (0..37).map(f64::from).collect();
        assert_eq!(dot(&long, &long), (0..37).map(|x| f64::from(x * x)).sum::<f64>());
    }
}

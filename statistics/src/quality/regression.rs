//! Predicted numbers against true ones.

use serde::Serialize;

/// How good a regression is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Regression {
    /// Rows whose truth is known.
    pub rows: u64,
    /// The mean absolute error.
    pub mae: f64,
    /// The root of the mean squared error.
    pub rmse: f64,
    /// The mean error: above 0 where predictions are too large.
    pub bias: f64,
    /// The part of the variance that is explained: 1 less the ratio of the squared errors to those of the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
}

impl Regression {
    /// Of pairs of a prediction and the truth; `None` where there is none.
    pub fn new(pairs: &[(f64, f64)]) -> Option<Regression> {
        let rows = pairs.len();
        if rows == 0 {
            return None;
        }
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / rows as f64;
        let squared = mean(&|(predicted, truth)| (predicted - truth).powi(2));
        let middle = mean(&|(_, truth)| *truth);
        let variance = mean(&|(_, truth)| (truth - middle).powi(2));
        Some(Regression {
            rows: rows as u64,
            mae: mean(&|(predicted, truth)| (predicted - truth).abs()),
            rmse: squared.sqrt(),
            bias: mean(&|(predicted, truth)| predicted - truth),
            r2: (variance > 0.0).then(|| 1.0 - squared / variance),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_three_rows() {
        let found = Regression::new(&[(1.0, 2.0), (2.0, 2.0), (5.0, 3.0)]).unwrap();
        assert_eq!((found.rows, found.mae), (3, 1.0));
        assert!(
            (found.rmse - (5.0_f64 / 3.0).sqrt()).abs() < 1e-12 && (found.bias - 1.0 / 3.0).abs() < 1e-12
        );
        assert!((found.r2.unwrap() + 6.5).abs() < 1e-12, "{found:?}");
        assert_eq!(Regression::new(&[]), None);
    }
}

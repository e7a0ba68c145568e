//! Whether what is said to be likely comes as often.

use serde::Serialize;

/// Bins of the same width from 0 to 1.
const BINS: usize = 10;

/// How far probabilities are from frequencies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// The expected calibration error: the mean distance between the two over the bins, weighted by their rows (C. Guo et
    /// al., "On calibration of modern neural networks", 2017).
    pub error: f64,
    /// The bins that have rows, from the least to the largest probability.
    pub bins: Vec<CalibrationBin>,
}

/// Predictions of about the same probability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// How many.
    pub rows: u64,
    /// Their mean probability.
    pub probability: f64,
    /// The part of them that came true.
    pub frequency: f64,
}

impl Calibration {
    /// Of probabilities and whether what they are of came true. A bin has its upper end, and the first has 0.
    pub(super) fn new(predicted: impl Iterator<Item = (f64, bool)>) -> Calibration {
        let mut bins = [CalibrationBin::default(); BINS];
        for (probability, came) in predicted.filter(|(probability, _)| !probability.is_nan()) {
            let ix = ((probability * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            bins[ix].rows += 1;
            bins[ix].probability += probability;
            bins[ix].frequency += f64::from(u8::from(came));
        }
        let rows = bins.iter().map(|bin| bin.rows).sum::<u64>().max(1) as f64;
        let error = bins.iter().map(|bin| (bin.probability - bin.frequency).abs()).sum::<f64>() / rows;
        let mut bins = bins.into_iter().filter(|bin| bin.rows > 0).collect::<Vec<_>>();
        for bin in &mut bins {
            bin.probability /= bin.rows as f64;
            bin.frequency /= bin.rows as f64;
        }
        Calibration { error, bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_weighted_by_rows() {
        let predicted = [(0.95, true), (0.95, true), (0.95, true), (0.25, false)];
        let calibration = Calibration::new(predicted.into_iter());
        assert!((calibration.error - (3.0 * 0.05 + 0.25) / 4.0).abs() < 1e-12, "{calibration:?}");
        assert_eq!(calibration.bins.iter().map(|bin| bin.rows).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(Calibration::new([(0.0, false), (1.0, true)].into_iter()).error, 0.0);
        assert_eq!(Calibration::new([].into_iter()), Calibration { error: 0.0, bins: vec![] });
    }
}

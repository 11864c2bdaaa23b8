//! The bounds of the gates, as `gates.toml` has them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

/// The bounds that ship with the job.
const SHIPPED: &str = include_str!("../../gates.toml");
/// The most bytes of a file of bounds that are read.
const BOUNDS_BYTES_MAX: u64 = 1 << 20;

/// What is demanded; nothing of what is left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Of the figures on held-out rows.
    pub figures: Figures,
    /// Of the comparison with the champion.
    pub champion: Champion,
    /// Of the parts of the rows beside each other.
    pub fairness: Fairness,
    /// Of the inputs.
    pub drift: Drift,
    /// Of the module.
    pub cost: Cost,
}

/// Bounds on the figures of the fit in the module.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Figures {
    /// On ROC AUC.
    pub roc_auc_min: Option<f64>,
    /// On the lower end of its interval.
    pub roc_auc_low_min: Option<f64>,
    /// On PR AUC over the share of positives.
    pub pr_auc_lift_min: Option<f64>,
    /// On the expected calibration error.
    pub calibration_error_max: Option<f64>,
    /// On the share of held-out rows of users learned from at the same time or later.
    pub leaked_rows_share_max: Option<f64>,
}

/// Bounds on what may be lost against the champion beyond doubt.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Champion {
    /// Of ROC AUC.
    pub roc_auc_loss_max: Option<f64>,
    /// Of PR AUC.
    pub pr_auc_loss_max: Option<f64>,
}

/// Bounds on how far apart parts are treated.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fairness {
    /// Parts with fewer rows do not count.
    pub part_rows_min: Option<u64>,
    /// On the lowest part's share of approvals over the highest part's, for each thing the parts are told apart by.
    pub approval_rate_ratio_min: BTreeMap<String, f64>,
}

/// Bounds on how far the inputs have moved.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drift {
    /// On the feature that moved most.
    pub population_stability_index_max: Option<f64>,
}

/// Bounds on what a module costs a host.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cost {
    /// On the bare component's size.
    pub module_bytes_max: Option<f64>,
    /// On the sandbox's instructions for one row.
    pub instructions_per_row_max: Option<f64>,
}

/// Why there are no bounds.
#[derive(Debug, thiserror::Error)]
pub enum GatesError {
    /// The file cannot be read.
    #[error("cannot read the gates {path}: {cause}; without --gates the shipped ones are taken")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: contract::file::ReadError,
    },
    /// The file does not say what is demanded.
    #[error("the gates {path}: {cause}")]
    Bounds {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: BoundsError,
    },
}

/// Why a text holds no bounds.
#[derive(Debug, thiserror::Error)]
pub enum BoundsError {
    /// The text is no UTF-8.
    #[error("it is not UTF-8 text")]
    Text,
    /// The text is no TOML, or not of this shape.
    #[error("{0}")]
    Shape(#[from] toml::de::Error),
    /// A bound that is no number can be neither met nor missed.
    #[error("`{0}` is no finite number: give a number, or leave the line out to demand nothing")]
    NotFinite(&'static str),
    /// Without a gate, every candidate would pass.
    #[error("it demands nothing: give one gate at least, such as roc_auc_min under [figures]")]
    Nothing,
}

impl Bounds {
    /// Reads the bounds from a file, or takes the shipped ones where none is named.
    ///
    /// # Errors
    /// [`GatesError`], with the file and what is wrong.
    pub fn load(path: Option<&Path>) -> Result<Self, GatesError> {
        let Some(path) = path else { return Ok(Self::shipped()) };
        let bytes = contract::file::read(path, BOUNDS_BYTES_MAX, contract::file::Links::Follow)
            .map_err(|cause| GatesError::Read { path: path.to_owned(), cause })?;
        let text = String::from_utf8(bytes).map_err(|_| BoundsError::Text);
        text.and_then(|text| text.parse()).map_err(|cause| GatesError::Bounds { path: path.to_owned(), cause })
    }

    /// Gives the bounds that ship with the job.
    pub fn shipped() -> Self {
        SHIPPED.parse().expect("a test reads the shipped bounds")
    }
}

impl FromStr for Bounds {
    type Err = BoundsError;
    fn from_str(text: &str) -> Result<Self, BoundsError> {
        let bounds: Self = toml::from_str(text)?;
        let Self { figures, champion, fairness, drift, cost } = &bounds;
        let numbers = [
            ("roc_auc_min", figures.roc_auc_min),
            ("roc_auc_low_min", figures.roc_auc_low_min),
            ("pr_auc_lift_min", figures.pr_auc_lift_min),
            ("calibration_error_max", figures.calibration_error_max),
            ("leaked_rows_share_max", figures.leaked_rows_share_max),
            ("roc_auc_loss_max", champion.roc_auc_loss_max),
            ("pr_auc_loss_max", champion.pr_auc_loss_max),
            ("population_stability_index_max", drift.population_stability_index_max),
            ("module_bytes_max", cost.module_bytes_max),
            ("instructions_per_row_max", cost.instructions_per_row_max),
        ];
        let ratios = fairness.approval_rate_ratio_min.values().map(|ratio| ("approval_rate_ratio_min", Some(*ratio)));
        let numbers: Vec<_> = numbers.into_iter().chain(ratios).collect();
        if numbers.iter().all(|(_, bound)| bound.is_none()) {
            return Err(BoundsError::Nothing);
        }
        match numbers.into_iter().find(|(_, bound)| bound.is_some_and(|bound| !bound.is_finite())) {
            Some((name, _)) => Err(BoundsError::NotFinite(name)),
            None => Ok(bounds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_bounds_demand_everything() {
        let shipped = Bounds::shipped();
        assert_eq!(shipped.figures.roc_auc_min, Some(0.53));
        assert_eq!(shipped.fairness.part_rows_min, Some(1_000));
        let lines = SHIPPED.lines().filter(|line| line.contains(" = ")).count();
        assert_eq!(lines, 14, "a gate more or less belongs into this test");
    }

    #[test]
    fn what_is_left_out_is_not_demanded() {
        let bounds: Bounds = "[figures]\nroc_auc_min = 0.6".parse().expect("one gate");
        assert_eq!(bounds.figures.roc_auc_min, Some(0.6));
        assert_eq!(bounds.cost, Cost::default());
    }

    #[test]
    fn bad_bounds_are_refused_with_the_line() {
        let check = |text: &str, said: &str| {
            let error = text.parse::<Bounds>().expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        };
        check("[figures]\nroc_auc = 0.6", "roc_auc");
        check("", "demands nothing");
        check("[fairness]\npart_rows_min = 1", "demands nothing");
        check("[figure]\nroc_auc_min = 0.6", "figure");
        check("[figures]\nroc_auc_min = 'high'", "roc_auc_min");
        check("[figures]\nroc_auc_min = nan", "`roc_auc_min` is no finite number");
        check("[fairness.approval_rate_ratio_min]\nage = inf", "`approval_rate_ratio_min` is no finite number");
        check("[fairness]\npart_rows_min = -1", "part_rows_min");
        let folder = tempfile::tempdir().expect("a folder");
        let absent = Bounds::load(Some(&folder.path().join("absent.toml"))).expect_err("no file").to_string();
        assert!(absent.contains("absent.toml") && absent.contains("--gates"), "{absent}");
        let broken = folder.path().join("broken.toml");
        std::fs::write(&broken, b"\xff").expect("a file");
        assert!(matches!(Bounds::load(Some(&broken)), Err(GatesError::Bounds { .. })));
    }
}

//! A model as data: what training hands to the guest, encoded with bincode.

use bincode::config::{Configuration, standard};
use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::logistic::Logistic;
use crate::trees::{Boosted, Forest};

/// A model's parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// What a missing value becomes, for each feature of a row; NaN leaves it missing.
    pub imputation: Vec<f64>,
    /// The parameters proper.
    pub family: Family,
    /// What is done to the family's score.
    pub calibration: Calibration,
}

/// The families of models that the guest can score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Family {
    /// The mean of decision trees.
    Forest(Forest),
    /// Logistic regression on standardized features.
    Logistic(Logistic),
    /// The log odds that decision trees add up to.
    Boosted(Boosted),
}

/// Why a model cannot be scored.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelError {
    /// The bytes are no encoded model.
    Encoding(String),
    /// The model reads no feature.
    NoFeatures,
    /// There is no tree.
    NoTrees,
    /// A tree is not one: a child is absent, or reached twice.
    NotATree {
        /// The tree.
        tree: usize,
        /// The node at fault.
        node: usize,
    },
    /// A node reads a feature that rows do not have.
    NoSuchFeature {
        /// The tree.
        tree: usize,
        /// The feature named.
        feature: u32,
        /// How many features a row has.
        width: usize,
    },
    /// A parameter is not a finite number.
    NotFinite(&'static str),
    /// A list of parameters does not have one value for each feature.
    Length {
        /// Which list.
        list: &'static str,
        /// Its length.
        length: usize,
        /// How many features a row has.
        width: usize,
    },
    /// The trees have more nodes than the layout can number.
    TooManyNodes,
    /// The calibration is none.
    Calibration(&'static str),
}

impl std::error::Error for ModelError {}

impl std::fmt::Display for ModelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Encoding(cause) => write!(f, "these bytes are no model: {cause}"),
            Self::NoFeatures => f.write_str("the model reads no feature"),
            Self::NoTrees => f.write_str("the model has no tree"),
            Self::NotATree { tree, node } => {
                write!(f, "tree {tree} is no tree: a child of node {node} is absent or has two parents")
            }
            Self::NoSuchFeature { tree, feature, width } => {
                write!(f, "tree {tree} reads feature {feature}, a row has {width}")
            }
            Self::NotFinite(what) => write!(f, "{what} is not a finite number"),
            Self::Length { list, length, width } => write!(f, "{list} has {length} values for {width} features"),
            Self::TooManyNodes => f.write_str("the trees have more nodes than fit 32 bits"),
            Self::Calibration(what) => write!(f, "the calibration {what}"),
        }
    }
}

const ENCODING: Configuration = standard();

impl Model {
    /// Gives how many values a row has.
    pub fn width(&self) -> usize {
        self.imputation.len()
    }

    /// Encodes the model for the guest.
    pub fn to_bytes(&self) -> Vec<u8> {
        bincode::serde::encode_to_vec(self, ENCODING).expect("plain data is encoded in memory")
    }

    /// Decodes a model.
    ///
    /// # Errors
    /// [`ModelError::Encoding`] when the bytes are no model, or more than one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let (model, read) =
            bincode::serde::decode_from_slice(bytes, ENCODING).map_err(|e| ModelError::Encoding(e.to_string()))?;
        if read == bytes.len() { Ok(model) } else { Err(ModelError::Encoding("bytes are left over".to_owned())) }
    }
}

/// Demands one finite value for each feature.
pub(crate) fn check_list(list: &'static str, values: &[f64], width: usize) -> Result<(), ModelError> {
    if values.len() != width {
        return Err(ModelError::Length { list, length: values.len(), width });
    }
    if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(ModelError::NotFinite(list)) }
}

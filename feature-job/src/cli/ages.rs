//! `--ages`, as several verbs take it.

use contract::view::Ages;

/// What ages count from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AgesArg {
    /// The day the features are computed for, or asked for
    #[default]
    AsOf,
    /// The day of the loan itself
    Event,
}

impl From<AgesArg> for Ages {
    fn from(ages: AgesArg) -> Self {
        match ages {
            AgesArg::AsOf => Self::AsOf,
            AgesArg::Event => Self::Event,
        }
    }
}

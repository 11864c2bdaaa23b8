//! The approver's report: one page about one candidate, for a person who decides about it and did not train it.
//!
//! Read in this order: the `verdict` in plain words, how it stands `against` the approved version and what `changes`, the
//! `figures` with their `plots`, the `parts` of the rows, the `checks`, and how to `decide`. The page fetches nothing
//! and runs nothing, and the same candidate gives the same bytes, since the card carries the page's digest.

mod against;
mod changes;
mod checks;
mod curves;
mod decide;
mod figures;
mod parts;
mod plots;
mod verdict;
mod words;

use contract::card::ModelCard;
use maud::html;

use crate::html::page;
use crate::train::champion::{Beside, Standing};

pub use plots::PlotError;

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The card, but for the report's own digest.
    pub card: &'a ModelCard,
    /// How the candidate stands beside the champion.
    pub standing: &'a Standing,
    /// The scores of the rows held out from the fit in the module.
    pub scores: &'a [f64],
    /// Whether each of them was not paid on time.
    pub labels: &'a [u8],
}

impl Facts<'_> {
    /// Gives the comparison with the champion, where there is one.
    fn beside(&self) -> Option<&Beside> {
        match self.standing {
            Standing::Beside(beside) => Some(beside),
            Standing::Alone | Standing::Apart { .. } => None,
        }
    }
}

/// Draws the report.
///
/// # Errors
/// [`PlotError`], when a plot cannot be drawn.
pub fn render(facts: &Facts<'_>) -> Result<String, PlotError> {
    let name = facts.card.name();
    let content = html! {
        h1 { "Candidate " (name) }
        (verdict::section(facts))
        (against::section(facts))
        (changes::section(facts))
        (figures::section(facts))
        (plots::section(facts)?)
        (parts::section(facts))
        (checks::section(facts))
        (decide::section(facts))
    };
    Ok(page(&format!("{name}: report for the approver"), &content))
}

#[cfg(test)]
mod tests;

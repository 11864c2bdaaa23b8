//! What changed since the version that is approved.

use contract::card::{ModelCard, OutputKind};
use contract::view::Ages;
use maud::{Markup, html};

use super::Facts;
use super::words::{count, text, value};

/// Puts the two versions side by side.
pub fn section(facts: &Facts<'_>) -> Markup {
    html! {
        h2 { "What changed" }
        @match facts.beside() {
            None => {
                p { "There is no version to set it against. This is what it was made from:" }
                table { tbody {
                    @for (what, new) in rows(facts.card) { tr { th { (what) } td { (new) } } }
                } }
            }
            Some(beside) => (side_by_side(&beside.card, facts.card)),
        }
    }
}

fn side_by_side(old: &ModelCard, new: &ModelCard) -> Markup {
    let (before, after) = (rows(old), rows(new));
    let names: Vec<&String> = after.iter().map(|(what, _)| what).collect();
    let gone = before.iter().filter(|(what, _)| !names.contains(&what)).map(|(what, _)| what);
    let find = |rows: &[(String, String)], what: &str| {
        rows.iter().find(|(name, _)| name == what).map_or_else(|| "-".to_owned(), |(_, value)| value.clone())
    };
    let all = names.iter().copied().chain(gone);
    html! {
        table {
            thead { tr { th {} th { "version " (old.version) } th { "this candidate" } th {} } }
            tbody {
                @for what in all {
                    @let (before, after) = (find(&before, what), find(&after, what));
                    tr {
                        th { (what) } td { (before) } td { (after) }
                        td.number { @if before != after { span.warn { "changed" } } }
                    }
                }
            }
        }
    }
}

/// What a version was made from, as lines of a table.
fn rows(card: &ModelCard) -> Vec<(String, String)> {
    let training = &card.training;
    let mut rows = vec![
        ("recipe".to_owned(), format!("{} ({})", text(&training.recipe), text(&training.family))),
        ("loans".to_owned(), count(training.rows)),
        ("users".to_owned(), count(training.entities)),
        ("period".to_owned(), format!("{} to {}", training.first_event, training.last_event)),
        ("features as of".to_owned(), training.as_of.to_string()),
        ("feature file".to_owned(), training.data.to_string()),
        (
            "ages count from".to_owned(),
            match training.ages {
                Ages::AsOf => "the day the features were computed for".to_owned(),
                Ages::Event => "the day of each loan".to_owned(),
            },
        ),
        ("fitted on, after resampling".to_owned(), count(training.fitted_rows)),
        ("seed".to_owned(), training.seed.to_string()),
        (
            "its number is".to_owned(),
            match card.output.kind {
                OutputKind::Probability => "a probability".to_owned(),
                OutputKind::Score => "a score".to_owned(),
            },
        ),
        (format!("{}s from", text(&card.output.at_or_above)), card.output.threshold.get().to_string()),
    ];
    rows.extend(training.parameters.iter().map(|(name, parameter)| (text(name), value(parameter))));
    rows
}

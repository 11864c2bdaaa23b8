//! The plots, as SVG that stands in the page. They have a white ground, so that their ink is seen in the dark as well.

mod draw;

use contract::card::OutputKind;
use maud::{Markup, PreEscaped, html};
use plotters::style::RGBColor;

use super::Facts;
use super::curves::Curves;
use super::words::count;
use draw::{CANDIDATE, CHAMPION, GUIDE, Line, Plot, UNPAID, css};

pub use draw::PlotError;

/// Bins of the score distribution.
const BINS: usize = 40;
/// The share of the rows whose scores the distribution's axis covers; the rest counts to its last bin.
const COVERED: f64 = 0.995;

/// Draws the four plots, the champion's lines over the candidate's where there is one.
pub fn section(facts: &Facts<'_>) -> Result<Markup, PlotError> {
    let candidate = Curves::new(facts.scores, facts.labels);
    let champion = facts.beside().map(|beside| {
        let labels: Vec<u8> = beside.places.iter().map(|&place| facts.labels[place]).collect();
        Curves::new(&beside.scores, &labels)
    });
    let champion = champion.as_ref();
    // A score that is no probability lies so far off that nothing of the candidate would be seen beside it.
    let calibrated =
        champion.filter(|_| facts.beside().is_some_and(|of| of.card.output.kind == OutputKind::Probability));
    let plots = [
        (roc(&candidate, champion).draw()?, "ROC. The further above the dashed line of chance, the better it ranks."),
        (
            precision_recall(&candidate, champion).draw()?,
            "Precision and recall at every threshold. The dashed line is the share of unpaid loans: what declining at random \
             gives.",
        ),
        (
            calibration(&candidate, calibrated).draw()?,
            "Calibration: ten groups of equal size by score. On the dashed line, what it says comes true. An approved version \
             whose number is no probability is left out.",
        ),
        (
            distribution(&candidate).draw()?,
            "The candidate's scores of paid (blue) and unpaid (red) loans. The less the two overlap, the better they can be \
             told apart; the last bin holds all higher scores.",
        ),
    ];
    let comparison = facts.beside().map(|beside| &beside.comparison);
    Ok(html! {
        h2 { "Curves" }
        p.soft {
            span style=(css(CANDIDATE)) { "\u{25a0}" } " this candidate, on the " (count(facts.labels.len() as u64))
            " loans held out from the fit in the module"
            @if let Some(of) = comparison {
                "; " span style=(css(CHAMPION)) { "\u{25a0}" } " version " (of.version) ", on the " (count(of.rows))
                " that it was compared on"
            }
            "."
        }
        div.plots {
            @for (svg, caption) in &plots { figure { (PreEscaped(svg)) figcaption { (caption) } } }
        }
    })
}

fn roc(candidate: &Curves, champion: Option<&Curves>) -> Plot {
    Plot {
        name: "ROC",
        x: ("paid loans declined", 0.0..1.0),
        y: ("unpaid loans declined (recall)", 0.0..1.0),
        lines: overlaid(vec![(0.0, 0.0), (1.0, 1.0)], candidate, champion, false, Curves::roc),
    }
}

fn precision_recall(candidate: &Curves, champion: Option<&Curves>) -> Plot {
    let base = candidate.base();
    let lines = overlaid(vec![(0.0, base), (1.0, base)], candidate, champion, false, Curves::precision_recall);
    // The first few loans alone may be all unpaid: an axis that long would flatten all the rest.
    let settled = lines.iter().flat_map(|line| &line.points).filter(|point| point.0 >= 0.02).map(|point| point.1);
    let top = settled.fold(base * 3.0, f64::max).clamp(1e-6, 1.0);
    Plot { name: "precision and recall", x: ("recall", 0.0..1.0), y: ("precision", 0.0..top), lines: cut(lines, top) }
}

fn calibration(candidate: &Curves, champion: Option<&Curves>) -> Plot {
    let mut lines = overlaid(Vec::new(), candidate, champion, true, Curves::calibration);
    let ends = lines.iter().flat_map(|line| &line.points);
    let top = ends.fold(1e-6_f64, |top, point| top.max(point.0).max(point.1)) * 1.08;
    lines[0].points = vec![(0.0, 0.0), (top, top)];
    Plot { name: "calibration", x: ("mean score", 0.0..top), y: ("share not paid on time", 0.0..top), lines }
}

fn distribution(candidate: &Curves) -> Plot {
    let highest = candidate.quantile(COVERED).max(1e-6);
    let line = |label, colour: RGBColor| {
        let shares = candidate.distribution(label, BINS, highest);
        let middle = |bin: usize| (bin as f64 + 0.5) * highest / BINS as f64;
        let points = shares.into_iter().enumerate().map(|(bin, share)| (middle(bin), share)).collect();
        Line { points, colour, marked: false }
    };
    let lines = vec![line(0, CANDIDATE), line(1, UNPAID)];
    let top = lines.iter().flat_map(|line| &line.points).fold(1e-6_f64, |top, point| top.max(point.1)) * 1.08;
    Plot { name: "the scores", x: ("score", 0.0..highest), y: ("share of these loans", 0.0..top), lines }
}

/// The guide, the champion's line and the candidate's, in the order they are drawn.
fn overlaid(
    guide: Vec<(f64, f64)>,
    candidate: &Curves,
    champion: Option<&Curves>,
    marked: bool,
    points: impl Fn(&Curves) -> Vec<(f64, f64)>,
) -> Vec<Line> {
    let mut lines = vec![Line { points: guide, colour: GUIDE, marked: false }];
    lines.extend(champion.map(|of| Line { points: points(of), colour: CHAMPION, marked }));
    lines.push(Line { points: points(candidate), colour: CANDIDATE, marked });
    lines
}

fn cut(mut lines: Vec<Line>, top: f64) -> Vec<Line> {
    lines.iter_mut().flat_map(|line| &mut line.points).for_each(|point| point.1 = point.1.min(top));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_is_one_svg_and_the_same_each_time() {
        let curves = Curves::new(&[0.9, 0.8, 0.6, 0.4, 0.4, 0.3, 0.1], &[1, 0, 1, 1, 0, 0, 0]);
        let all = || {
            [
                roc(&curves, Some(&curves)),
                precision_recall(&curves, None),
                calibration(&curves, None),
                distribution(&curves),
            ]
            .map(|plot| plot.draw().expect("drawn"))
        };
        for svg in all() {
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
            assert!(!svg.contains("NaN") && !svg.contains("href"), "{svg}");
        }
        assert_eq!(all(), all());
    }

    #[test]
    fn plots_of_nothing_and_of_one_score_are_drawn_as_well() {
        for curves in [Curves::new(&[], &[]), Curves::new(&[0.0; 5], &[0; 5]), Curves::new(&[0.5; 5], &[1; 5])] {
            for plot in
                [roc(&curves, None), precision_recall(&curves, None), calibration(&curves, None), distribution(&curves)]
            {
                plot.draw().expect("drawn");
            }
        }
    }
}

//! The plots, as SVG that stands in the page. They have a white ground, so that their ink is seen in the dark as well.

use std::ops::Range;

use contract::card::OutputKind;
use maud::{Markup, PreEscaped, html};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::Facts;
use super::curves::Curves;
use super::words::count;

/// The size of a plot in pixels, before the page scales it.
const SIZE: (u32, u32) = (560, 400);
/// Bins of the score distribution.
const BINS: usize = 40;
/// The share of the rows whose scores the distribution's axis covers; the rest counts to its last bin.
const COVERED: f64 = 0.995;
const CANDIDATE: RGBColor = RGBColor(0x1f, 0x5f, 0xbf);
const CHAMPION: RGBColor = RGBColor(0xb4, 0x5f, 0x06);
const UNPAID: RGBColor = RGBColor(0xb4, 0x23, 0x18);
const GUIDE: RGBColor = RGBColor(0x80, 0x84, 0x8c);
const INK: RGBColor = RGBColor(0x1c, 0x20, 0x24);

/// A plot that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the plot of {plot}: {said}")]
pub struct PlotError {
    /// Which one.
    plot: &'static str,
    /// What the library said.
    said: String,
}

/// A line of a plot.
struct Line {
    points: Vec<(f64, f64)>,
    colour: RGBColor,
    width: u32,
    /// Whether its points are marked, where there are few.
    marked: bool,
}

/// What a plot shows.
struct Plot {
    name: &'static str,
    x: (&'static str, Range<f64>),
    y: (&'static str, Range<f64>),
    lines: Vec<Line>,
}

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
            "Precision and recall at every threshold. The dashed line is the share of unpaid loans: what declining at random gives.",
        ),
        (
            calibration(&candidate, calibrated).draw()?,
            "Calibration: ten groups of equal size by score. On the dashed line, what it says comes true. An approved version whose number is no probability is left out.",
        ),
        (
            distribution(&candidate).draw()?,
            "The candidate's scores of paid (blue) and unpaid (red) loans. The less the two overlap, the better they can be told apart; the last bin holds all higher scores.",
        ),
    ];
    let comparison = facts.beside().map(|beside| &beside.comparison);
    Ok(html! {
        h2 { "Curves" }
        p.soft {
            span style="color:#1f5fbf" { "\u{25a0}" } " this candidate, on the " (count(facts.labels.len() as u64))
            " loans held out from the fit in the module"
            @if let Some(of) = comparison {
                "; " span style="color:#b45f06" { "\u{25a0}" } " version " (of.version) ", on the " (count(of.rows)) " that it was compared on"
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
    let lines = overlaid(vec![(0.0, 0.0), (1.0, 1.0)], candidate, champion, true, Curves::calibration);
    let ends = lines[1..].iter().flat_map(|line| &line.points);
    let top = ends.fold(1e-6_f64, |top, point| top.max(point.0).max(point.1)) * 1.08;
    let mut lines = lines;
    lines[0].points = vec![(0.0, 0.0), (top, top)];
    Plot { name: "calibration", x: ("mean score", 0.0..top), y: ("share not paid on time", 0.0..top), lines }
}

fn distribution(candidate: &Curves) -> Plot {
    let highest = candidate.quantile(COVERED).max(1e-6);
    let line = |label, colour| {
        let shares = candidate.distribution(label, BINS, highest);
        let middle = |bin: usize| (bin as f64 + 0.5) * highest / BINS as f64;
        let points = shares.into_iter().enumerate().map(|(bin, share)| (middle(bin), share)).collect();
        Line { points, colour, width: 2, marked: false }
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
    let mut lines = vec![Line { points: guide, colour: GUIDE, width: 1, marked: false }];
    lines.extend(champion.map(|of| Line { points: points(of), colour: CHAMPION, width: 2, marked }));
    lines.push(Line { points: points(candidate), colour: CANDIDATE, width: 2, marked });
    lines
}

fn cut(mut lines: Vec<Line>, top: f64) -> Vec<Line> {
    lines.iter_mut().flat_map(|line| &mut line.points).for_each(|point| point.1 = point.1.min(top));
    lines
}

impl Plot {
    fn draw(&self) -> Result<String, PlotError> {
        let mut svg = String::new();
        let drawn = self.draw_to(&mut svg);
        drawn.map_err(|error| PlotError { plot: self.name, said: error.to_string() })?;
        Ok(svg)
    }

    fn draw_to(&self, svg: &mut String) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let text = ("sans-serif", 19).into_font().color(&INK);
        let mut chart = ChartBuilder::on(&area)
            .margin(14)
            .x_label_area_size(52)
            .y_label_area_size(74)
            .build_cartesian_2d(self.x.1.clone(), self.y.1.clone())?;
        chart
            .configure_mesh()
            .x_desc(self.x.0)
            .y_desc(self.y.0)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&label)
            .y_label_formatter(&label)
            .axis_desc_style(text.clone())
            .label_style(text)
            .axis_style(GUIDE)
            .bold_line_style(GUIDE.mix(0.25))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for line in &self.lines {
            line.draw(&mut chart)?;
        }
        area.present()
    }
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

impl Line {
    fn draw(&self, chart: &mut Chart<'_, '_>) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let style = self.colour.stroke_width(self.width);
        if self.colour == GUIDE {
            chart.draw_series(DashedLineSeries::new(self.points.iter().copied(), 6, 5, style))?;
            return Ok(());
        }
        chart.draw_series(LineSeries::new(self.points.iter().copied(), style))?;
        if self.marked {
            let mark = |point: &(f64, f64)| Circle::new(*point, 4, self.colour.filled());
            chart.draw_series(self.points.iter().map(mark))?;
        }
        Ok(())
    }
}

/// Writes an axis's number with the decimals that small ones need.
fn label(value: &f64) -> String {
    let text = if value.abs() < 0.1 { format!("{value:.3}") } else { format!("{value:.2}") };
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short.is_empty() || short == "-0" { "0".to_owned() } else { short.to_owned() }
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

    #[test]
    fn labels_are_short() {
        assert_eq!(
            [0.0, 0.2, 0.25, 1.0, 0.015, -0.0].map(|value| label(&value)),
            ["0", "0.2", "0.25", "1", "0.015", "0"]
        );
    }
}

//! A plot drawn as SVG: axes, a grid, lines.

use std::ops::Range;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// The size of a plot in pixels, before the page scales it.
const SIZE: (u32, u32) = (560, 400);
/// What the candidate is drawn in.
pub const CANDIDATE: RGBColor = RGBColor(0x1f, 0x5f, 0xbf);
/// What the champion is drawn in.
pub const CHAMPION: RGBColor = RGBColor(0xb4, 0x5f, 0x06);
/// What loans not paid on time are drawn in.
pub const UNPAID: RGBColor = RGBColor(0xb4, 0x23, 0x18);
/// What a line to compare with is drawn in; it is dashed.
pub const GUIDE: RGBColor = RGBColor(0x80, 0x84, 0x8c);
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

/// What a plot shows.
pub struct Plot {
    /// What it is called, should it not be drawn.
    pub name: &'static str,
    /// What stands at the horizontal axis, and its ends.
    pub x: (&'static str, Range<f64>),
    /// What stands at the vertical axis, and its ends.
    pub y: (&'static str, Range<f64>),
    /// The lines, the first at the bottom.
    pub lines: Vec<Line>,
}

/// A line of a plot.
pub struct Line {
    /// Its points.
    pub points: Vec<(f64, f64)>,
    /// Its colour.
    pub colour: RGBColor,
    /// Whether its points are marked, where there are few.
    pub marked: bool,
}

/// Gives a colour as a page names it.
pub fn css(RGBColor(red, green, blue): RGBColor) -> String {
    format!("color:#{red:02x}{green:02x}{blue:02x}")
}

impl Plot {
    /// Draws it.
    ///
    /// # Errors
    /// [`PlotError`], with what the library said.
    pub fn draw(&self) -> Result<String, PlotError> {
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
        let points = self.points.iter().copied();
        if self.colour == GUIDE {
            chart.draw_series(DashedLineSeries::new(points, 6, 5, self.colour.stroke_width(1)))?;
            return Ok(());
        }
        chart.draw_series(LineSeries::new(points, self.colour.stroke_width(2)))?;
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
    fn labels_are_short() {
        assert_eq!(
            [0.0, 0.2, 0.25, 1.0, 0.015, -0.0].map(|value| label(&value)),
            ["0", "0.2", "0.25", "1", "0.015", "0"]
        );
    }
}

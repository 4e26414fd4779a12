//! The charts of the HTML page, as SVG: the distributions of times, and the gain of each tier.
//!
//! Invariants: a chart shows fields of the report and nothing else; series differ by their markers as well as by
//! colour; every colour is in [`PALETTE`], which has a light and a dark variant of each.

use std::error::Error;
use std::ops::{Add, Range};

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::model::{MonitorReport, Times, TypeReport};

type Drawn<T = ()> = Result<T, Box<dyn Error>>;
/// A shape in pixels around a point of the chart.
type AtPoint<C, B> = <EmptyElement<C, B> as Add<Polygon<(i32, i32)>>>::Output;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<plotters::coord::combinators::LogCoord<f64>, Y>>;

/// A colour for a light page, and its replacement for a dark page.
pub(super) struct Colour {
    pub(super) light: RGBColor,
    pub(super) dark: RGBColor,
}

/// The colours of Okabe and Ito, which people with red-green blindness can tell apart. They are lighter for the dark
/// page.
pub(super) const PALETTE: [Colour; 6] = [
    Colour { light: INK, dark: RGBColor(0xE6, 0xED, 0xF3) },
    Colour { light: FAINT, dark: RGBColor(0x3D, 0x44, 0x4D) },
    Colour { light: VERMILION, dark: RGBColor(0xFF, 0x8F, 0x4D) },
    Colour { light: BLUE, dark: RGBColor(0x6C, 0xB8, 0xF0) },
    Colour { light: GREEN, dark: RGBColor(0x45, 0xD1, 0xA6) },
    Colour { light: PURPLE, dark: RGBColor(0xE3, 0x9B, 0xC8) },
];
const INK: RGBColor = RGBColor(0x1F, 0x23, 0x28);
const FAINT: RGBColor = RGBColor(0xD0, 0xD7, 0xDE);
const VERMILION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
const GREEN: RGBColor = RGBColor(0x00, 0x7A, 0x59);
const PURPLE: RGBColor = RGBColor(0xA8, 0x3A, 0x7C);

const WIDTH: u32 = 760;
const CURVE_HEIGHT: u32 = 360;
const LEGEND_HEIGHT: u32 = 30;
const ROW_HEIGHT: u32 = 34;
const AXIS_HEIGHT: u32 = 70;
const LABEL_WIDTH: u32 = 220;
/// Room for half of the last axis label.
const RIGHT_MARGIN: u32 = 36;
const FONT: (&str, i32) = ("sans-serif", 16);
/// There is a marker at every this many points.
const MARKER_EVERY: usize = 4;

/// How a source is drawn.
#[derive(Clone, Copy)]
struct Look {
    colour: RGBColor,
    marker: Marker,
}

#[derive(Clone, Copy)]
enum Marker {
    Square,
    Circle,
    Triangle,
    Diamond,
}

impl Look {
    fn of(source: &str) -> Self {
        match source {
            "l1" => Self { colour: GREEN, marker: Marker::Triangle },
            "l2" => Self { colour: BLUE, marker: Marker::Circle },
            "database" => Self { colour: VERMILION, marker: Marker::Square },
            _ => Self { colour: PURPLE, marker: Marker::Diamond },
        }
    }

    /// The marker at a point of the chart, in pixels, so that it keeps its shape on a logarithmic axis.
    fn marker_at<C, B: DrawingBackend>(self, point: C) -> AtPoint<C, B> {
        EmptyElement::at(point) + Polygon::new(self.marker.corners(), self.colour.filled())
    }
}

impl Marker {
    /// In pixels relative to the centre.
    fn corners(self) -> Vec<(i32, i32)> {
        match self {
            Self::Square => vec![(-4, -4), (4, -4), (4, 4), (-4, 4)],
            Self::Circle => vec![(-5, -2), (-2, -5), (2, -5), (5, -2), (5, 2), (2, 5), (-2, 5), (-5, 2)],
            Self::Triangle => vec![(0, -6), (6, 5), (-6, 5)],
            Self::Diamond => vec![(0, -7), (5, 0), (0, 7), (-5, 0)],
        }
    }
}

/// The distribution of a type's times, by source; `None` if every source has too few samples.
pub(super) fn distribution(of_type: &TypeReport) -> Option<String> {
    let times: Vec<&Times> = of_type.measured.iter().flat_map(|measured| &measured.times).collect();
    let shown: Vec<&Times> = times.into_iter().filter(|times| !times.distribution.is_empty()).collect();
    (!shown.is_empty()).then(|| svg(CURVE_HEIGHT, |area| draw_distribution(area, &shown)))
}

/// The gain of each tier, with its confidence interval; `None` if every tier has too few samples.
pub(super) fn improvements(report: &MonitorReport) -> Option<String> {
    let gains: Vec<GainRow> = report.gain_rows().collect();
    let height = AXIS_HEIGHT + ROW_HEIGHT * u32::try_from(gains.len()).expect("there are few types and tiers");
    (!gains.is_empty()).then(|| svg(height, |area| draw_improvements(area, &gains)))
}

fn svg(height: u32, draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    // The backend writes into a string, and every coordinate is finite, so drawing cannot fail.
    draw(&area).and_then(|()| Ok(area.present()?)).expect("nothing can fail while a string is written");
    drop(area);
    svg
}

fn draw_distribution(area: &Area<'_>, shown: &[&Times]) -> Drawn {
    let microseconds = shown.iter().flat_map(|times| &times.distribution).map(|point| point.us);
    let (legend, plot) = area.split_vertically(LEGEND_HEIGHT);
    draw_legend(&legend, shown)?;
    let mut chart = ChartBuilder::on(&plot)
        .margin(12)
        .margin_right(RIGHT_MARGIN)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(decades(microseconds).log_scale(), 0.0..100.0)?;
    chart
        .configure_mesh()
        .axis_style(INK)
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .label_style(FONT.into_font().color(&INK))
        .x_desc("time an operation took (each line tenfold)")
        .y_desc("share done by then (%)")
        .x_label_formatter(&|us| duration(*us))
        .y_label_formatter(&|share| format!("{share:.0}"))
        .draw()?;
    for times in shown {
        let look = Look::of(times.source);
        let points: Vec<(f64, f64)> = times.distribution.iter().map(|point| (point.us, point.share * 100.0)).collect();
        chart.draw_series(LineSeries::new(points.iter().copied(), look.colour.stroke_width(2)))?;
        chart.draw_series(points.iter().step_by(MARKER_EVERY).map(|point| look.marker_at(*point)))?;
    }
    Ok(())
}

/// Above the plot, where there is no curve.
fn draw_legend(area: &Area<'_>, shown: &[&Times]) -> Drawn {
    let style = FONT.into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    let columns = area.split_evenly((1, shown.len()));
    for (column, times) in columns.iter().zip(shown) {
        let middle = i32::try_from(LEGEND_HEIGHT / 2).expect("it is small");
        column.draw(&Look::of(times.source).marker_at((14, middle)))?;
        column.draw_text(times.source, &style, (24, middle))?;
    }
    Ok(())
}

/// The gain of a tier of a type.
struct GainRow {
    label: String,
    look: Look,
    factors: [f64; 3],
}

impl MonitorReport {
    fn gain_rows(&self) -> impl Iterator<Item = GainRow> {
        self.measured().flat_map(|(name, measured)| {
            let of_tiers =
                measured.improvements.iter().filter_map(|improvement| Some((improvement.tier, improvement.of_pairs?)));
            of_tiers.map(move |(tier, gain)| GainRow {
                label: format!("{name}, {tier}"),
                look: Look::of(tier),
                factors: [gain.low, gain.median, gain.high].map(|gain| gain.factor),
            })
        })
    }
}

fn draw_improvements(area: &Area<'_>, gains: &[GainRow]) -> Drawn {
    let factors = gains.iter().flat_map(|gain| gain.factors).chain([1.0]);
    let rows = gains.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(RIGHT_MARGIN)
        .x_label_area_size(44)
        .y_label_area_size(LABEL_WIDTH)
        .build_cartesian_2d(decades(factors).log_scale(), 0.0..rows)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .axis_style(INK)
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .label_style(FONT.into_font().color(&INK))
        .x_desc("times as fast as the database (each line tenfold)")
        .x_label_formatter(&|factor| format!("{factor}×"))
        .draw()?;
    chart.draw_series([PathElement::new([(1.0, 0.0), (1.0, rows)], INK.stroke_width(2))])?;
    for (index, gain) in gains.iter().enumerate() {
        draw_gain(area, &mut chart, gain, rows - index as f64 - 0.5)?;
    }
    Ok(())
}

fn draw_gain(area: &Area<'_>, chart: &mut Chart<'_, '_, RangedCoordf64>, gain: &GainRow, y: f64) -> Drawn {
    let [low, median, high] = gain.factors;
    let line = gain.look.colour.stroke_width(2);
    let end = |factor: f64| PathElement::new([(factor, y - 0.15), (factor, y + 0.15)], line);
    chart.draw_series([PathElement::new([(low, y), (high, y)], line), end(low), end(high)])?;
    chart.draw_series([gain.look.marker_at((median, y))])?;
    let (_, row) = chart.backend_coord(&(median, y));
    let style = FONT.into_font().color(&INK).pos(Pos::new(HPos::Right, VPos::Center));
    let right = i32::try_from(LABEL_WIDTH).expect("it is small");
    area.draw_text(&gain.label, &style, (right, row))?;
    Ok(())
}

/// The range of full decades that contains these positive numbers.
fn decades(numbers: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = numbers.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), n| (low.min(n), high.max(n)));
    let floor = 10_f64.powf(low.max(1e-3).log10().floor());
    let ceiling = 10_f64.powf(high.max(1e-3).log10().ceil());
    floor..ceiling.max(floor * 10.0)
}

fn duration(us: f64) -> String {
    match us {
        us if us < 0.999 => format!("{:.0} ns", us * 1e3),
        us if us < 999.0 => format!("{us:.0} µs"),
        us if us < 999_000.0 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.0} s", us / 1e6),
    }
}

/// The colour in the notation of SVG.
pub(super) fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn an_axis_covers_whole_decades() {
        for (numbers, expected) in
            [(&[12.0, 340.0][..], 10.0..1000.0), (&[0.08], 0.01..0.1), (&[10.0], 10.0..100.0), (&[1.0, 9.0], 1.0..10.0)]
        {
            let found = decades(numbers.iter().copied());
            assert!((found.start / expected.start - 1.0).abs() < 1e-9, "{found:?} of {numbers:?}");
            assert!((found.end / expected.end - 1.0).abs() < 1e-9, "{found:?} of {numbers:?}");
        }
    }

    #[test]
    fn what_was_measured_is_drawn_in_colours_that_have_a_dark_side() {
        let report = sample::report();
        let drawn: Vec<String> = report.types.iter().filter_map(distribution).chain(improvements(&report)).collect();
        assert_eq!(drawn.len(), 2, "one type has no rows");
        for svg in drawn {
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
            let colours = svg.split(['"']).filter(|value| value.starts_with('#'));
            for colour in colours {
                let known = PALETTE.iter().any(|known| colour == hex(known.light));
                assert!(known, "{colour} has no dark side");
            }
        }
    }

    #[test]
    fn nothing_measured_is_nothing_drawn() {
        let mut report = sample::report();
        report.types.iter_mut().for_each(|of_type| of_type.measured = None);
        assert!(improvements(&report).is_none() && report.types.iter().all(|of_type| distribution(of_type).is_none()));
    }
}

//! Plots of growing costs: a line per side, both axes logarithmic, a marker at each measured point.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::record::Records;
use super::table::{grouped, with_unit};

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (760, 360);
const LEGEND_HEIGHT: u32 = 30;
const FONT: (&str, i32) = ("sans-serif", 16);
const INK: RGBColor = RGBColor(0x1F, 0x23, 0x28);
const FAINT: RGBColor = RGBColor(0xD0, 0xD7, 0xDE);
/// The colours of Okabe and Ito, which people with red-green blindness can tell apart.
const LINES: [RGBColor; 4] =
    [RGBColor(0x00, 0x72, 0xB2), RGBColor(0xD5, 0x5E, 0x00), RGBColor(0x00, 0x7A, 0x59), RGBColor(0xA8, 0x3A, 0x7C)];

/// A side and its points: the number on the axis, and the median time in microseconds.
struct Line {
    side: String,
    points: Vec<(f64, f64)>,
}

/// The plot of a section whose works are numbers; `None` if it was not measured.
pub(crate) fn draw(records: &Records, section: &str) -> Option<String> {
    let lines = lines(records, section);
    (!lines.is_empty()).then(|| svg(&lines, axis(section)))
}

/// The meaning of the numbers of a section.
fn axis(section: &str) -> &str {
    match section {
        "growth/keys" => "keys in Redis, one task",
        "growth/tasks" => "tasks of one process",
        "growth/processes" => "processes of 16 tasks",
        other => other,
    }
}

fn lines(records: &Records, section: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for record in records.section(section).filter(|record| record.figure == "time") {
        let (Ok(at), Some(summary)) = (record.work.parse(), record.summary()) else { continue };
        let place = lines.iter().position(|line| line.side == record.side).unwrap_or_else(|| {
            lines.push(Line { side: record.side.clone(), points: Vec::new() });
            lines.len() - 1
        });
        lines[place].points.push((at, summary.median));
    }
    lines
}

fn svg(lines: &[Line], axis: &str) -> String {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    // The backend writes into a string, and every coordinate is finite, so drawing cannot fail.
    draw_on(&area, lines, axis).and_then(|()| Ok(area.present()?)).expect("nothing can fail while a string is written");
    drop(area);
    svg
}

fn draw_on(area: &Area<'_>, lines: &[Line], axis: &str) -> Drawn {
    // White, so that it is readable on a dark page too.
    area.fill(&WHITE)?;
    let (legend, plot) = area.split_vertically(LEGEND_HEIGHT);
    draw_legend(&legend, lines)?;
    let across = marks(lines.iter().flat_map(|line| &line.points).map(|point| point.0));
    let up = steps(lines.iter().flat_map(|line| &line.points).map(|point| point.1));
    let mut chart = ChartBuilder::on(&plot)
        .margin(12)
        .margin_right(36)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(
            range(&across).log_scale().with_key_points(across.clone()),
            range(&up).log_scale().with_key_points(up.clone()),
        )?;
    chart
        .configure_mesh()
        .axis_style(INK)
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .label_style(FONT.into_font().color(&INK))
        .x_labels(across.len())
        .y_labels(up.len())
        .x_desc(axis)
        .y_desc("time of a read")
        .x_label_formatter(&|at| grouped(*at))
        .y_label_formatter(&|us| with_unit(*us, "µs").replace(".00 ", " "))
        .draw()?;
    for (line, colour) in lines.iter().zip(LINES) {
        chart.draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))?;
        chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
    }
    Ok(())
}

/// Above the plot, where there is no line.
fn draw_legend(area: &Area<'_>, lines: &[Line]) -> Drawn {
    let style = FONT.into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    let middle = i32::try_from(LEGEND_HEIGHT / 2)?;
    for ((column, line), colour) in area.split_evenly((1, lines.len())).iter().zip(lines).zip(LINES) {
        column.draw(&Circle::new((14, middle), 5, colour.filled()))?;
        column.draw_text(&line.side, &style, (24, middle))?;
    }
    Ok(())
}

/// A mark at each measured number.
fn marks(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut marks: Vec<f64> = numbers.collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    marks
}

/// 1, 2, 5, 10, 20 …, from at most the minimum of some positive numbers to at least their maximum.
fn steps(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let (low, high) = numbers.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), n| (low.min(n), high.max(n)));
    let all = (-3..9).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    let all: Vec<f64> = all.collect();
    let first = all.iter().rposition(|step| *step <= low).unwrap_or(0);
    let last = all.iter().position(|step| *step >= high).unwrap_or(all.len() - 1);
    all[first..=last.max(first + 1).min(all.len() - 1)].to_vec()
}

fn range(steps: &[f64]) -> Range<f64> {
    steps.first().copied().unwrap_or(1.0)..steps.last().copied().unwrap_or(10.0)
}

#[cfg(test)]
mod tests {
    use super::super::record::Record;
    use super::*;

    #[test]
    fn a_line_goes_through_the_medians() {
        let record = |at: &str, rounds: &[f64]| Record {
            rounds: rounds.to_vec(),
            ..Record::new("growth/keys", at, "ours", "time", "µs")
        };
        let records = Records(vec![record("1000", &[40.0, 50.0, 90.0]), record("10000", &[60.0])]);
        assert_eq!(lines(&records, "growth/keys")[0].points, [(1000.0, 50.0), (10000.0, 60.0)]);
        let svg = draw(&records, "growth/keys").unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("ours"), "{svg}");
        assert_eq!(draw(&records, "growth/tasks"), None);
    }

    #[test]
    fn steps_go_around_what_was_measured() {
        assert_eq!(steps([6.2, 36.8].into_iter()), [5.0, 10.0, 20.0, 50.0]);
        assert_eq!(steps([10.0].into_iter()), [10.0, 20.0]);
    }
}

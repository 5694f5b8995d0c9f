//! The histogram as a picture: durations on a logarithmic axis, how many on another, in SVG written by hand.

use std::fmt::Write;

use beam_core::units::Span;

use super::histogram::Histogram;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 840.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 360.0;
/// Columns of the picture for each power of ten.
const COLUMNS: f64 = 20.0;

/// One row of numbers in the picture.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// What it is.
    pub name: &'a str,
    /// Its colour, as SVG names it.
    pub colour: &'a str,
    /// The numbers.
    pub histograms: &'a [&'a Histogram],
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn exponent(span: Span) -> f64 {
    (span.nanos().max(1) as f64).log10()
}

/// Text as it may stand between the tags of SVG.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// How many fell in each column, by the lower edges of the buckets; the column's number counts from 1 ns.
fn columns(histograms: &[&Histogram]) -> Vec<(i32, u64)> {
    let mut columns = std::collections::BTreeMap::new();
    for bucket in histograms.iter().flat_map(|histogram| histogram.buckets()) {
        #[expect(clippy::cast_possible_truncation, reason = "at most 20 columns for each of 11 powers of ten")]
        let column = (exponent(bucket.from) * COLUMNS).floor() as i32;
        *columns.entry(column).or_insert(0) += bucket.count;
    }
    columns.into_iter().collect()
}

/// The picture. `limit` is drawn as a line, with its name.
#[must_use]
pub fn svg(title: &str, series: &[Series<'_>], limit: (Span, &str)) -> String {
    let all = || series.iter().flat_map(|series| series.histograms.iter());
    let most = series.iter().flat_map(|series| columns(series.histograms)).map(|(_, count)| count).max().unwrap_or(1);
    let from = all().filter_map(|histogram| histogram.shortest()).map(exponent).fold(3.0, f64::min).floor();
    let to = all().filter_map(|histogram| histogram.longest()).map(exponent).fold(exponent(limit.0), f64::max).ceil();
    let x = |exponent: f64| LEFT + (exponent - from) / (to - from).max(1.0) * (RIGHT - LEFT);
    let decades = exponent(Span::from_nanos(most)).ceil().max(1.0);
    // a column of one is seen, too: the axis begins below it
    let y = |count: u64| BOTTOM - (exponent(Span::from_nanos(count)) + 0.3) / (decades + 0.3) * (BOTTOM - TOP);
    let mut out = String::new();
    let mut put = |line: String| {
        let _a_string_takes_all = writeln!(out, "{line}");
    };
    put(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">"
    ));
    put(format!("<title>{}</title>", escaped(title)));
    put(format!("<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>"));
    put(format!("<text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>", escaped(title)));
    let names =
        ["1 ns", "10 ns", "100 ns", "1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"];
    for (power, name) in (0..).map(f64::from).zip(names).filter(|(power, _)| (from..=to).contains(power)) {
        let at = x(power);
        put(format!("<path d=\"M{at:.1} {TOP}V{BOTTOM}\" stroke=\"#ddd\"/>"));
        put(format!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>", BOTTOM + 18.0));
    }
    let mut count = 1_u64;
    while count <= most.saturating_mul(10) && y(count) >= TOP - 1.0 {
        let at = y(count);
        put(format!("<path d=\"M{LEFT} {at:.1}H{RIGHT}\" stroke=\"#ddd\"/>"));
        put(format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{count}</text>", LEFT - 6.0, at + 4.0));
        count = count.saturating_mul(10);
    }
    for (place, series) in (0..).map(f64::from).zip(series) {
        for (column, count) in columns(series.histograms) {
            let (left, right) = (x(f64::from(column) / COLUMNS), x(f64::from(column + 1) / COLUMNS));
            let (top, colour) = (y(count), escaped(series.colour));
            put(format!(
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\" \
                 fill-opacity=\"0.5\"/>",
                right - left,
                BOTTOM - top
            ));
        }
        let at = LEFT + place * 220.0;
        put(format!("<rect x=\"{at}\" y=\"32\" width=\"12\" height=\"12\" fill=\"{}\"/>", escaped(series.colour)));
        put(format!("<text x=\"{}\" y=\"42\">{}</text>", at + 18.0, escaped(series.name)));
    }
    let at = x(exponent(limit.0));
    put(format!("<path d=\"M{at:.1} {TOP}V{BOTTOM}\" stroke=\"red\" stroke-dasharray=\"4 3\"/>"));
    put(format!("<text x=\"{:.1}\" y=\"{}\" text-anchor=\"end\">{}</text>", at - 4.0, TOP + 12.0, escaped(limit.1)));
    put(format!("<text x=\"{LEFT}\" y=\"{}\">both axes are logarithmic</text>", HEIGHT - 16.0));
    put("</svg>".to_owned());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with XML as simple as ours: tags that do not close, attributes without quotes, a bare `<` or `&`.
    fn wrong(text: &str) -> Option<String> {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = text.trim();
        while let Some(at) = rest.find('<') {
            let (before, after) = rest.split_at(at);
            if open.is_empty() && !before.trim().is_empty() {
                return Some(format!("text outside the root: {before}"));
            }
            let entities = ["amp;", "lt;", "gt;", "quot;"];
            if before.split('&').skip(1).any(|end| !entities.iter().any(|entity| end.starts_with(entity))) {
                return Some(format!("a bare & in {before}"));
            }
            let Some(end) = after.find('>') else { return Some("a tag without end".to_owned()) };
            let tag = &after[1..end];
            rest = &after[end + 1..];
            if tag.contains('<') || tag.matches('"').count() % 2 == 1 {
                return Some(format!("tag {tag}"));
            }
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
            if tag.starts_with('/') {
                if open.pop() != Some(name) {
                    return Some(format!("{name} closes what is not open"));
                }
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        (!open.is_empty() || !rest.trim().is_empty()).then(|| format!("left over: {open:?} {rest}"))
    }

    fn histogram(nanos: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        nanos.iter().for_each(|&nanos| histogram.add(Span::from_nanos(nanos)));
        histogram
    }

    #[test]
    fn trips_on_what_is_not_well_formed() {
        for bad in ["<svg>", "<svg></g>", "<svg>a & b</svg>", "<svg a=\"1></svg>", "<svg><a></svg></a>", "<svg/>x"] {
            assert!(wrong(bad).is_some(), "{bad}");
        }
        assert_eq!(wrong("<svg><a b=\"c\"/>d &amp; e</svg>"), None);
    }

    #[test]
    fn the_picture_is_well_formed_whatever_is_in_it() {
        let (some, one, none) = (histogram(&[40_000, 41_000, 90_000, 8_000_000]), histogram(&[0]), histogram(&[]));
        for (first, second) in [(&some, &one), (&none, &none), (&one, &none)] {
            let series = [
                Series { name: "wake-up <late>", colour: "steelblue", histograms: &[first, second] },
                Series { name: "a & b", colour: "darkorange", histograms: &[second] },
            ];
            let picture = svg("\"x\" < 3 & y", &series, (Span::from_millis(10), "budget"));
            assert_eq!(wrong(&picture), None, "{picture}");
            assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
        }
    }

    #[test]
    fn each_count_is_in_one_column() {
        let counted = histogram(&[5, 40, 41, 1_000, 1_000_000, 999]);
        assert_eq!(columns(&[&counted, &counted]).iter().map(|(_, count)| count).sum::<u64>(), 12);
    }
}

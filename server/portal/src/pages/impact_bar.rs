//! The impact of a kernel as one horizontal bar: how many packages load, break, and so on.

use super::{Verdict, thousands};

/// Width of the picture in its own units; the style sheet scales it.
const WIDTH: f64 = 1000.0;
/// Gap between two parts.
const GAP: f64 = 4.0;
/// A part is never thinner than this: one broken package of a thousand must be seen.
const THINNEST: f64 = 10.0;

/// The bar, with words for those who do not see it.
#[derive(Clone, Debug, Default)]
pub struct ImpactBar {
    /// Parts with at least one package, from best to worst.
    pub segments: Vec<Segment>,
    /// `Of 214 packages, 197 load; 12 break; 5 cannot be told.`
    pub text: String,
    pub total: u64,
}

/// One part of the bar, and one row of the table beside it.
#[derive(Clone, Debug)]
pub struct Segment {
    pub verdict: Verdict,
    /// With groups of digits.
    pub count: String,
    /// Share in words: `92 %`, `< 1 %`.
    pub share: String,
    /// Place and width in the picture, in units of its `viewBox` (1000 wide).
    pub x: String,
    pub width: String,
}

impl ImpactBar {
    /// A bar from the number of packages (or modules) per verdict, in any order.
    pub fn new(counts: &[(Verdict, u64)], noun: (&str, &str)) -> Self {
        let parts: Vec<(Verdict, u64)> = Verdict::ALL
            .iter()
            .map(|verdict| (*verdict, sum_of(counts, *verdict)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let total = parts
            .iter()
            .fold(0u64, |sum, (_, count)| sum.saturating_add(*count));
        let mut x = 0.0;
        let segments = parts
            .iter()
            .zip(widths(&parts, total))
            .map(|((verdict, count), width)| {
                let segment = Segment {
                    verdict: *verdict,
                    count: thousands(*count),
                    share: share(*count, total),
                    x: format!("{x:.1}"),
                    width: format!("{width:.1}"),
                };
                x += width + GAP;
                segment
            })
            .collect();
        Self {
            segments,
            text: text(&parts, total, noun),
            total,
        }
    }

    /// Whether there is anything to draw.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}

fn sum_of(counts: &[(Verdict, u64)], verdict: Verdict) -> u64 {
    counts
        .iter()
        .filter(|(it, _)| *it == verdict)
        .fold(0u64, |sum, (_, count)| sum.saturating_add(*count))
}

/// Widths that fill the bar: thin parts get the least width, the others share the rest.
fn widths(parts: &[(Verdict, u64)], total: u64) -> Vec<f64> {
    let room = WIDTH - GAP * parts.len().saturating_sub(1) as f64;
    let wanted = |count: u64| room * count as f64 / total.max(1) as f64;
    let thin = parts
        .iter()
        .filter(|(_, count)| wanted(*count) < THINNEST)
        .count();
    let wide: f64 = parts
        .iter()
        .map(|(_, it)| wanted(*it))
        .filter(|it| *it >= THINNEST)
        .sum();
    let left = room - thin as f64 * THINNEST;
    parts
        .iter()
        .map(|(_, count)| match wanted(*count) {
            width if width < THINNEST => THINNEST,
            width => width * left / wide,
        })
        .collect()
}

fn share(count: u64, total: u64) -> String {
    let percent = count as f64 * 100.0 / total.max(1) as f64;
    match percent {
        percent if percent < 1.0 => "< 1 %".to_owned(),
        percent if count < total && percent > 99.0 => "> 99 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

fn text(parts: &[(Verdict, u64)], total: u64, (one, many): (&str, &str)) -> String {
    if total == 0 {
        return format!("No {many} to judge.");
    }
    let said: Vec<String> = parts
        .iter()
        .map(|(verdict, count)| format!("{} {}", thousands(*count), verb(*verdict, *count)))
        .collect();
    format!(
        "Of {}, {}.",
        super::counted(total, one, many),
        said.join("; ")
    )
}

/// What so many packages do.
fn verb(verdict: Verdict, count: u64) -> &'static str {
    let is_one = count == 1;
    match verdict {
        Verdict::Compatible if is_one => "loads",
        Verdict::Compatible => "load",
        Verdict::CompatibleWithWarnings if is_one => "loads with warnings",
        Verdict::CompatibleWithWarnings => "load with warnings",
        Verdict::NeedsOtherPackage if is_one => "needs another package",
        Verdict::NeedsOtherPackage => "need another package",
        Verdict::Indeterminate => "cannot be told",
        Verdict::UnloadableFlavor if is_one => "is built for another flavor",
        Verdict::UnloadableFlavor => "are built for another flavor",
        Verdict::Incompatible if is_one => "breaks",
        Verdict::Incompatible => "break",
        Verdict::Pending if is_one => "is being judged",
        Verdict::Pending => "are being judged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOUN: (&str, &str) = ("package", "packages");

    fn end(bar: &ImpactBar) -> f64 {
        let last = bar.segments.last().expect("a part");
        last.x.parse::<f64>().unwrap() + last.width.parse::<f64>().unwrap()
    }

    #[test]
    fn says_the_counts_in_words() {
        let bar = ImpactBar::new(
            &[(Verdict::Incompatible, 1), (Verdict::Compatible, 1_203)],
            NOUN,
        );
        assert_eq!(bar.text, "Of 1,204 packages, 1,203 load; 1 breaks.");
        assert_eq!(bar.segments[0].verdict, Verdict::Compatible);
        assert_eq!(bar.segments[0].share, "> 99 %");
        assert_eq!(bar.segments[1].share, "< 1 %");
    }

    #[test]
    fn small_parts_are_seen_and_the_bar_is_full() {
        let bar = ImpactBar::new(
            &[
                (Verdict::Compatible, 100_000),
                (Verdict::Incompatible, 1),
                (Verdict::Indeterminate, 1),
                (Verdict::Pending, 3),
            ],
            NOUN,
        );
        assert!(
            bar.segments
                .iter()
                .all(|it| it.width.parse::<f64>().unwrap() >= THINNEST)
        );
        assert!((end(&bar) - WIDTH).abs() < 0.5, "ends at {}", end(&bar));
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let bar = ImpactBar::new(&[(Verdict::Compatible, 0)], NOUN);
        assert!(bar.is_empty() && bar.segments.is_empty());
        assert_eq!(bar.text, "No packages to judge.");
    }

    #[test]
    fn one_part_fills_the_bar() {
        let bar = ImpactBar::new(&[(Verdict::Incompatible, 2)], NOUN);
        assert_eq!(end(&bar), WIDTH);
        assert_eq!(bar.segments[0].share, "100 %");
    }
}

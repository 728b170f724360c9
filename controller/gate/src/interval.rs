//! The Clopper–Pearson interval of a proportion (C. J. Clopper and E. S. Pearson, "The use of
//! confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26, 1934):
//! exact, so it never covers less than it says.

/// The 95 % interval of the share behind `bad` of `total`, in millionths.
#[must_use]
pub fn share_ppm(bad: u64, total: u64) -> (u64, u64) {
    if total == 0 {
        return (0, 1_000_000);
    }
    let bad = bad.min(total);
    let tail = 0.025;
    let low = if bad == 0 { 0.0 } else { solve(|p| 1.0 - below(bad - 1, total, p) < tail) };
    let high = if bad == total { 1.0 } else { solve(|p| below(bad, total, p) > tail) };
    (to_ppm(low), to_ppm(high))
}

/// The largest share at which `holds` is still true, for a condition that is true up to some
/// share and false beyond.
fn solve(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if holds(middle) { low = middle } else { high = middle }
    }
    low
}

/// Probability of at most `bad` of `total` at share `p`.
fn below(bad: u64, total: u64, p: f64) -> f64 {
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return if bad >= total { 1.0 } else { 0.0 };
    }
    let (n, odds) = (total as f64, p / (1.0 - p));
    // In logarithms: (1-p)^n underflows for large fleets.
    let mut term = n * (1.0 - p).ln();
    let mut sum = term.exp();
    for k in 0..bad {
        let k = k as f64;
        term += ((n - k) / (k + 1.0) * odds).ln();
        sum += term.exp();
    }
    sum.min(1.0)
}

fn to_ppm(share: f64) -> u64 {
    (share * 1e6).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_published_tables() {
        // From the tables of the exact binomial limits.
        for (bad, total, low, high) in [
            (0, 10, 0, 308_497),
            (1, 10, 2_529, 445_016),
            (5, 10, 187_086, 812_914),
            (10, 10, 691_503, 1_000_000),
            (0, 100, 0, 36_217),
        ] {
            let (a, b) = share_ppm(bad, total);
            assert!(a.abs_diff(low) <= 2 && b.abs_diff(high) <= 2, "{bad}/{total}: {a} {b}");
        }
        assert_eq!(share_ppm(0, 0), (0, 1_000_000));
    }
}

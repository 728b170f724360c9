//! Shares on the command line: `0.5%` or `0.005`.

pub(super) fn parse(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.trim().strip_suffix('%') {
        Some(number) => (number.trim(), 100.0),
        None => (text.trim(), 1.0),
    };
    let share = number.parse::<f64>().ok().map(|value| value / unit);
    share
        .filter(|share| share.is_finite() && (0.0..1.0).contains(share))
        .ok_or_else(|| format!("`{text}` is not a share: write 0.5% or 0.005, below 100%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_percent_and_fractions() {
        assert_eq!(parse("0.5%"), Ok(0.005));
        assert_eq!(parse("0.05"), Ok(0.05));
        for bad in ["", "%", "x", "5", "100%", "-1%", "nan", "inf"] {
            assert!(parse(bad).unwrap_err().contains("0.5%"), "{bad}");
        }
    }
}

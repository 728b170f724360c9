//! Plain columns: no lines, two spaces between, the last column cut to the width of the page.

use std::fmt::Write as _;

/// The widest line of text output, in characters.
pub const PAGE: usize = 100;

/// Rows under a head.
#[derive(Debug, Default)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    unbounded: bool,
    indent: usize,
    firm: Vec<usize>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
            unbounded: false,
            indent: 0,
            firm: Vec::new(),
        }
    }

    /// Lines may be wider than the page (`-o wide`).
    #[must_use]
    pub fn unbounded(mut self, unbounded: bool) -> Self {
        self.unbounded = unbounded;
        self
    }

    /// Every line begins with so many spaces.
    #[must_use]
    pub fn indented(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// These columns are not cut: times and numbers say nothing in part.
    #[must_use]
    pub fn firm(mut self, columns: &[usize]) -> Self {
        self.firm = columns.to_vec();
        self
    }

    /// Adds a row; missing cells are empty.
    pub fn row<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text; every line ends with a newline and has no trailing spaces.
    #[must_use]
    pub fn render(&self) -> String {
        let head: Vec<String> = self.head.iter().map(|title| (*title).to_owned()).collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                let cells = self.rows.iter().chain([&head]).filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let widths =
            if self.unbounded { widths } else { fitted(widths, PAGE - self.indent, &self.firm) };
        let mut out = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = " ".repeat(self.indent);
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let _ = write!(line, "{:<width$}  ", shorten(cell, *width));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Widths that fit so many characters: the widest column that may give way gives way first.
fn fitted(mut widths: Vec<usize>, page: usize, firm: &[usize]) -> Vec<usize> {
    const LEAST: usize = 8;
    loop {
        let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let soft = widths.iter_mut().enumerate().filter(|(column, _)| !firm.contains(column));
        match soft.map(|(_, width)| width).max_by_key(|width| **width) {
            Some(widest) if total > page && *widest > LEAST => *widest -= 1,
            _ => return widths,
        }
    }
}

/// A text in at most so many characters. The middle of a path goes first: its ends tell more.
#[must_use]
pub fn shorten(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    if width < 2 {
        return text.chars().take(width).collect();
    }
    let keep = width - 1;
    let (front, back) = if text.contains('/') && !text.contains(' ') {
        (keep / 2, keep - keep / 2)
    } else {
        (keep, 0)
    };
    let head = text.chars().take(front);
    head.chain(['…']).chain(text.chars().skip(count - back)).collect()
}

/// Words in lines of at most the page's width, each but the first behind an indentation.
#[must_use]
pub fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > indent && column + 1 + width > PAGE {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["NAME", "AGE"]);
        table.row(["a".to_owned(), "1s".to_owned()]);
        table.row(["longer".to_owned()]);
        assert_eq!(table.render(), "NAME    AGE\na       1s\nlonger\n");
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        let mut table = Table::new(&["NAME", "CLASS", "WHY"]);
        table.row(["n".repeat(30), format!("{}/{}", "c".repeat(60), "web"), "w ".repeat(60)]);
        let text = table.render();
        for line in text.lines() {
            assert!(line.chars().count() <= PAGE, "{line}");
        }
        assert!(text.contains('…'));
        assert!(text.contains("nnn"), "{text}");
        let wide = Table { unbounded: true, ..table }.render();
        assert!(wide.contains(&"c".repeat(60)));
    }

    #[test]
    fn paths_are_cut_in_the_middle() {
        assert_eq!(shorten("dell/xeon/mlx5/nvme/web", 11), "dell/…e/web");
        assert_eq!(shorten("some words here", 8), "some wo…");
        assert_eq!(shorten("abc", 3), "abc");
    }

    #[test]
    fn wraps_words() {
        let text = wrap(&"word ".repeat(60), 4);
        assert!(text.lines().count() > 2);
        assert!(text.lines().skip(1).all(|line| line.starts_with("    word")));
        assert!(text.lines().all(|line| line.chars().count() <= PAGE));
    }
}

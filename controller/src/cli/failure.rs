//! An error as an operator sees it: what failed, why, and what to do next.

use std::error::Error as StdError;
use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use super::exit::Exit;

/// The end of a command that did not work.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: String,
    why: Option<Why>,
    next: Option<String>,
    snippet: Option<Box<Snippet>>,
}

/// A cause as text; the chain behind it was flattened where it was caught.
#[derive(Debug)]
struct Why(String);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl StdError for Why {}

/// A file with the places in it that are wrong.
#[derive(Debug)]
struct Snippet {
    source: NamedSource<String>,
    labels: Vec<LabeledSpan>,
}

impl Failure {
    /// Something did not work; `what` is a sentence in lower case without a full stop.
    #[must_use]
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: None, next: None, snippet: None }
    }

    /// The command line or a file cannot be used as it is.
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Why it failed.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(Why(why.to_string()));
        self
    }

    /// Why it failed, with every source of the error behind it.
    #[must_use]
    pub fn caused_by(self, error: &dyn StdError) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Some libraries repeat their source in their own text.
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        self.because(text)
    }

    /// What to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Where in a file: spans in bytes with what is wrong there.
    #[must_use]
    pub fn at(
        mut self,
        file: &str,
        text: &str,
        places: impl IntoIterator<Item = (usize, usize, String)>,
    ) -> Self {
        let labels = places
            .into_iter()
            .map(|(start, len, label)| LabeledSpan::new(Some(label), start, len))
            .collect();
        let source = NamedSource::new(file, text.to_owned()).with_language("yaml");
        self.snippet = Some(Box::new(Snippet { source, labels }));
        self
    }

    /// The exit status of the process.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The message in one line: what, why, and what to do next.
    #[must_use]
    pub fn line(&self) -> String {
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let next = self.next.as_ref().map(|next| format!("; {next}")).unwrap_or_default();
        format!("{}{why}{next}", self.what)
    }

    /// The whole message, at most 100 columns wide.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        use miette::{GraphicalReportHandler, GraphicalTheme};
        let theme =
            if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
        let mut out = String::new();
        match handler.render_report(&mut out, self) {
            Ok(()) => out,
            Err(_) => format!("error: {self}\n"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.why.as_ref().map(|why| why as &(dyn StdError + 'static))
    }
}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.next.as_ref().map(|next| Box::new(next) as Box<dyn fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippet.as_ref().map(|snippet| &snippet.source as &dyn SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let snippet = self.snippet.as_ref()?;
        Some(Box::new(snippet.labels.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_why_and_what_next() {
        let failure = Failure::new(Exit::Unreachable, "cannot reach the controller at 127.0.0.1:1")
            .because("connection refused")
            .next("start it with `wavegate controller run`");
        let text = failure.render(false);
        for part in ["cannot reach", "connection refused", "help: start it"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(failure.exit(), Exit::Unreachable);
    }

    #[test]
    fn points_into_the_file() {
        let text = "name: june\nwaves: [5%]\n";
        let failure = Failure::usage("the specification cannot be used").at(
            "spec.yaml",
            text,
            [(18, 4, "the last wave must be 100%".to_owned())],
        );
        let shown = failure.render(false);
        assert!(shown.contains("spec.yaml:2:8"), "{shown}");
        assert!(shown.contains("the last wave must be 100%"), "{shown}");
    }
}

//! In which shape data go to stdout. Data go to stdout, talk goes to stderr.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;

/// The shape of data on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For people with wide screens.
    Wide,
    /// One JSON value.
    Json,
    /// YAML.
    Yaml,
}

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set or TERM is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// Whether to colour what goes to a stream that is a terminal or not.
    #[must_use]
    pub fn on(self, terminal: bool) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && !set("NO_COLOR") && !dumb,
        }
    }
}

/// Where a command's data and talk go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The shape of data.
    pub format: Format,
    /// Whether the operator chose it.
    chosen: bool,
    /// Whether data are coloured.
    pub colour: bool,
    /// Whether talk is coloured.
    pub talk_colour: bool,
    /// No talk.
    pub quiet: bool,
    /// Whether somebody watches stdout.
    pub terminal: bool,
}

impl Output {
    /// As the options and the two streams say.
    #[must_use]
    pub fn new(format: Option<Format>, colour: Colour, quiet: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            format: format.unwrap_or_default(),
            chosen: format.is_some(),
            colour: colour.on(terminal),
            talk_colour: colour.on(io::stderr().is_terminal()),
            quiet,
            terminal,
        }
    }

    /// The same, with another default for commands whose data are rarely for people.
    #[must_use]
    pub fn or(mut self, format: Format) -> Self {
        if !self.chosen {
            self.format = format;
        }
        self
    }

    /// Whether data are for people.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }

    /// Whether columns that most people do without are wanted.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.format == Format::Wide
    }

    /// Data: the value itself, or the text that people get.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn data<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table | Format::Wide => text(),
            Format::Json => {
                let mut json = serde_json::to_string_pretty(value)
                    .map_err(|e| Failure::new(Exit::Failed, "cannot write JSON").because(e))?;
                json.push('\n');
                json
            }
            Format::Yaml => serde_saphyr::to_string(value)
                .map_err(|e| Failure::new(Exit::Failed, "cannot write YAML").because(e))?,
        };
        print(&text)
    }

    /// Talk: to stderr, unless quiet.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{}", text.as_ref());
        }
    }
}

/// Writes to stdout. A reader that has gone away (`| head`) is not an error.
///
/// # Errors
/// If stdout cannot be written for another reason.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, "cannot write to stdout").caused_by(&error))
        }
        _ => Ok(()),
    }
}

//! `fleet-sim repl`.

use std::io::{BufRead, IsTerminal, Write};

use crate::repl::Session;

/// Reads commands from standard input until it ends.
pub(super) fn repl() -> anyhow::Result<bool> {
    let mut session = Session::new();
    let (input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let by_hand = std::io::stdin().is_terminal();
    if by_hand {
        write!(output, "> ")?;
        output.flush()?;
    }
    for line in input.lines() {
        let line = line?;
        if by_hand {
            match session.execute(&line) {
                Ok(answer) => write!(output, "{answer}")?,
                Err(problem) => writeln!(output, "error: {problem}")?,
            }
            write!(output, "> ")?;
        } else {
            write!(output, "{}", session.script(&line))?;
        }
        output.flush()?;
    }
    Ok(true)
}

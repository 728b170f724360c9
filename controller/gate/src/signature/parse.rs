//! The first crash in a kernel log.
//!
//! Formats: the kernel's arch/x86/kernel/dumpstack.c and mm/fault.c, arch/arm64/kernel/traps.c,
//! kernel/watchdog.c, kernel/hung_task.c, kernel/panic.c, mm/kasan/report.c.

use std::fmt;

use super::normal::{message, place, without_numbers};

/// So many callers are kept: the outer ones differ with what the host happened to do.
pub const FRAMES: usize = 3;
/// A crash is not longer than this, in lines: what follows belongs to something else.
const LINES: usize = 120;

/// What equal crashes share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// The kind, as in `NULL pointer dereference`.
    pub kind: String,
    /// The function that failed, with its module if it has one.
    pub at: Option<String>,
    /// Who called it, nearest first, at most [`FRAMES`].
    pub frames: Vec<String>,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(at) = &self.at {
            write!(f, " in {at}")?;
        }
        for frame in &self.frames {
            write!(f, " < {frame}")?;
        }
        Ok(())
    }
}

/// How a crash begins: words of the line, and the kind.
const BEGINNINGS: [(&str, &str); 20] = [
    ("BUG: kernel NULL pointer dereference", "NULL pointer dereference"),
    ("Unable to handle kernel NULL pointer dereference", "NULL pointer dereference"),
    ("BUG: unable to handle", "bad page access"),
    ("Unable to handle kernel", "bad page access"),
    ("general protection fault", "general protection fault"),
    ("stack segment", "stack fault"),
    ("divide error", "divide error"),
    ("invalid opcode", "invalid opcode"),
    ("kernel BUG at", "BUG"),
    ("BUG: KASAN:", "KASAN"),
    ("BUG: soft lockup", "soft lockup"),
    ("Watchdog detected hard LOCKUP", "hard lockup"),
    ("detected stalls on CPUs", "RCU stall"),
    ("self-detected stall on CPU", "RCU stall"),
    ("detected expedited stalls", "RCU stall"),
    ("blocked for more than", "hung task"),
    ("BUG: scheduling while atomic", "scheduling while atomic"),
    ("BUG: Bad page state", "bad page state"),
    ("list_del corruption", "list corruption"),
    ("list_add corruption", "list corruption"),
];

/// Functions that report a crash rather than cause it.
const REPORTERS: [&str; 22] = [
    "dump_stack",
    "show_stack",
    "show_regs",
    "print_report",
    "kasan_report",
    "die",
    "oops_end",
    "no_context",
    "page_fault_oops",
    "bad_area",
    "do_user_addr_fault",
    "exc_",
    "asm_",
    "do_trap",
    "do_error_trap",
    "handle_bug",
    "panic",
    "nmi_panic",
    "watchdog_",
    "__warn",
    "report_bug",
    "__list_",
];

/// The signature of the first crash in a log; none if it shows none. A panic without anything
/// before it is its own kind, with its reason; warnings are no crashes.
#[must_use]
pub fn signature(log: &str) -> Option<Signature> {
    let lines: Vec<&str> = log.lines().map(message).collect();
    let begins = lines.iter().enumerate().find_map(|(at, line)| Some((at, kind(line)?)));
    let (at, kind) = begins.or_else(|| {
        lines.iter().enumerate().find_map(|(at, line)| Some((at, panic_kind(line)?)))
    })?;
    let crash: Vec<&str> = lines.iter().skip(at).take(LINES).copied().collect();
    let mut frames = frames(&crash);
    let at = crash.iter().find_map(|line| failing_function(line));
    let at = at.filter(|at| !is_reporter(at)).or_else(|| {
        // Lockups of another processor have no RIP line of the culprit.
        (!frames.is_empty()).then(|| frames.remove(0))
    });
    frames.retain(|frame| Some(frame) != at.as_ref());
    frames.truncate(FRAMES);
    Some(Signature { kind, at, frames })
}

fn kind(line: &str) -> Option<String> {
    let (_, kind) = BEGINNINGS.iter().find(|(words, _)| line.contains(words))?;
    let detail = match *kind {
        // The file stays, the line moves with every release.
        "BUG" => line.split_once("kernel BUG at ").and_then(|(_, rest)| rest.split(':').next()),
        // "use-after-free in f+0x1/0x2": the function is taken from the trace.
        "KASAN" => line.split_once("KASAN: ").and_then(|(_, rest)| rest.split(" in ").next()),
        _ => None,
    };
    Some(detail.map_or_else(|| (*kind).to_owned(), |detail| format!("{kind} {}", detail.trim())))
}

fn panic_kind(line: &str) -> Option<String> {
    let (_, reason) = line.split_once("Kernel panic - not syncing: ")?;
    Some(format!("panic: {}", without_numbers(reason)))
}

/// From `RIP: 0010:f+0x1/0x2` or, on arm64, `pc : f+0x1/0x2`.
fn failing_function(line: &str) -> Option<String> {
    if let Some((_, rest)) = line.split_once("RIP: ") {
        let (_, place_of) = rest.split_once(':')?;
        return place(place_of);
    }
    line.strip_prefix("pc : ").and_then(place)
}

/// The callers after `Call Trace:` or `Call trace:`, without guesses (`?`) and reporters.
fn frames(crash: &[&str]) -> Vec<String> {
    let from = crash.iter().position(|line| line.to_ascii_lowercase().starts_with("call trace"));
    let Some(from) = from else { return Vec::new() };
    let mut found = Vec::new();
    for line in crash.iter().skip(from + 1) {
        let line = line.trim();
        // `<TASK>`, `<IRQ>` and `? maybe+0x1/0x2` are passed over; what is no frame ends it.
        if line.starts_with('<') || line.starts_with('?') {
            continue;
        }
        let Some(frame) = place(line) else { break };
        if !is_reporter(&frame) {
            found.push(frame);
        }
    }
    found
}

fn is_reporter(function: &str) -> bool {
    REPORTERS.iter().any(|reporter| function.starts_with(reporter))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

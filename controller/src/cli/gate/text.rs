//! A verdict for people.

use std::fmt::Write as _;

use wavegate_gate::perf::Judged;

use super::judge::Answer;

pub(super) fn answer(answer: &Answer) -> String {
    let mut out = format!("{}: {}\n", answer.metric, answer.verdict);
    for class in &answer.classes {
        let _ = writeln!(out, "\n  {}: {}", class.class, class.verdict);
        let _ = writeln!(out, "    {}", class.why);
        let _ = writeln!(out, "    change {}, {}", change(class.effect), interval(class));
        let _ = writeln!(
            out,
            "    {} canaries against {} hosts ({})",
            class.hosts_used, class.controls_used, class.compared_with
        );
        if let Some(detectable) = class.detectable_effect {
            let _ = writeln!(out, "    a change of {:.2} % would be found", 100.0 * detectable);
        }
        if !class.bad_hosts.is_empty() {
            let _ = writeln!(out, "    far beyond the others: {}", class.bad_hosts.join(", "));
        }
        if class.too_good {
            let _ = writeln!(out, "    better beyond chance: look at the measurement");
        }
        for note in class.faults.iter().chain(&class.notes) {
            let _ = writeln!(out, "    note: {note}");
        }
    }
    out
}

fn change(value: Option<f64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |v| format!("{:+.2} %", 100.0 * v))
}

fn interval(class: &Judged) -> String {
    let bound = |value: Option<f64>| {
        value.map_or_else(|| "no bound".to_owned(), |v| format!("{:+.2} %", 100.0 * v))
    };
    format!("between {} and {}", bound(class.interval.0), bound(class.interval.1))
}

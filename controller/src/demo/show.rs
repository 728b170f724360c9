//! What somebody who watches a demo sees: a screen that is redrawn on a terminal, a line per
//! event elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokio::time::Instant;
use wavegate_common::view::{ClassCount, RolloutView};

use crate::cli::output::Output;
use crate::cli::render::live::Live;
use crate::cli::render::paint::Paint;
use crate::cli::render::rollout::{counts, phase};
use crate::cli::render::table::shorten;

/// Events that stay on the screen.
const EVENTS: usize = 6;

/// The screen, or the lines instead of it.
#[derive(Debug)]
pub(super) struct Show {
    output: Output,
    live: Option<Live>,
    head: String,
    begun: Instant,
    racks: Vec<String>,
    events: Vec<String>,
    last: Option<RolloutView>,
}

impl Show {
    /// Nothing has happened; `head` stays on top.
    pub(super) fn new(output: &Output, head: String, racks: Vec<String>) -> Self {
        use std::io::IsTerminal as _;
        let live = std::io::stderr().is_terminal() && output.is_text() && !output.quiet;
        let mut show = Self {
            output: *output,
            live: live.then(Live::new),
            head,
            begun: Instant::now(),
            racks,
            events: Vec::new(),
            last: None,
        };
        if show.live.is_none() {
            show.output.say(&show.head);
        }
        show.draw();
        show
    }

    /// Something happened.
    pub(super) fn event(&mut self, text: &str) {
        let line = format!("{:>6.1} s  {text}", self.begun.elapsed().as_secs_f64());
        if self.live.is_none() {
            self.output.say(&line);
        }
        self.events.push(line);
        self.draw();
    }

    /// The rollout stands here now.
    pub(super) fn rollout(&mut self, view: &RolloutView) {
        for text in news(self.last.as_ref(), view) {
            self.event(&text);
        }
        self.last = Some(view.clone());
        self.draw();
    }

    /// Takes the screen away; what happened stays in lines.
    pub(super) fn close(&mut self) {
        if let Some(mut live) = self.live.take() {
            live.clear();
            self.output.say(&self.head);
            for event in &self.events {
                self.output.say(event);
            }
        }
    }

    fn draw(&mut self) {
        let paint = Paint(self.output.talk_colour);
        let mut page = format!("{}\n", paint.bold(&self.head));
        if let Some(view) = &self.last {
            page.push_str(&rollout_page(view, &self.racks, paint));
        }
        for event in &self.events[self.events.len().saturating_sub(EVENTS)..] {
            let _ = writeln!(page, "{event}");
        }
        if let Some(live) = &mut self.live {
            live.show(&page);
        }
    }
}

/// What differs from the last view, in sentences.
fn news(last: Option<&RolloutView>, view: &RolloutView) -> Vec<String> {
    let mut out = Vec::new();
    let before = last.map(phase).unwrap_or_default();
    let now = phase(view);
    if before != now {
        out.push(format!("{now}; {}", counts(&view.hosts)));
    }
    let harmed = |view: &RolloutView| view.hosts.failed + view.hosts.lost;
    let had = last.map_or(0, harmed);
    if harmed(view) > had {
        let classes: Vec<String> = view
            .classes
            .iter()
            .filter(|class| class.harmed > 0)
            .map(|class| format!("{} of {}", class.harmed, class.class))
            .collect();
        out.push(format!("harmed: {}", classes.join(", ")));
    }
    out
}

fn rollout_page(view: &RolloutView, racks: &[String], paint: Paint) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} {}  {}",
        view.name,
        paint.phase(&view.standing.phase),
        counts(&view.hosts)
    );
    let mut waves = String::from("waves  ");
    for wave in &view.waves {
        let name =
            if wave.index == 0 { "canary".to_owned() } else { format!("wave {}", wave.index) };
        let _ = write!(waves, " {name} {}/{}", wave.updated, wave.hosts);
        if wave.under_way > 0 {
            let _ = write!(waves, " (+{})", wave.under_way);
        }
        waves.push_str("  ");
    }
    let _ = writeln!(out, "{}", waves.trim_end());
    for class in &view.classes {
        let _ = writeln!(out, "{}", class_line(class, paint));
    }
    let down: BTreeMap<&str, u64> = view
        .down_by_domain
        .iter()
        .filter(|load| load.domain.key == "rack")
        .map(|load| (load.domain.value.as_str(), load.down))
        .collect();
    let cells: Vec<String> = racks
        .iter()
        .map(|rack| down.get(rack.as_str()).map_or("·".to_owned(), ToString::to_string))
        .collect();
    let _ = writeln!(out, "hosts down per rack  {}", cells.join(" "));
    out
}

fn class_line(class: &ClassCount, paint: Paint) -> String {
    const CELLS: u64 = 20;
    let full = (class.updated * CELLS).checked_div(class.total).unwrap_or(0);
    let bar: String = (0..CELLS).map(|cell| if cell < full { '█' } else { '░' }).collect();
    let name = shorten(class.class.as_str(), 52);
    let line = format!("  {name:<52} {bar} {:>3}/{:<3}", class.updated, class.total);
    match (class.harmed, &class.blocked) {
        (0, None) => line,
        (0, Some(_)) => paint.warn(&format!("{line} blocked")),
        (harmed, _) => paint.bad(&format!("{line} {harmed} harmed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::samples;

    #[test]
    fn news_are_told_once() {
        let view = samples::paused();
        let first = news(None, &view);
        assert_eq!(first.len(), 2, "{first:?}");
        assert!(first[1].starts_with("harmed: 1 of dell-inc."));
        assert!(news(Some(&view), &view).is_empty());
    }

    #[test]
    fn the_page_shows_waves_classes_and_racks() {
        let racks = ["ams-r01".to_owned(), "ams-r02".to_owned()];
        let page = rollout_page(&samples::paused(), &racks, Paint::NONE);
        assert!(page.contains("canary 33/36"), "{page}");
        assert!(page.contains("1 harmed"), "{page}");
        assert!(page.contains("hosts down per rack  1 ·"), "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");
    }
}

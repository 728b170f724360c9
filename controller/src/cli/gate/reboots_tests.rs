use super::*;
use crate::cli::root::run as command;
use std::fmt::Write as _;

/// Canaries and controls that start at 0, reboot at the given times, and are watched until `end`.
fn table(canaries: &[Option<u32>], controls: &[Option<u32>], end: u32) -> String {
    let mut text = String::from("time_s,host,arm,event\n");
    for (arm, hosts) in [("canary", canaries), ("control", controls)] {
        for (index, reboot) in hosts.iter().enumerate() {
            let _ = writeln!(text, "0,{arm}{index},{arm},start");
            if let Some(at) = reboot {
                let _ = writeln!(text, "{at},{arm}{index},{arm},reboot");
            }
            let _ = writeln!(text, "{end},{arm}{index},{arm},end");
        }
    }
    text
}

/// `total` hosts of which the first `failing` reboot, an hour apart.
fn hosts(total: usize, failing: u32) -> Vec<Option<u32>> {
    (0..total as u32).map(|k| (k < failing).then_some(3_600 * (k + 1))).collect()
}

fn exit_of(text: &str) -> Exit {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.csv");
    std::fs::write(&file, text).unwrap();
    command(["wavegate", "gate", "reboots", "--alpha", "0.01", &file.display().to_string()])
}

#[test]
fn the_exit_code_is_the_verdict() {
    let week = 604_800;
    // Four of fifty canaries and none of a thousand controls.
    assert_eq!(exit_of(&table(&hosts(50, 4), &hosts(1_000, 0), week)), Exit::Paused);
    // Nothing failed: nothing is known of the rate.
    assert_eq!(exit_of(&table(&hosts(50, 0), &hosts(1_000, 0), week)), Exit::Ended);
    // Many controls failed, no canary did.
    assert_eq!(exit_of(&table(&hosts(50, 0), &hosts(1_000, 60), week)), Exit::Ok);
    // Nothing to compare with.
    assert_eq!(exit_of(&table(&hosts(50, 3), &[], week)), Exit::TimedOut);
    // No rows at all, no canaries.
    assert_eq!(exit_of("time_s,host,arm,event\n"), Exit::Ended);
    assert_eq!(exit_of(&table(&[], &hosts(100, 9), week)), Exit::Ended);
    assert_eq!(exit_of("time_s,host\n1,a\n"), Exit::Usage);
}

#[test]
fn a_batch_judges_what_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let words = || {
        [
            "wavegate".into(),
            "gate".into(),
            "reboots".into(),
            "--batch".into(),
            dir.path().display().to_string(),
        ]
    };
    assert_eq!(command::<_, String>(words()), Exit::Usage);
    std::fs::write(dir.path().join("a.csv"), table(&hosts(50, 4), &hosts(500, 0), 86_400)).unwrap();
    assert_eq!(command::<_, String>(words()), Exit::Ok);
    std::fs::write(dir.path().join("b.csv"), "not a table").unwrap();
    assert_eq!(command::<_, String>(words()), Exit::Usage);
}

#[test]
fn the_output_is_as_documented() {
    let text = table(&hosts(50, 4), &hosts(1_000, 0), 604_800);
    let read = reboot_file::parse("a.csv", text.as_bytes()).unwrap();
    let settings = Settings { alpha: 0.01, ..Settings::default() };
    let (_, shown) = judged(&read, &settings, Instant::now(), None);
    let value = serde_json::to_value(&shown).unwrap();
    assert_eq!(value["verdict"], "fail");
    // The third settles it, ten minutes after its reboot at 3 h.
    assert_eq!(value["decided_at_s"], 3.0 * 3_600.0 + 600.0);
    assert_eq!(value["failed_canaries"], 3);
    let class = &value["classes"][0];
    assert_eq!(class["class"], "all");
    assert_eq!((&class["hosts_used"], &class["controls_used"]), (&50.into(), &1_000.into()));
    assert_eq!(class["drivers"], serde_json::json!(["canary0", "canary1", "canary2"]));
    assert!(class["evidence"].as_f64().unwrap() >= 100.0, "{class}");
    assert!(class["interval"][0].as_f64().unwrap() > 1.0, "{class}");
}

#[test]
fn bad_numbers_are_refused() {
    for words in [["--alpha", "0"], ["--alpha", "0.9"], ["--margin", "1"], ["--margin", "x"]] {
        assert_eq!(command(["wavegate", "gate", "reboots", words[0], words[1], "x"]), Exit::Usage);
    }
}

use super::*;
use crate::cli::exit::Exit;

const GOOD: &str = "\
time_s,host,arm,event
0,c1,control,start
0,k1,canary,start
50.5,c1,control,reboot
90,k1,canary,reboot
95,c1,control,end
";

fn good(text: &str) -> RebootFile {
    parse("a.csv", text.as_bytes()).unwrap()
}

fn refusal(text: &str) -> String {
    let failure = parse("a.csv", text.as_bytes()).unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    // The report is wrapped at 100 columns: only the words count.
    failure.render(false).replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn reads_hosts_with_their_spans() {
    let read = good(GOOD);
    assert_eq!(read.names, ["c1", "k1"]);
    assert_eq!((read.last, read.settled), (95_000, 695_000));
    let [c1, k1] = &read.hosts[..] else { panic!("two hosts") };
    assert_eq!(c1.spans, [Span { arm: Arm::Control, start: 0, end: Some(95_000) }]);
    assert_eq!(c1.reboots, [50_500]);
    // Without an end it is watched until the last row.
    assert_eq!(k1.spans, [Span { arm: Arm::Canary, start: 0, end: Some(95_000) }]);
    assert_eq!((c1.class.as_str(), c1.domains.len()), ("all", 0));
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let mut rows: Vec<&str> = GOOD.lines().skip(1).collect();
    rows.reverse();
    let text = format!("time_s,host,arm,event\n{}\n", rows.join("\n"));
    assert_eq!(good(&text), good(GOOD));
}

#[test]
fn a_control_that_is_updated_has_two_spans() {
    let text = "time_s,host,arm,event\n0,a,control,start\n10,a,control,end\n10,a,canary,start\n";
    let spans = &good(text).hosts[0].spans;
    assert_eq!(spans[0], Span { arm: Arm::Control, start: 0, end: Some(10_000) });
    assert_eq!(spans[1], Span { arm: Arm::Canary, start: 10_000, end: Some(10_000) });
}

#[test]
fn class_and_domain_may_follow_in_any_order() {
    let text = "domain,event,arm,host,class,time_s\nr1,start,canary,a,web,0\n";
    let host = &good(text).hosts[0];
    assert_eq!(host.class.as_str(), "web");
    assert_eq!(host.domains[0].to_string(), "domain=r1");
}

#[test]
fn says_line_and_column_of_what_is_wrong() {
    let head = "time_s,host,arm,event";
    for (rows, place, word) in [
        ("0,a,canary,start\nx,a,canary,reboot", "line 3, column time_s", "`x` is not a time"),
        ("NaN,a,canary,start", "line 2, column time_s", "is not a time"),
        ("0,,canary,start", "line 2, column host", "it is empty"),
        ("0,a,canaries,start", "line 2, column arm", "neither canary nor control"),
        ("0,a,canary,begin", "line 2, column event", "not one of start, reboot, end"),
        ("5,a,canary,reboot", "line 2, column event", "before it has a start"),
        ("9,a,canary,start\n5,a,canary,end", "line 3, column event", "without a start before"),
        ("0,a,canary,start\n5,a,canary,start", "line 3, column event", "has started already"),
        ("0,a,canary,start\n5,a,control,reboot", "line 3, column arm", "in the other arm"),
        ("0,a,canary", "a.csv", "record 1"),
    ] {
        let text = refusal(&format!("{head}\n{rows}\n"));
        assert!(text.contains(place), "{rows}: {text}");
        assert!(text.contains(word), "{rows}: {text}");
        assert!(text.contains("help: the columns are time_s,host,arm,event"), "{text}");
    }
    let text = refusal("time_s,host,event\n");
    assert!(text.contains("line 1 has no column arm"), "{text}");
    let text = refusal("time_s,host,arm,event,class\n0,a,canary,start,x\n1,a,canary,end,y\n");
    assert!(text.contains("line 3, column class") && text.contains("line 2"), "{text}");
}

#[test]
fn a_reboot_after_the_end_counts_for_nothing() {
    let text = "time_s,host,arm,event\n0,a,canary,start\n5,a,canary,end\n9,a,canary,reboot\n";
    assert_eq!(good(text).hosts[0].reboots, [0_i64; 0]);
}

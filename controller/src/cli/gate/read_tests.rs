use super::*;
use crate::cli::exit::Exit;
use crate::cli::root::run;

const HEADER: &str = "class,host,arm,order,before,after\n";

fn refusal(text: &str) -> String {
    let failure = classes("june.csv", text.as_bytes()).unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    failure.line()
}

fn good(text: &str) -> Vec<ClassRows> {
    classes("june.csv", text.as_bytes()).unwrap()
}

#[test]
fn says_file_line_column_and_what_to_do() {
    for (text, place, what) in [
        (String::new(), "june.csv is empty", "class,host,arm"),
        ("class,host,arm,order,before\n".to_owned(), "june.csv:1:", "`after`"),
        (format!("{HEADER}a,h,canary,1,1,fast\n"), "june.csv:2: column `after`", "`fast`"),
        (
            format!("{HEADER}\na,h,canary,1,1,1\na,i,canary,x,1,1\n"),
            "june.csv:4: column `order`",
            "1 for",
        ),
        (format!("{HEADER}a,h,canari,1,1,1\n"), "june.csv:2: column `arm`", "placebo"),
        (format!("{HEADER}a,,canary,1,1,1\n"), "june.csv:2: column `host`", "empty"),
        (format!("{HEADER}a,h,canary,-1,1,1\n"), "june.csv:2: column `order`", "not a count"),
        (format!("{HEADER}a,h,canary,1\n"), "june.csv:2:", "as many fields"),
        (format!("{HEADER}a,h,control,,1,0x10\n"), "june.csv:2: column `after`", "not a number"),
    ] {
        let said = refusal(&text);
        assert!(said.contains(place) && said.contains(what), "{text}: {said}");
    }
    let binary =
        classes("june.csv", &b"class,host,arm,order,before,after\n\xff,h,canary,1,1,1\n"[..]);
    assert!(binary.unwrap_err().line().contains("june.csv:2:"));
}

#[test]
fn absent_values_are_no_data() {
    for word in ["", "NaN", "null", "None", "NA", "inf", "-"] {
        let read = good(&format!("{HEADER}a,h,canary,1.0,1,{word}\n"));
        assert_eq!(read[0].hosts[0].samples[0].after, None, "{word}");
        assert_eq!(read[0].hosts[0].order, Some(1));
    }
}

#[test]
fn rows_of_a_slot_are_joined() {
    let read = good(
        "slot,class,host,arm,order,before,after\n\
         t1,a,h,canary,1,5,\nt2,a,h,canary,1,6,7\nt1,a,h,canary,1,,8\n\
         t1,a,i,control,,1,1\n",
    );
    let pairs: Vec<_> = read[0].hosts[0].samples.iter().map(|s| (s.before, s.after)).collect();
    assert_eq!(pairs, [(Some(5.0), Some(8.0)), (Some(6.0), Some(7.0))]);
    assert!(read[0].slotted && read[0].faults.is_empty(), "{:?}", read[0].faults);
}

#[test]
fn doubtful_rows_keep_a_class_from_passing() {
    for (rows, fault) in [
        ("a,h,canary,1,1,1\na,h,canary,1,1,2\na,i,control,,1,1\n", "no column `slot`"),
        ("a,h,canary,1,1,1\na,h,control,1,1,2\na,i,control,,1,1\n", "two arms"),
        ("a,i,control,,1,1\n", "no canaries"),
        ("a,i,canary,1,1,1\n", "no controls"),
        ("a,h,canary,1,1,1\na,j,canary,4,1,1\na,i,control,,1,1\n", "2 canaries are missing"),
    ] {
        let read = good(&format!("{HEADER}{rows}"));
        assert!(read[0].faults.iter().any(|f| f.contains(fault)), "{rows}: {:?}", read[0].faults);
    }
}

/// Canaries that are slower by so much, and controls, as a file.
fn file(canaries: usize, controls: usize, slower: f64) -> String {
    let mut text = HEADER.to_owned();
    for i in 0..canaries + controls {
        let before = 100.0 + (i * 7 % 13) as f64;
        let noise = 1.0 + (i * 5 % 11) as f64 * 1e-4;
        let (arm, order, factor) = if i < canaries {
            ("canary", (i + 1).to_string(), 1.0 + slower)
        } else {
            ("control", String::new(), 1.0)
        };
        text.push_str(&format!("web,h{i},{arm},{order},{before},{}\n", before * noise * factor));
    }
    text
}

fn judge(words: &[&str]) -> Exit {
    let start = ["wavegate", "gate", "judge", "--metric", "m", "--better", "lower"];
    run(start.iter().chain(words).map(|word| (*word).to_owned()))
}

#[test]
fn every_verdict_has_its_exit_status() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    let path_text = path.display().to_string();
    for (text, code) in [
        (file(5, 40, 0.0), 0),
        (file(5, 40, 0.05), 3),
        (file(2, 40, 0.05), 4),
        (HEADER.to_owned(), 4),
        (file(20, 2, 0.0), 5),
        ("nonsense\n".to_owned(), 2),
    ] {
        std::fs::write(&path, &text).unwrap();
        assert_eq!(judge(&[&path_text]).code(), code, "{text}");
        assert_eq!(judge(&[&path_text, "-o", "table"]).code(), code);
    }
    for words in [
        &["/nowhere/a.csv"][..],
        &[],
        &[&path_text, "--looks", "5,3"],
        &[&path_text, "--looks", "2"],
        &[&path_text, "--alpha", "2"],
        &[&path_text, "--margin", "0.1%", "--min-effect", "1%"],
        &["--batch", "/nowhere"],
        &["--batch", "/nowhere", &path_text],
    ] {
        assert_eq!(judge(words), Exit::Usage, "{words:?}");
    }
}

#[test]
fn a_batch_goes_on_after_a_bad_file() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    assert_eq!(judge(&["--batch", &folder]), Exit::Usage);
    std::fs::write(dir.path().join("a.csv"), file(5, 40, 0.05)).unwrap();
    assert_eq!(judge(&["--batch", &folder]), Exit::Ok);
    std::fs::write(dir.path().join("b.csv"), "class\n").unwrap();
    assert_eq!(judge(&["--batch", &folder]), Exit::Usage);
}

//! Failed units, asked of the service manager by a fixed call of `systemctl`.
//!
//! A client of the bus in this process would be cheaper per call, but costs more memory than the
//! agent has for everything; one short process every half minute does not.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::process::{Call, Ending, run};

const ARGUMENTS: [&str; 5] =
    ["list-units", "--state=failed", "--output=json", "--no-pager", "--no-legend"];
const TIME_LIMIT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Unit {
    unit: String,
}

/// Names of failed units.
///
/// # Errors
/// The service manager could not be asked; why, in words for people.
pub(super) async fn failed_units(systemctl: &Path) -> Result<BTreeSet<String>, String> {
    let call =
        Call { program: systemctl, arguments: &ARGUMENTS, input: b"", time_limit: TIME_LIMIT };
    let outcome = run(call).await.map_err(|error| format!("{}: {error}", systemctl.display()))?;
    if outcome.ending != Ending::Exit(0) {
        return Err(format!(
            "{}; install dbus, or set `health: {{units: false}}` and check in health.d",
            outcome.says()
        ));
    }
    parse(&outcome.output)
}

fn parse(json: &str) -> Result<BTreeSet<String>, String> {
    let text = json.trim();
    if text.is_empty() {
        return Ok(BTreeSet::new());
    }
    match serde_json::from_str::<Vec<Unit>>(text) {
        Ok(units) => Ok(units.into_iter().map(|unit| unit.unit).collect()),
        // So many failed units that the list was cut are failed units all the same.
        Err(error) if error.is_eof() => Ok(names_in_cut_list(text)),
        Err(error) => Err(format!("systemctl list-units: {error}")),
    }
}

fn names_in_cut_list(text: &str) -> BTreeSet<String> {
    let after = text.split("\"unit\":\"").skip(1);
    after.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read() {
        let text = r#"[{"unit":"b.service","load":"loaded","active":"failed","sub":"failed","description":"B"},{"unit":"a.mount","load":"loaded","active":"failed","sub":"failed","description":"A"}]"#;
        let names: Vec<String> = parse(text).unwrap().into_iter().collect();
        assert_eq!(names, ["a.mount", "b.service"]);
        assert!(parse("[]\n").unwrap().is_empty());
        assert!(parse("").unwrap().is_empty());
        assert!(parse("Failed to connect to bus").is_err());
        assert_eq!(parse(&text[..text.len() - 20]).unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_missing_systemctl_is_said() {
        let told = failed_units(Path::new("/no/systemctl")).await.unwrap_err();
        assert!(told.starts_with("/no/systemctl: "), "{told}");
        let told = failed_units(Path::new("/bin/false")).await.unwrap_err();
        assert!(told.contains("install dbus"), "{told}");
    }
}

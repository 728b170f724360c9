//! CSV files of the performance gate, read in one pass; what is wrong is said with file, line and
//! column.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use wavegate_gate::perf::{Arm, ClassRows, HostRows, Sample, find_gaps};

use crate::cli::failure::Failure;

const COLUMNS: &str = "class,host,arm,order,before,after and, for several samples of a host, slot";

/// Reads the classes of a file; `-` is stdin.
pub(super) fn file(path: &Path) -> Result<Vec<ClassRows>, Failure> {
    if path == Path::new("-") {
        return classes("stdin", std::io::stdin().lock());
    }
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|error| {
        Failure::usage(format!("cannot read {name}"))
            .caused_by(&error)
            .next(format!("give a CSV file with the columns {COLUMNS}"))
    })?;
    classes(&name, file)
}

/// Where the columns are.
struct Columns {
    class: usize,
    host: usize,
    arm: usize,
    before: usize,
    after: usize,
    order: Option<usize>,
    slot: Option<usize>,
}

impl Columns {
    fn of(name: &str, header: &StringRecord) -> Result<Self, Failure> {
        let find = |wanted: &str| {
            header.iter().position(|column| column.trim().eq_ignore_ascii_case(wanted))
        };
        let need = |wanted: &str| {
            find(wanted).ok_or_else(|| {
                Failure::usage(format!("{name}:1: there is no column `{wanted}`"))
                    .next(format!("the first line names the columns: {COLUMNS}"))
            })
        };
        Ok(Self {
            class: need("class")?,
            host: need("host")?,
            arm: need("arm")?,
            before: need("before")?,
            after: need("after")?,
            order: find("order"),
            slot: find("slot"),
        })
    }
}

/// Classes by name, and in each its hosts by name.
#[derive(Default)]
struct Book {
    classes: BTreeMap<String, ClassBook>,
    slots: HashMap<String, u32>,
}

#[derive(Default)]
struct ClassBook {
    hosts: Vec<HostRows>,
    index: HashMap<String, usize>,
    two_arms: Vec<usize>,
}

fn classes(name: &str, source: impl Read) -> Result<Vec<ClassRows>, Failure> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).has_headers(false).from_reader(source);
    let mut record = StringRecord::new();
    let broken = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        Failure::usage(format!("{name}:{line}: this is not a line of CSV"))
            .because(error)
            .next("every line has as many fields as the first, in UTF-8")
    };
    if !reader.read_record(&mut record).map_err(broken)? {
        return Err(Failure::usage(format!("{name} is empty"))
            .next(format!("the first line names the columns: {COLUMNS}")));
    }
    let columns = Columns::of(name, &record)?;
    let mut book = Book::default();
    while reader.read_record(&mut record).map_err(broken)? {
        let line = record.position().map_or(0, csv::Position::line);
        book.row(&columns, &record).map_err(|(column, what)| {
            Failure::usage(format!("{name}:{line}: column `{column}`: {}", what.0)).next(what.1)
        })?;
    }
    let slotted = columns.slot.is_some();
    let mut classes: Vec<ClassRows> =
        book.classes.into_iter().map(|(class, book)| book.finish(class, slotted)).collect();
    find_gaps(&mut classes);
    Ok(classes)
}

type Wrong = (&'static str, (String, &'static str));

impl Book {
    fn row(&mut self, columns: &Columns, record: &StringRecord) -> Result<(), Wrong> {
        let field = |at: usize| record.get(at).unwrap_or_default();
        let arm = arm(field(columns.arm))?;
        let order = order(columns.order.map_or("", field))?;
        let (before, after) =
            (number("before", field(columns.before))?, number("after", field(columns.after))?);
        let host = field(columns.host);
        if host.is_empty() {
            return Err(("host", ("it is empty".to_owned(), "every row names its host")));
        }
        let slot = self.slot(columns.slot.map_or("", field));
        let class = field(columns.class);
        if !self.classes.contains_key(class) {
            self.classes.insert(class.to_owned(), ClassBook::default());
        }
        if let Some(book) = self.classes.get_mut(class) {
            book.add(host, arm, order, Sample { slot, before, after });
        }
        Ok(())
    }

    fn slot(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        if let Some(&slot) = self.slots.get(name) {
            return slot;
        }
        let slot = u32::try_from(self.slots.len() + 1).unwrap_or(u32::MAX);
        self.slots.insert(name.to_owned(), slot);
        slot
    }
}

impl ClassBook {
    fn add(&mut self, name: &str, arm: Arm, order: Option<u64>, sample: Sample) {
        let i = self.index.get(name).copied().unwrap_or_else(|| {
            self.index.insert(name.to_owned(), self.hosts.len());
            self.hosts.push(HostRows { host: name.to_owned(), arm, order, samples: Vec::new() });
            self.hosts.len() - 1
        });
        let host = &mut self.hosts[i];
        if host.arm != arm {
            self.two_arms.push(i);
        }
        host.order = host.order.or(order);
        host.samples.push(sample);
    }

    fn finish(mut self, class: String, slotted: bool) -> ClassRows {
        let mut faults = Vec::new();
        self.two_arms.sort_unstable();
        self.two_arms.dedup();
        if !self.two_arms.is_empty() {
            faults.push(format!("{} hosts are in two arms and were left out", self.two_arms.len()));
        }
        // A host of two arms proves nothing for either, but it was meant to be there.
        self.two_arms.iter().for_each(|&i| self.hosts[i].samples.clear());
        let repeated = self.hosts.iter_mut().filter_map(|host| merge(host).then_some(())).count();
        if repeated > 0 {
            let why = if slotted { "for one slot" } else { "and there is no column `slot`" };
            faults.push(format!("{repeated} hosts have several rows {why}"));
        }
        if !self.hosts.iter().any(|host| host.arm == Arm::Canary) {
            faults.push("there are no canaries".to_owned());
        }
        if self.hosts.iter().all(|host| host.arm == Arm::Canary) {
            faults.push("there are no controls".to_owned());
        }
        ClassRows { class, slotted, hosts: self.hosts, faults }
    }
}

/// Joins rows of one slot of which each has one phase; true if there are rows too many.
fn merge(host: &mut HostRows) -> bool {
    if host.samples.len() < 2 {
        return false;
    }
    host.samples.sort_by_key(|sample| sample.slot);
    let mut repeated = false;
    let mut merged: Vec<Sample> = Vec::with_capacity(host.samples.len());
    for sample in &host.samples {
        match merged.last_mut().filter(|last| last.slot == sample.slot) {
            Some(last) if last.before.is_none() && sample.after.is_none() => {
                last.before = sample.before;
            }
            Some(last) if last.after.is_none() && sample.before.is_none() => {
                last.after = sample.after;
            }
            Some(_) => {
                repeated = true;
                merged.push(*sample);
            }
            None => merged.push(*sample),
        }
    }
    host.samples = merged;
    repeated
}

fn arm(text: &str) -> Result<Arm, Wrong> {
    match text {
        "canary" => Ok(Arm::Canary),
        "control" => Ok(Arm::Control),
        "placebo" => Ok(Arm::Placebo),
        other => Err(("arm", (format!("`{other}`"), "write canary, control or placebo"))),
    }
}

fn order(text: &str) -> Result<Option<u64>, Wrong> {
    if no_data(text) {
        return Ok(None);
    }
    // Spreadsheets and data frames write whole numbers as 3.0.
    let number = text.parse::<f64>().ok();
    let whole = number.filter(|v| *v >= 0.0 && v.fract() == 0.0 && *v < 1e15);
    whole.map(|v| Some(v as u64)).ok_or_else(|| {
        let next = "write 1 for the first canary, 2 for the second, nothing for controls";
        ("order", (format!("`{text}` is not a count"), next))
    })
}

/// Words that mean that there is no value.
fn no_data(text: &str) -> bool {
    const WORDS: [&str; 7] = ["", "nan", "null", "none", "na", "n/a", "-"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn number(column: &'static str, text: &str) -> Result<Option<f64>, Wrong> {
    if no_data(text) {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(value) => Ok(Some(value).filter(|v| v.is_finite())),
        Err(_) => {
            let next = "write a number with a point, or leave the field empty if there is no data";
            Err((column, (format!("`{text}` is not a number"), next)))
        }
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;

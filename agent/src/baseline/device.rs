//! Counters per device, over devices that come and go.

/// Devices with their counters now and one sample ago.
#[derive(Debug)]
pub(super) struct Table<C> {
    rows: Vec<Row<C>>,
    /// Where the next name is most likely found: files keep their order.
    next: usize,
}

#[derive(Debug)]
struct Row<C> {
    name: Box<str>,
    counted: bool,
    before: Option<C>,
    now: Option<C>,
}

impl<C> Default for Table<C> {
    fn default() -> Self {
        Self { rows: Vec::new(), next: 0 }
    }
}

impl<C: Copy> Table<C> {
    /// What was now is before.
    pub(super) fn begin(&mut self) {
        self.next = 0;
        for row in &mut self.rows {
            row.before = row.now.take();
        }
    }

    /// Counters of a device. `counts` is asked once, when a device is first seen.
    pub(super) fn set(&mut self, name: &str, counters: C, counts: impl FnOnce(&str) -> bool) {
        let here = |row: &Row<C>| &*row.name == name;
        let at = match self.rows.get(self.next) {
            Some(row) if here(row) => self.next,
            _ => self.rows.iter().position(here).unwrap_or_else(|| {
                let (name, counted) = (name.into(), counts(name));
                self.rows.push(Row { name, counted, before: None, now: None });
                self.rows.len() - 1
            }),
        };
        self.rows[at].now = Some(counters);
        self.next = at + 1;
    }

    /// Forgets devices that are gone: one of the same name is another.
    pub(super) fn end(&mut self) {
        self.rows.retain(|row| row.now.is_some());
    }

    /// Before and now of the devices that count and were there both times.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&C, &C)> + '_ {
        self.rows.iter().filter(|row| row.counted).filter_map(|row| {
            let (before, now) = (row.before.as_ref()?, row.now.as_ref()?);
            Some((before, now))
        })
    }
}

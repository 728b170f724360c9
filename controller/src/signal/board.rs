//! The latest reading of each source, and the tasks that renew it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use wavegate_common::{SignalReading, SignalState, Timestamp};

use super::hosts::Hosts;
use super::prometheus::ANSWER;
use super::round::{limit, round};
use crate::clock;
use crate::config::{Name, Source};
use crate::driver::{DriverHandle, Stopped};
use crate::outbound::{BadAuthorities, Client, OutboundError};

/// A source with its connections.
#[derive(Debug)]
struct Asked {
    source: Source,
    client: Client,
}

/// Readings by the names of their sources.
#[derive(Debug, Default)]
pub struct Board {
    sources: BTreeMap<String, Asked>,
    readings: Mutex<BTreeMap<String, SignalReading>>,
}

impl Board {
    /// Sources that were not asked yet.
    ///
    /// # Errors
    /// If a source's authorities cannot be read.
    pub fn open(sources: &BTreeMap<Name, Source>) -> Result<Self, BadAuthorities> {
        let mut board = Self::default();
        let mut readings = BTreeMap::new();
        for (name, source) in sources {
            let reading = SignalReading {
                source: name.to_string(),
                kind: source.kind(),
                min_exposure: source.min_exposure,
                stale_after: source.stale_after,
                state: SignalState::Unasked,
            };
            readings.insert(name.to_string(), reading);
            let client = Client::new(&source.http, ANSWER)?;
            board.sources.insert(name.to_string(), Asked { source: source.clone(), client });
        }
        *board.locked() = readings;
        Ok(board)
    }

    /// The latest reading of every source, by name.
    #[must_use]
    pub fn readings(&self) -> Vec<SignalReading> {
        self.locked().values().cloned().collect()
    }

    /// The latest reading of one source.
    #[must_use]
    pub fn reading(&self, name: &str) -> Option<SignalReading> {
        self.locked().get(name).cloned()
    }

    /// Names of all sources.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// Asks a source now, and keeps what it says; none if there is no such source.
    ///
    /// # Errors
    /// If the driver has ended, which knows the hosts.
    pub async fn ask(
        &self,
        name: &str,
        driver: &DriverHandle,
    ) -> Result<Option<SignalReading>, Stopped> {
        let Some(asked) = self.sources.get(name) else { return Ok(None) };
        let hosts = driver
            .look(|world| {
                let hosts = world.inventory.hosts().iter();
                hosts.map(|record| (record.id, record.name.to_string())).collect::<Vec<_>>()
            })
            .await?;
        let hosts = Hosts::new(hosts);
        let Asked { source, client } = asked;
        let most = limit(source);
        let asking = round(client, source, &hosts, clock::now());
        let said = tokio::time::timeout(Duration::from_millis(most.0), asking)
            .await
            .unwrap_or(Err(OutboundError::Timeout(most)));
        let said = said.map_err(|error| error.to_string());
        Ok(self.put(name, said, clock::now()))
    }

    fn put(
        &self,
        name: &str,
        said: Result<SignalState, String>,
        now: Timestamp,
    ) -> Option<SignalReading> {
        let mut readings = self.locked();
        let reading = readings.get_mut(name)?;
        let before = reading.standing(now);
        reading.state = match (said, &reading.state) {
            (Ok(state), _) => state,
            (Err(error), SignalState::Unreachable { since, .. }) => {
                SignalState::Unreachable { since: *since, error }
            }
            (Err(error), _) => SignalState::Unreachable { since: now, error },
        };
        let after = reading.standing(now);
        if before != after {
            let why = reading.usable(now).err().map(|shortage| shortage.to_string());
            tracing::info!(source = name, before, after, why, "a signal changes its standing");
        }
        Some(reading.clone())
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, SignalReading>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks every source again and again, until the driver ends.
pub fn start(board: &Arc<Board>, driver: &DriverHandle) -> JoinHandle<()> {
    let mut tasks = JoinSet::new();
    for (name, asked) in &board.sources {
        let every = Duration::from_millis(asked.source.every.0);
        let (board, driver, name) = (Arc::clone(board), driver.clone(), name.clone());
        tasks.spawn(async move {
            while board.ask(&name, &driver).await.is_ok() {
                tokio::time::sleep(every).await;
            }
        });
    }
    tokio::spawn(async move {
        tasks.join_all().await;
    })
}

#[cfg(test)]
mod tests {
    use wavegate_common::signal::{HostSignal, Measure};
    use wavegate_common::{HostId, Millis};

    use super::*;

    fn board() -> Board {
        let text = "url: http://127.0.0.1:1\nvalue: {query: up, better: higher}\n";
        let source: Source = serde_saphyr::from_str(text).unwrap();
        let name: Name = serde_json::from_str("\"up\"").unwrap();
        Board::open(&BTreeMap::from([(name, source)])).unwrap()
    }

    #[test]
    fn keeps_since_when_a_source_is_away() {
        let board = board();
        assert_eq!(board.reading("up").unwrap().standing(Timestamp(0)), "unasked");
        board.put("up", Err("refused".to_owned()), Timestamp(5));
        board.put("up", Err("timeout".to_owned()), Timestamp(9));
        let reading = board.reading("up").unwrap();
        let wanted = SignalState::Unreachable { since: Timestamp(5), error: "timeout".to_owned() };
        assert_eq!(reading.state, wanted);
        let measure = Measure::Value { value: 1.0 };
        let hosts = vec![HostSignal { host: HostId(1), at: Timestamp(20), measure }];
        let state = SignalState::Answered { at: Timestamp(20), hosts, strangers: 0 };
        board.put("up", Ok(state), Timestamp(20));
        assert_eq!(board.reading("up").unwrap().standing(Timestamp(20)), "fresh");
        let later = Timestamp(20).after(Millis::mins(3));
        assert_eq!(board.reading("up").unwrap().standing(later), "stale");
        assert_eq!(board.reading("down"), None);
    }
}

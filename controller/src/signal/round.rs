//! One round of questions to one source.

use std::collections::BTreeMap;

use tokio::task::JoinSet;
use wavegate_common::signal::{HostSignal, Measure, SignalState};
use wavegate_common::{HostId, Millis, Timestamp};

use super::hosts::Hosts;
use super::prometheus::{Sample, query};
use crate::config::{Query, Shape, Source};
use crate::outbound::{Client, OutboundError};

/// Hosts that are asked about one by one at most; more want one query about all.
const ONE_BY_ONE: usize = 500;
/// Queries under way at once.
const AT_ONCE: usize = 8;

/// Numbers by host, each with the moment of its evaluation.
#[derive(Debug, Default, PartialEq)]
struct Column {
    hosts: BTreeMap<HostId, (f64, f64)>,
    strangers: u64,
}

/// Asks everything that belongs to a source and puts it together.
pub(super) async fn round(
    client: &Client,
    source: &Source,
    hosts: &Hosts,
    now: Timestamp,
) -> Result<SignalState, OutboundError> {
    let Some((shape, carrier)) = source.shape().zip(source.carrier()) else {
        return Err(OutboundError::Request("the source asks nothing".to_owned()));
    };
    let column = |promql: String, per_host: bool| async move {
        if per_host {
            one_by_one(client, source, &promql, hosts).await
        } else {
            about_all(client, source, &promql, hosts).await
        }
    };
    let ask = |query: &Query| column(query.as_str().to_owned(), query.is_per_host());
    let ages = match &source.freshness {
        Some(query) => ask(query).await?,
        None => column(format!("timestamp({carrier})"), carrier.is_per_host()).await?,
    };
    let measured: (Column, Option<Column>) = match shape {
        Shape::Ratio(ratio) => (ask(&ratio.requests).await?, Some(ask(&ratio.errors).await?)),
        Shape::Value(value) => (ask(&value.query).await?, None),
    };
    Ok(joined(&measured.0, measured.1.as_ref(), &ages, now))
}

/// A host counts if every query says something about it.
fn joined(main: &Column, errors: Option<&Column>, ages: &Column, now: Timestamp) -> SignalState {
    let mut hosts = Vec::new();
    for (host, (value, _)) in &main.hosts {
        let Some((sampled, evaluated)) = ages.hosts.get(host) else { continue };
        let measure = match errors {
            None => Measure::Value { value: *value },
            Some(errors) => {
                let Some((wrong, _)) = errors.hosts.get(host) else { continue };
                if *wrong < 0.0 || *value < 0.0 {
                    continue;
                }
                Measure::Ratio { errors: *wrong, requests: *value }
            }
        };
        // Ages are by Prometheus's clock alone, so that a clock that differs does no harm.
        let age = ((evaluated - sampled).max(0.0) * 1_000.0) as i64;
        hosts.push(HostSignal { host: *host, at: Timestamp(now.0.saturating_sub(age)), measure });
    }
    let strangers = main.strangers;
    if hosts.is_empty() {
        return SignalState::Empty { at: now, strangers };
    }
    SignalState::Answered { at: now, hosts, strangers }
}

async fn about_all(
    client: &Client,
    source: &Source,
    promql: &str,
    hosts: &Hosts,
) -> Result<Column, OutboundError> {
    let samples = query(client, &source.url, promql).await?;
    gathered(samples, &source.host_label, hosts)
}

fn gathered(samples: Vec<Sample>, label: &str, hosts: &Hosts) -> Result<Column, OutboundError> {
    let mut column = Column::default();
    for Sample { labels, evaluated, value } in samples {
        let host = labels.get(label).and_then(|text| hosts.find(text));
        let (Some(host), Some(value)) = (host, value) else {
            column.strangers += 1;
            continue;
        };
        if column.hosts.insert(host, (value, evaluated)).is_some() {
            let text = labels.get(label).map_or("", String::as_str);
            return Err(OutboundError::Answer(format!(
                "there are several series with {label}=\"{text}\"; put them together, as in \
                 `sum by ({label}) (…)`"
            )));
        }
    }
    Ok(column)
}

async fn one_by_one(
    client: &Client,
    source: &Source,
    promql: &str,
    hosts: &Hosts,
) -> Result<Column, OutboundError> {
    if hosts.len() > ONE_BY_ONE {
        return Err(OutboundError::Request(format!(
            "{} hosts are too many to ask about one by one, at most {ONE_BY_ONE}; write one query \
             about all of them, with `host_label`",
            hosts.len()
        )));
    }
    let template = Query::of_config(promql);
    let mut waiting: Vec<(HostId, String)> =
        hosts.all().map(|(id, name)| (id, template.about(name))).collect();
    let (mut tasks, mut column) = (JoinSet::new(), Column::default());
    loop {
        while tasks.len() < AT_ONCE
            && let Some((id, promql)) = waiting.pop()
        {
            let (client, url) = (client.clone(), source.url.clone());
            tasks.spawn(async move { (id, query(&client, &url, &promql).await) });
        }
        let Some(done) = tasks.join_next().await else { return Ok(column) };
        let (id, samples) = done.map_err(|error| OutboundError::Request(error.to_string()))?;
        let mut samples = samples?.into_iter();
        match (samples.next(), samples.next()) {
            (None, _) => {}
            (Some(Sample { evaluated, value: Some(value), .. }), None) => {
                column.hosts.insert(id, (value, evaluated));
            }
            (Some(_), None) => column.strangers += 1,
            (Some(_), Some(_)) => {
                return Err(OutboundError::Answer(
                    "a query about one host gives several series; put them together with `sum`"
                        .to_owned(),
                ));
            }
        }
    }
}

/// How long a round may take: every query its own limit.
pub(super) fn limit(source: &Source) -> Millis {
    Millis(source.http.timeout.0.saturating_mul(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn hosts() -> Hosts {
        Hosts::new([(HostId(1), "a".to_owned()), (HostId(2), "b".to_owned())])
    }

    fn sample(instance: &str, value: Option<f64>) -> Sample {
        let labels = BTreeMap::from([("instance".to_owned(), instance.to_owned())]);
        Sample { labels, evaluated: 100.0, value }
    }

    fn column(of: &[(u128, f64)]) -> Column {
        let hosts = of.iter().map(|(host, value)| (HostId(*host), (*value, 100.0))).collect();
        Column { hosts, strangers: 0 }
    }

    #[test]
    fn strangers_and_numbers_that_are_none_are_counted() {
        let samples = vec![sample("a:9100", Some(1.0)), sample("z", Some(1.0)), sample("b", None)];
        let column = gathered(samples, "instance", &hosts()).unwrap();
        assert_eq!((column.hosts.len(), column.strangers), (1, 2));
        let twice = vec![sample("a:1", Some(1.0)), sample("a:2", Some(1.0))];
        let error = gathered(twice, "instance", &hosts()).unwrap_err().to_string();
        assert!(error.contains("sum by (instance)"), "{error}");
    }

    #[test]
    fn a_host_counts_if_every_query_speaks_of_it() {
        let ages = column(&[(1, 90.0), (2, 100.0)]);
        let state =
            joined(&column(&[(1, 50.0), (2, 60.0)]), Some(&column(&[(1, 2.0)])), &ages, NOW);
        let SignalState::Answered { hosts, .. } = state else { panic!("{state:?}") };
        let measure = Measure::Ratio { errors: 2.0, requests: 50.0 };
        assert_eq!(hosts, [HostSignal { host: HostId(1), at: Timestamp(990_000), measure }]);
        let state = joined(&column(&[(1, 50.0)]), None, &column(&[]), NOW);
        assert_eq!(state, SignalState::Empty { at: NOW, strangers: 0 });
    }
}

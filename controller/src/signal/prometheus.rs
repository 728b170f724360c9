//! Instant queries of Prometheus's HTTP API, as far as they are needed.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>

use std::collections::BTreeMap;

use hyper::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::config::Url;
use crate::outbound::{Client, OutboundError, Request};

/// Bytes of an answer: about 100 for each series.
pub(super) const ANSWER: usize = 32 << 20;
/// Series in an answer.
const SERIES: usize = 200_000;
/// Characters of an error that are shown.
const SHOWN: usize = 300;

#[derive(Deserialize)]
struct Response {
    status: String,
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Row>),
    Matrix(IgnoredAny),
    Scalar(IgnoredAny),
    String(IgnoredAny),
}

#[derive(Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: BTreeMap<String, String>,
    /// The moment of evaluation by Prometheus's clock, in seconds since 1970.
    pub(super) evaluated: f64,
    /// The number; what is not finite is none.
    pub(super) value: Option<f64>,
}

/// Asks one query, evaluated now by Prometheus's own clock.
pub(super) async fn query(
    client: &Client,
    url: &Url,
    promql: &str,
) -> Result<Vec<Sample>, OutboundError> {
    let body = format!("query={}", encoded(promql)).into_bytes();
    let request = Request {
        method: Method::POST,
        url: url.join("/api/v1/query"),
        headers: Vec::new(),
        body: Some(("application/x-www-form-urlencoded", body)),
    };
    let answer = client.ask(request).await?;
    match parse(&answer.body) {
        // An error of Prometheus says more than its status.
        Err(error) if answer.status.is_success() || !matches!(error, Bad::Shape(_)) => {
            Err(OutboundError::Answer(error.into_text()))
        }
        parsed => {
            let parsed = parsed.map_err(|error| OutboundError::Answer(error.into_text()));
            answer.success().and(parsed)
        }
    }
}

#[derive(Debug, PartialEq)]
enum Bad {
    Shape(String),
    Said(String),
}

impl Bad {
    fn into_text(self) -> String {
        match self {
            Self::Shape(text) | Self::Said(text) => text,
        }
    }
}

fn parse(body: &[u8]) -> Result<Vec<Sample>, Bad> {
    let response: Response =
        serde_json::from_slice(body).map_err(|error| Bad::Shape(error.to_string()))?;
    if response.status != "success" {
        let said = response.error.unwrap_or_else(|| format!("status {}", response.status));
        return Err(Bad::Said(said.chars().take(SHOWN).collect()));
    }
    let rows = match response.data {
        Some(Data::Vector(rows)) => rows,
        Some(Data::Matrix(_) | Data::Scalar(_) | Data::String(_)) => {
            return Err(Bad::Said("the query gives no vector: one number per series".to_owned()));
        }
        None => return Err(Bad::Shape("there is no data in it".to_owned())),
    };
    if rows.len() > SERIES {
        return Err(Bad::Said(format!("{} series, but at most {SERIES} are taken", rows.len())));
    }
    Ok(rows
        .into_iter()
        .map(|Row { metric, value: (evaluated, text) }| Sample {
            labels: metric,
            evaluated,
            value: text.parse().ok().filter(|value: &f64| value.is_finite()),
        })
        .collect())
}

/// As in a form: everything but letters and digits as `%XX`.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_vectors_and_nothing_else() {
        let vector = br#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"instance":"a:1"},"value":[1.5,"2"]},
            {"metric":{},"value":[1.5,"NaN"]},{"metric":{},"value":[1.5,"+Inf"]}]}}"#;
        let samples = parse(vector).unwrap();
        let values: Vec<Option<f64>> = samples.iter().map(|sample| sample.value).collect();
        assert_eq!(values, [Some(2.0), None, None]);
        assert_eq!(samples[0].labels["instance"], "a:1");
        let scalar = br#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#;
        assert!(matches!(parse(scalar), Err(Bad::Said(_))));
        let error = br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        assert_eq!(parse(error), Err(Bad::Said("parse error".to_owned())));
        for bad in [&b"<html>"[..], b"{}", br#"{"status":"success"}"#] {
            assert!(matches!(parse(bad), Err(Bad::Shape(_))));
        }
    }

    #[test]
    fn a_query_survives_the_form() {
        assert_eq!(encoded("a{b=\"c\"} + 1"), "a%7Bb%3D%22c%22%7D%20%2B%201");
    }
}

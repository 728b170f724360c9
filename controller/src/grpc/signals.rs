//! Signals of outside sources.

use tonic::Status;
use wavegate_common::SignalReading;

use super::api::Api;
use super::near::suggestion;
use super::status::{of_refusal, of_stopped};
use crate::driver::Refusal;

impl Api {
    pub(super) async fn ask_source(&self, source: String) -> Result<SignalReading, Status> {
        let reading = self.board.ask(&source, &self.driver).await.map_err(of_stopped)?;
        reading.ok_or_else(|| {
            let look = "`wavegate signal list` shows all";
            let more = suggestion(&source, self.board.names(), look);
            of_refusal(&Refusal::NotFound(format!(
                "there is no source `{source}` in the controller's configuration; {more}"
            )))
        })
    }
}

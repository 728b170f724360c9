//! What went wrong, as the status of a call. The one place where codes are chosen.

use tonic::Status;

use crate::artifact::ArtifactError;
use crate::driver::{Refusal, Stopped};
use crate::store::StoreError;
use crate::trust::TrustError;

pub(super) fn of_refusal(refusal: &Refusal) -> Status {
    match refusal {
        Refusal::NotFound(why) => Status::not_found(why),
        Refusal::Invalid(why) => Status::invalid_argument(why),
        Refusal::NotNow(why) => Status::failed_precondition(why),
        Refusal::Taken(why) => Status::already_exists(why),
        Refusal::Moved(why) => Status::aborted(why),
        Refusal::Unavailable(why) => Status::unavailable(why),
    }
}

pub(super) fn of_store(error: &StoreError) -> Status {
    let why = error.to_string();
    match error {
        StoreError::Refused(_) => Status::permission_denied(why),
        StoreError::Closed | StoreError::Conflict { .. } => Status::unavailable(why),
        _ if error.is_full() => Status::resource_exhausted(why),
        _ => Status::internal(why),
    }
}

pub(super) fn of_stopped(stopped: Stopped) -> Status {
    Status::unavailable(stopped.to_string())
}

pub(super) fn of_artifact(error: &ArtifactError) -> Status {
    let why = error.to_string();
    match error {
        ArtifactError::Unknown(_) => Status::not_found(why),
        ArtifactError::Beyond { .. } => Status::out_of_range(why),
        ArtifactError::Gap { .. } | ArtifactError::Busy(_) => Status::failed_precondition(why),
        ArtifactError::Length { .. } | ArtifactError::Digest { .. } | ArtifactError::Size(_) => {
            Status::invalid_argument(why)
        }
        ArtifactError::Disk { .. } if error.is_full() => Status::resource_exhausted(why),
        ArtifactError::Disk { .. } => Status::internal(why),
    }
}

pub(super) fn of_trust(error: &TrustError) -> Status {
    match error {
        TrustError::Request(_) | TrustError::Name { .. } => {
            Status::invalid_argument(error.to_string())
        }
        _ => Status::internal(error.to_string()),
    }
}

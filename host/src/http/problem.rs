//! Every error a client can meet, and the one place that gives it a status.
//!
//! # Shape
//! RFC 9457: `{"type":"urn:countersign:problem:unknown_user","title":..,"status":404,"detail":..,"code":"unknown_user"}`
//! as `application/problem+json`. The code is stable; title and detail are for people. Causes stay in the log.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use contract::digest::Digest;
use contract::ids::{EntityId, IdError, ModelName, ModelVersion};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Denied;
use crate::registry::{OrderRefused, Reason, VersionState};
use crate::store::StoreError;

use super::ingest::BadLine;
use super::models::ScoreFault;
use super::openapi::Shape;
use super::routes::Form;

/// The most characters of a detail: it may quote the request.
const DETAIL_CHARS_MAX: usize = 400;

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No route has this path.
    #[error("there is no such path; /openapi.json lists those there are")]
    UnknownRoute,
    /// The route has other methods.
    #[error("this path does not take this method; the `allow` header names those it takes")]
    MethodNotAllowed,
    /// The path or the query is not text.
    #[error("the request's path or query cannot be read: {0}")]
    BadRequest(String),
    /// An id or a name in the path or query is none.
    #[error(transparent)]
    BadId(#[from] IdError),
    /// The store has no record of the user.
    #[error("no features are stored for user {0}; publish them first")]
    UnknownUser(EntityId),
    /// The registry has never seen a module of that name.
    #[error("no model is called `{0}`")]
    UnknownModel(ModelName),
    /// No model is live, for a reason of its own or since none was approved yet.
    #[error("{}", no_live_model(.0.as_ref()))]
    NoLiveModel(Option<Reason>),
    /// The model has no version of that number.
    #[error("the model has no version {0}; /v1/models lists those it has")]
    UnknownVersion(ModelVersion),
    /// The version is not ready to answer.
    #[error(
        "version {version} is {state} and not kept ready: those that are stand in /v1/models as live, canary, shadow or standby"
    )]
    VersionNotServed {
        /// The version.
        version: ModelVersion,
        /// What became of it.
        state: VersionState,
    },
    /// The user's features are too old to be predicted from.
    #[error(
        "the features of user {user} are {age_seconds} seconds old, more than this host allows: publish newer ones"
    )]
    FeaturesTooOld {
        /// The user.
        user: EntityId,
        /// Their age.
        age_seconds: i64,
    },
    /// An operator's order cannot be carried out.
    #[error(transparent)]
    Order(#[from] OrderRefused),
    /// An operator's order is none.
    #[error("the order cannot be read: {0}")]
    BadOrder(String),
    /// A body is of another type.
    #[error("send the body as JSON, with `content-type: application/json`")]
    NotJson,
    /// A body is no JSON of the shape the route takes.
    #[error("the body cannot be read: {0}")]
    BadBody(String),
    /// A row's features are not those of the view.
    #[error("row {row}: {error}")]
    BadRow {
        /// The row's place, from 0.
        row: usize,
        /// What is wrong with it.
        error: String,
    },
    /// More rows or ids are asked about than a request takes.
    #[error("there are {count} rows, a request takes {rows_max}: send several smaller ones")]
    TooManyRows {
        /// How many there are.
        count: usize,
        /// The bound.
        rows_max: usize,
    },
    /// The threads for batches are busy.
    #[error("too many batches are waiting already: send this one again in a second")]
    BatchesBusy,
    /// As many requests are in work as may be.
    #[error("{requests_max} requests are in work already: send this one again in a second")]
    RequestsBusy {
        /// The bound.
        requests_max: usize,
    },
    /// The client sends more than it may.
    #[error("this client sends more requests than it may: send this one again in {} ms", .wait.as_millis().max(1))]
    TooFast {
        /// How long to wait.
        wait: Duration,
    },
    /// The prediction cannot be logged, and must be.
    #[error("predictions cannot be logged just now, and this host answers none that is not: try again in a second")]
    Unlogged,
    /// Several models are live, and none is the default.
    #[error("several models are live: name one with ?model=")]
    ModelNeeded,
    /// The record was made for another view than the host serves.
    #[error("the user's features follow view {record}, the host serves {wanted}: publish the features again")]
    ViewMismatch {
        /// The record's view.
        record: Digest,
        /// The host's.
        wanted: Digest,
    },
    /// The model did not answer.
    #[error("the model could not score this row; the host's log says why")]
    Score(#[from] ScoreFault),
    /// The store did not answer.
    #[error("{}", store_detail(.0))]
    Store(#[from] StoreError),
    /// The body is larger than a batch may be.
    #[error("the body has more than {bytes_max} bytes: send several smaller batches")]
    BodyTooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// The batch has more records than a batch may have.
    #[error("the batch has more than {records_max} records: send several smaller batches")]
    TooManyRecords {
        /// The bound.
        records_max: usize,
    },
    /// The body ended early or could not be read.
    #[error("the body could not be read to its end; nothing was written")]
    BodyBroken,
    /// The body took too long.
    #[error("the body did not arrive in time; nothing was written")]
    BodyTimeout,
    /// The body is of another type.
    #[error("send one JSON record a line, as `content-type: application/x-ndjson`, not compressed")]
    MediaType,
    /// The body holds no record.
    #[error("the batch holds no record: send one JSON record a line")]
    EmptyBatch,
    /// Lines of the body are no records.
    #[error("{bad} of {received} lines are no feature record; nothing was written")]
    BadLines {
        /// How many lines are bad.
        bad: usize,
        /// How many lines there are.
        received: usize,
        /// The first of them.
        errors: Vec<BadLine>,
    },
    /// Enough batches are in work.
    #[error("{writes_max} batches are in work already: send this one again in a second")]
    WritesBusy {
        /// The bound.
        writes_max: usize,
    },
    /// Enough bodies are in memory.
    #[error("too many batches are being sent at once: send this one again in a second")]
    BodiesBusy,
    /// Enough connections are open.
    #[error("{connections_max} connections are open already: try again in a second")]
    ConnectionsBusy {
        /// The bound.
        connections_max: usize,
    },
    /// A fault of the host's own.
    #[error("the host failed; its log says why")]
    Internal,
}

/// What the client reads: RFC 9457.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
struct Document<'a> {
    r#type: String,
    /// What happened, for people.
    title: &'a str,
    status: u16,
    /// What happened here, for people.
    detail: String,
    /// What happened, for programs: it stays the same.
    code: &'a str,
    /// The lines of a batch that are wrong, the first twenty.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [BadLine],
    /// The reason behind the problem, where that has a code of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
}

impl Problem {
    /// Gives the status, the stable code and the title.
    pub fn class(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Denied(Denied::NoTokens) => (S::FORBIDDEN, "no_tokens", "this host was started without tokens"),
            Self::Denied(Denied::ForeignOrigin) => (S::FORBIDDEN, "foreign_origin", "a page of another origin"),
            Self::Denied(Denied::Needed) => (S::UNAUTHORIZED, "token_needed", "a token is needed"),
            Self::Denied(Denied::Unknown) => (S::UNAUTHORIZED, "unknown_token", "unknown token"),
            Self::Denied(Denied::Expired) => (S::UNAUTHORIZED, "token_expired", "the token has expired"),
            Self::Denied(Denied::Role { .. }) => (S::FORBIDDEN, "role_needed", "the token is for something else"),
            Self::UnknownRoute => (S::NOT_FOUND, "unknown_route", "no such path"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method_not_allowed", "method not allowed"),
            Self::BadRequest(_) => (S::BAD_REQUEST, "bad_request", "the request cannot be read"),
            Self::BadId(IdError::Entity(_)) => (S::BAD_REQUEST, "bad_user_id", "not a user id"),
            Self::BadId(IdError::Version(_)) => (S::BAD_REQUEST, "bad_version", "not a version"),
            Self::BadId(_) => (S::BAD_REQUEST, "bad_name", "not a model name"),
            Self::UnknownUser(_) => (S::NOT_FOUND, "unknown_user", "unknown user"),
            Self::UnknownModel(_) => (S::NOT_FOUND, "unknown_model", "unknown model"),
            Self::NoLiveModel(_) => (S::SERVICE_UNAVAILABLE, "no_live_model", "no live model"),
            Self::UnknownVersion(_) => (S::NOT_FOUND, "unknown_version", "unknown version"),
            Self::VersionNotServed { .. } => (S::CONFLICT, "version_not_served", "the version is not kept ready"),
            Self::FeaturesTooOld { .. } => (S::CONFLICT, "features_too_old", "the features are too old"),
            Self::BadBody(_) => (S::BAD_REQUEST, "bad_body", "the body cannot be read"),
            Self::BadRow { .. } => (S::BAD_REQUEST, "bad_features", "not the features of the view"),
            Self::TooManyRows { .. } => (S::BAD_REQUEST, "too_many_rows", "too many rows"),
            Self::RequestsBusy { .. } => (S::SERVICE_UNAVAILABLE, "requests_busy", "too many requests in work"),
            Self::TooFast { .. } => (S::TOO_MANY_REQUESTS, "too_fast", "too many requests of this client"),
            Self::Unlogged => (S::SERVICE_UNAVAILABLE, "log_unwritable", "predictions cannot be logged"),
            Self::BatchesBusy => (S::SERVICE_UNAVAILABLE, "batches_busy", "too many batches"),
            Self::Order(refused) => order_class(refused),
            Self::BadOrder(_) => (S::BAD_REQUEST, "bad_order", "not an order"),
            Self::NotJson => (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "unsupported media type"),
            Self::ModelNeeded => (S::BAD_REQUEST, "model_needed", "several models are live"),
            Self::ViewMismatch { .. } => {
                (S::SERVICE_UNAVAILABLE, "view_mismatch", "features and model follow different views")
            }
            Self::Score(_) => (S::INTERNAL_SERVER_ERROR, "score_failed", "the model failed"),
            Self::Store(StoreError::Corrupt { .. }) => {
                (S::INTERNAL_SERVER_ERROR, "store_corrupt", "a stored record is damaged")
            }
            Self::Store(_) => (S::INTERNAL_SERVER_ERROR, "store_failed", "the store failed"),
            Self::BodyTooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "body_too_large", "body too large"),
            Self::TooManyRecords { .. } => (S::PAYLOAD_TOO_LARGE, "too_many_records", "too many records"),
            Self::BodyBroken => (S::BAD_REQUEST, "body_broken", "body cut short"),
            Self::BodyTimeout => (S::REQUEST_TIMEOUT, "body_timeout", "body too slow"),
            Self::MediaType => (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "unsupported media type"),
            Self::EmptyBatch => (S::BAD_REQUEST, "empty_batch", "empty batch"),
            Self::BadLines { .. } => (S::BAD_REQUEST, "bad_records", "bad records"),
            Self::WritesBusy { .. } => (S::SERVICE_UNAVAILABLE, "writes_busy", "too many writes"),
            Self::BodiesBusy => (S::SERVICE_UNAVAILABLE, "bodies_busy", "too many bodies"),
            Self::ConnectionsBusy { .. } => (S::SERVICE_UNAVAILABLE, "connections_busy", "too many connections"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "internal error"),
        }
    }

    /// Gives what happened, in words for a person.
    pub fn detail(&self) -> String {
        self.to_string().chars().take(DETAIL_CHARS_MAX).collect()
    }

    /// The form of our own routes.
    pub fn form() -> Form {
        Form { tell: Self::plainly, shape: Shape::of::<Document<'_>>("application/problem+json") }
    }

    /// Answers in the form of our own routes.
    pub fn plainly(&self) -> Response<Body> {
        let (status, code, title) = self.class();
        let body = Document {
            r#type: format!("urn:countersign:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: self.detail(),
            code,
            errors: self.errors(),
            reason: self.reason(),
        };
        self.document("application/problem+json", &body)
    }

    /// Answers with a document of another protocol.
    pub fn respond(&self, document: &impl Serialize) -> Response<Body> {
        self.document("application/json", document)
    }

    fn document(&self, media_type: &'static str, document: &impl Serialize) -> Response<Body> {
        let bytes = serde_json::to_vec(document).expect("a problem is plain data");
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = self.class().0;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Self::Denied(Denied::Needed | Denied::Unknown | Denied::Expired) = self {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"countersign\""));
        }
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// Gives after how many seconds it is worth trying again, where time alone helps.
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::WritesBusy { .. } | Self::BodiesBusy | Self::BatchesBusy => Some(1),
            Self::ConnectionsBusy { .. } | Self::RequestsBusy { .. } | Self::Unlogged => Some(1),
            Self::TooFast { wait } => Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)),
            Self::NoLiveModel(_) => Some(5),
            Self::Order(OrderRefused::Busy) => Some(1),
            _ => None,
        }
    }

    fn errors(&self) -> &[BadLine] {
        if let Self::BadLines { errors, .. } = self { errors } else { &[] }
    }

    fn reason(&self) -> Option<&Reason> {
        match self {
            Self::NoLiveModel(reason) => reason.as_ref(),
            Self::Order(OrderRefused::Unusable { reason, .. }) => Some(reason),
            _ => None,
        }
    }

    /// Writes the cause of a fault to the log; refusals are the caller's business and only counted.
    pub fn log(&self, route: &str, request_id: &str) {
        match self {
            Self::Score(fault) => tracing::error!(request_id, route, error = chain(fault), "a score failed"),
            Self::Store(error) => tracing::error!(request_id, route, error = chain(error), "the store failed"),
            Self::Internal => tracing::error!(request_id, route, "a request failed"),
            _ => tracing::debug!(request_id, route, code = self.class().1, "refused"),
        }
    }
}

impl IntoResponse for Problem {
    /// Hands the problem to what stands around every route, which writes it in the route's form.
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

fn order_class(refused: &OrderRefused) -> (StatusCode, &'static str, &'static str) {
    use StatusCode as S;
    match refused {
        OrderRefused::UnknownModel(_) => (S::NOT_FOUND, "unknown_model", "unknown model"),
        OrderRefused::UnknownVersion(_) => (S::NOT_FOUND, "unknown_version", "unknown version"),
        OrderRefused::Unusable { .. } => (S::CONFLICT, "version_unusable", "the version cannot serve"),
        OrderRefused::Contradiction(_) => (S::CONFLICT, "order_contradicts", "the order contradicts itself"),
        OrderRefused::NothingBefore(_) | OrderRefused::NothingLive => {
            (S::CONFLICT, "nothing_to_roll_back_to", "nothing to roll back to")
        }
        OrderRefused::Superseded => (S::CONFLICT, "order_superseded", "another order came in between"),
        OrderRefused::Ledger(_) => (S::SERVICE_UNAVAILABLE, "ledger_unwritable", "the order cannot be remembered"),
        OrderRefused::Busy => (S::SERVICE_UNAVAILABLE, "registry_busy", "the registry is busy"),
    }
}

fn no_live_model(reason: Option<&Reason>) -> String {
    match reason {
        Some(reason) => format!("no model is live: {}", reason.message),
        None => "no model is live: approve one, and see /v1/models for what was refused".to_owned(),
    }
}

/// Says of a store's error what helps the caller; the rest stays in the log.
fn store_detail(error: &StoreError) -> String {
    match error {
        StoreError::Corrupt { .. } => error.to_string(),
        _ => "the store failed; the host's log says why".to_owned(),
    }
}

/// Gives an error with all its causes, in one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

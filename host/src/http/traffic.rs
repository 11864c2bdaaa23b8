//! What operators ask for: which version answers whom.
//!
//! - `PUT /v1/models/{name}/traffic` with `{"live":7,"canary":{"version":8,"percent":5},"shadow":9}` sets all of it; what is
//!   left out is not wanted any more. `{}` lets the newest version go live by itself again.
//! - `POST /v1/models/{name}/rollback`, with nothing or `{"to":6}`, goes back to the version before and pins it.
//!
//! Both answer with the model's state when the order has been carried out and is on disk.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use contract::ids::{ModelName, ModelVersion};
use serde::Deserialize;
use utoipa::ToSchema;

use super::identity::RequestId;
use super::openapi as schema;
use super::problem::Problem;
use super::{App, body, json_response, models};
use crate::access::Principal;
use crate::registry::{Order, OrderRefused};

/// The most bytes of an order; a real one has a hundred.
const ORDER_BYTES_MAX: usize = 4 << 10;

/// Where to go back to.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The version; without it the one that was live before.
    #[schema(value_type = Option<schema::Version>)]
    to: Option<ModelVersion>,
}

/// Answers `GET /v1/models/{name}/traffic`.
pub async fn show(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response<Body>, Problem> {
    let name = models::named(name)?;
    let model = app.models.show(&name).ok_or(Problem::UnknownModel(name))?;
    Ok(json_response(&model.traffic))
}

/// Answers `PUT /v1/models/{name}/traffic`.
pub async fn set(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let name = models::named(name)?;
    let giver = Giver::of(&request);
    let traffic = body::object(&app, request, ORDER_BYTES_MAX, Problem::BadOrder).await?;
    let traffic = traffic.ok_or_else(|| Problem::BadOrder("the body is empty".to_owned()))?;
    carry_out(&app, giver, name, Order::Traffic(traffic)).await
}

/// Answers `POST /v1/models/{name}/rollback`.
pub async fn roll_back(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let name = models::named(name)?;
    let giver = Giver::of(&request);
    let order = body::object(&app, request, ORDER_BYTES_MAX, Problem::BadOrder).await?;
    let Rollback { to } = order.unwrap_or_default();
    carry_out(&app, giver, name, Order::Rollback { to }).await
}

/// Who gives an order, and with which request: it stands in the log, where an order is asked about later.
struct Giver {
    principal: Option<Arc<Principal>>,
    request: Option<RequestId>,
}

impl Giver {
    fn of(request: &Request) -> Self {
        Self { principal: request.extensions().get().cloned(), request: request.extensions().get().cloned() }
    }
}

async fn carry_out(app: &Arc<App>, giver: Giver, name: ModelName, order: Order) -> Result<Response<Body>, Problem> {
    let token = giver.principal.as_ref().map_or("none needed", |principal| &principal.name);
    let request_id = giver.request.as_ref().map_or("", |id| &id.0);
    tracing::info!(token, request_id, model = %name, ?order, "an order is given");
    // The registry carries it out whether or not the client waits for the answer.
    app.models.order(&name, order).await.unwrap_or(Err(OrderRefused::Busy))?;
    models::status(app, name)
}

//! What operators ask for: which version answers whom.
//!
//! - `PUT /v1/models/{name}/traffic` with `{"live":7,"canary":{"version":8,"percent":5},"shadow":9}` sets all of it; what is
//!   left out is not wanted any more. `{}` lets the newest version go live by itself again.
//! - `POST /v1/models/{name}/rollback`, with nothing or `{"to":6}`, goes back to the version before and pins it.
//!
//! Both answer with the model's state when the order has been carried out and is on disk.

use std::sync::Arc;

use axum::Extension;
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
    giver: Giver,
    Extension(id): Extension<RequestId>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let name = models::named(name)?;
    let traffic = body::object(&app, request, ORDER_BYTES_MAX, Problem::BadOrder).await?;
    let traffic = traffic.ok_or_else(|| Problem::BadOrder("the body is empty".to_owned()))?;
    carry_out(&app, giver, &id, name, Order::Traffic(traffic)).await
}

/// Answers `POST /v1/models/{name}/rollback`.
pub async fn roll_back(
    State(app): State<Arc<App>>,
    giver: Giver,
    Extension(id): Extension<RequestId>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let name = models::named(name)?;
    let order = body::object(&app, request, ORDER_BYTES_MAX, Problem::BadOrder).await?;
    let Rollback { to } = order.unwrap_or_default();
    carry_out(&app, giver, &id, name, Order::Rollback { to }).await
}

/// Whose token came with an order; none where none was needed.
type Giver = Option<Extension<Arc<Principal>>>;

async fn carry_out(
    app: &Arc<App>,
    giver: Giver,
    id: &RequestId,
    name: ModelName,
    order: Order,
) -> Result<Response<Body>, Problem> {
    // Where an order is asked about later.
    let token = giver.as_ref().map_or("none needed", |giver| &giver.name);
    tracing::info!(token, request_id = &*id.0, model = %name, ?order, "an order is given");
    // The registry carries it out whether or not the client waits for the answer.
    app.models.order(&name, order).await.unwrap_or(Err(OrderRefused::Busy))?;
    models::status(app, name)
}

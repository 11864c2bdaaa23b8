//! Which model and version answers a request: what the query asks for, and what is there.

use std::sync::Arc;

use contract::digest::Digest;
use contract::ids::{EntityId, ModelName, ModelVersion};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::models::{Live, Routed};
use super::openapi as schema;
use super::problem::Problem;
use crate::registry::Role;

/// What a request asks for: `?model=NAME&version=NUMBER`, each or none.
#[derive(Debug, Default, PartialEq)]
pub struct Asked {
    /// The model; without it the default one.
    pub model: Option<ModelName>,
    /// The version; without it the one that answers the user.
    pub version: Option<ModelVersion>,
}

impl Asked {
    /// Reads a query. Names and numbers need no percent sign, so none is decoded.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] for any other parameter or one that stands twice, [`Problem::BadId`] for a bad value.
    pub fn read(query: Option<&str>) -> Result<Self, Problem> {
        let mut asked = Self::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("model", name)) if asked.model.is_none() => asked.model = Some(name.parse()?),
                Some(("version", number)) if asked.version.is_none() => asked.version = Some(number.parse()?),
                _ => {
                    let said = "the parameters here are `model` and `version`, each once, as NAME=VALUE";
                    return Err(Problem::BadRequest(said.to_owned()));
                }
            }
        }
        Ok(asked)
    }
}

/// What answers one request, from its entry to its end: whatever goes live meanwhile, it keeps this.
pub struct Choice {
    route: Arc<dyn Routed>,
    version: Option<Arc<dyn Live>>,
}

impl Choice {
    /// Finds what was asked for.
    ///
    /// # Errors
    /// [`Problem`], which says what is not there, and why.
    pub fn make(app: &App, asked: &Asked) -> Result<Self, Problem> {
        let route = app.models.route(asked.model.as_ref()).ok_or_else(|| absent(app, asked.model.as_ref()))?;
        let version = match asked.version {
            Some(version) => Some(route.version(version).ok_or_else(|| unusable(app, &*route, version))?),
            None => None,
        };
        Ok(Self { route, version })
    }

    /// Gives the version that answers a user, or a request that is about no user.
    pub fn of(&self, user: Option<EntityId>) -> Arc<dyn Live> {
        match &self.version {
            Some(version) => Arc::clone(version),
            None => self.route.live(user),
        }
    }
}

/// The version that answered, as answers name it.
#[derive(Serialize, ToSchema)]
pub struct Answerer<'a> {
    #[schema(value_type = schema::Name)]
    name: &'a ModelName,
    #[schema(value_type = schema::Version)]
    version: ModelVersion,
    /// The digest of the module.
    #[schema(value_type = schema::Sha256Text)]
    digest: Digest,
    /// Whether this version answers everyone, a share of the users as a canary, or was asked for by its number.
    role: Role,
}

impl<'a> From<&'a dyn Live> for Answerer<'a> {
    fn from(live: &'a dyn Live) -> Self {
        let card = live.card();
        Self { name: &card.model, version: card.version, digest: live.digest(), role: live.role() }
    }
}

/// Says why no model answers.
fn absent(app: &App, name: Option<&ModelName>) -> Problem {
    if let Some(name) = name {
        return match app.models.show(name) {
            Some(status) => Problem::NoLiveModel(status.unavailable),
            None => Problem::UnknownModel(name.clone()),
        };
    }
    if app.models.ready().is_ok() {
        return Problem::ModelNeeded;
    }
    // Of several models each may have its own reason; /v1/models tells them apart.
    let mut reasons = app.models.list().into_iter().filter_map(|model| model.unavailable);
    match (reasons.next(), reasons.next()) {
        (only, None) => Problem::NoLiveModel(only),
        _ => Problem::NoLiveModel(None),
    }
}

/// Says why a version does not answer.
fn unusable(app: &App, route: &dyn Routed, version: ModelVersion) -> Problem {
    let live = route.live(None);
    let model = app.models.show(&live.card().model);
    let known = model.and_then(|model| model.versions.into_iter().find(|about| about.version == Some(version.get())));
    match known {
        Some(about) => Problem::VersionNotServed { version, state: about.state },
        None => Problem::UnknownVersion(version),
    }
}

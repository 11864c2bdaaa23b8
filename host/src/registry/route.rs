//! Where a request goes: to the live version, or to the canary if its user is of that share; the shadow listens.

use std::fmt;
use std::sync::Arc;

use contract::ids::{EntityId, ModelName, ModelVersion};
use serde::Serialize;
use utoipa::ToSchema;

use super::live::LiveModel;
use super::shadow::Shadow;
use super::traffic::Canary;
use crate::engine::ScoreError;

/// The versions of one model that take part in traffic, as of one moment.
pub struct Route {
    pub(super) model: ModelName,
    /// What answers.
    pub(super) live: Arc<Serving>,
    /// What answers a share of the users.
    pub(super) canary: Option<(Canary, Arc<Serving>)>,
    /// Every version that is compiled and may run, for who asks for it by its number.
    pub(super) versions: Vec<Arc<Serving>>,
}

/// A version that answers, and in which role.
pub struct Serving {
    model: Arc<LiveModel>,
    role: Role,
    shadow: Option<Arc<Shadow>>,
}

/// In which role a version answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ModelRole)]
pub enum Role {
    /// It answers everyone, or all but the canary's users.
    Live,
    /// It answers a share of the users.
    Canary,
    /// It answers since it was asked for by its number.
    Requested,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Canary => "canary",
            Self::Requested => "requested",
        })
    }
}

impl Route {
    /// Gives the version that answers a user; without one, the live version.
    pub fn serving(&self, user: Option<EntityId>) -> &Arc<Serving> {
        match (&self.canary, user) {
            (Some((canary, serving)), Some(user)) if canary.takes(&self.model, user) => serving,
            _ => &self.live,
        }
    }

    /// Gives a version by its number, where it is compiled and may run.
    pub fn version(&self, version: ModelVersion) -> Option<&Arc<Serving>> {
        self.versions.iter().find(|serving| serving.model().version() == version)
    }
}

impl Serving {
    pub(super) fn new(model: Arc<LiveModel>, role: Role, shadow: Option<Arc<Shadow>>) -> Arc<Self> {
        Arc::new(Self { model, role, shadow })
    }

    /// Gives the version.
    pub fn model(&self) -> &Arc<LiveModel> {
        &self.model
    }

    /// Gives the role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Scores rows on the calling thread; meant for small calls. The shadow gets each row, after the answer is there.
    ///
    /// # Errors
    /// [`ScoreError`]; see [`LiveModel::score`].
    pub fn score(&self, rows: &[f64]) -> Result<Vec<f64>, ScoreError> {
        let scores = self.model.score(rows)?;
        if let Some(shadow) = &self.shadow {
            let rows = rows.chunks(self.model.compiled().width());
            rows.zip(&scores).for_each(|(row, &score)| shadow.offer(&self.model, row, score));
        }
        Ok(scores)
    }
}

//! `POST /v1/predictions`: many users at once, in the order asked for.
//!
//! # Shape
//! `{"user_ids":[5008804,5008806],"features":true}` gives `{"predictions":[..]}`, each as `GET /v1/users/{id}/prediction` gives it,
//! with its features where they are wanted; who cannot be predicted has `{"user_id":..,"error":{"code":..,"detail":..}}` in its
//! place. With `accept: application/x-ndjson` the same comes a line each, as it is scored. All are answered by the versions
//! of one moment.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use contract::ids::EntityId;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::batch::checked;
use super::choice::{Asked, Choice};
use super::identity::RequestId;
use super::lookup::{Found, Row};
use super::models::Live;
use super::openapi as schema;
use super::problem::Problem;
use super::users::Prediction;
use super::{App, body, spans};
use crate::engine::CHUNK_ROWS;

/// The most bytes of a question: 10,000 of the longest ids.
const QUESTION_BYTES_MAX: usize = 256 << 10;
/// The users of one piece of work: a millisecond or two on a batch thread.
const PART_USERS: usize = 1000;
/// The most faults in a part after which its other rows are not tried one by one any more.
const FAULTS_MAX: usize = 8;
/// Where these are asked for, as the log has it.
const ROUTE: &str = "/v1/predictions";
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// Who is asked about.
#[derive(Deserialize, ToSchema)]
#[schema(as = PredictionsQuestion)]
#[serde(deny_unknown_fields)]
pub struct Question {
    #[schema(value_type = Vec<schema::UserId>, max_items = 10_000)]
    user_ids: Vec<EntityId>,
    /// Whether each prediction also shows the features it was made from.
    #[serde(default)]
    features: bool,
}

/// The answer about many users, as the description has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is written piece by piece")]
pub struct Predictions {
    predictions: Vec<Predicted>,
}

/// The answer about one of them.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Predicted {
    /// A prediction.
    Prediction(Prediction<'static>),
    /// Why there is none.
    Refused(Refused),
}

/// A user who cannot be predicted.
#[derive(Serialize, ToSchema)]
pub struct Refused {
    #[schema(value_type = schema::UserId)]
    user_id: EntityId,
    error: Why,
}

/// Why not.
#[derive(Serialize, ToSchema)]
struct Why {
    /// For programs: the code that a request about this user alone would get.
    code: &'static str,
    /// For people.
    detail: String,
}

/// How answers are set beside each other.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// A line each.
    Lines,
    /// As elements of one JSON list.
    List,
}

/// What all parts of an answer share.
struct Work {
    app: Arc<App>,
    id: RequestId,
    choice: Choice,
    features: bool,
    form: Form,
}

/// Answers `POST /v1/predictions`, with `?model=` and `?version=` or by what answers each user.
pub async fn predictions(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let asked = Asked::read(request.uri().query())?;
    let form = if wants_lines(request.headers()) { Form::Lines } else { Form::List };
    let request = body::check_room(&app, request).await?;
    let question: Option<Question> = body::object(&app, request, QUESTION_BYTES_MAX, Problem::BadBody).await?;
    let Question { user_ids, features } = question.ok_or_else(|| Problem::BadBody("it is empty".to_owned()))?;
    app.check_rows(user_ids.len())?;
    let choice = Choice::make(&app, &asked)?;
    // Whether there is room is known before the answer begins; its later parts wait for their turn.
    let place = app.batches.place()?;
    let work = Arc::new(Work { app, id, choice, features, form });
    match form {
        Form::List => list(work, &user_ids, place).await,
        Form::Lines => Ok(lines(work, user_ids, place)),
    }
}

async fn list(work: Arc<Work>, ids: &[EntityId], place: OwnedSemaphorePermit) -> Result<Response<Body>, Problem> {
    let mut bytes = b"{\"predictions\":[".to_vec();
    let mut place = Some(place);
    for (number, part) in ids.chunks(PART_USERS).enumerate() {
        if number > 0 {
            bytes.push(b',');
        }
        bytes.extend(work.clone().part(part.to_vec(), place.take()).await?);
    }
    bytes.extend(b"]}");
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Gives a part after the other, as the client takes them: one that reads slowly holds no thread and no place.
fn lines(work: Arc<Work>, ids: Vec<EntityId>, place: OwnedSemaphorePermit) -> Response<Body> {
    let parts: Vec<Vec<EntityId>> = ids.chunks(PART_USERS).map(<[EntityId]>::to_vec).collect();
    let parts = stream::unfold((parts.into_iter(), Some(place)), move |(mut parts, mut place)| {
        let work = Arc::clone(&work);
        async move {
            let part = parts.next()?;
            let lines = work.part(part, place.take()).await;
            // The head has gone: an answer that breaks off is the one way left to say that it is not whole.
            Some((lines, (parts, place)))
        }
    });
    let mut response = Response::new(Body::from_stream(parts));
    response.headers_mut().insert(CONTENT_TYPE, NDJSON);
    response
}

impl Work {
    /// Predicts some users on a batch thread.
    async fn part(
        self: Arc<Self>,
        ids: Vec<EntityId>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Vec<u8>, Problem> {
        let place = match place {
            Some(place) => place,
            None => self.app.batches.wait_for_place().await?,
        };
        let app = Arc::clone(&self.app);
        app.batches.run(place, move || self.predicted(&ids)).await?
    }

    fn predicted(&self, ids: &[EntityId]) -> Result<Vec<u8>, Problem> {
        let start = Instant::now();
        let found: Vec<_> = spans::features().in_scope(|| ids.iter().map(|&id| Found::fresh(&self.app, id)).collect());
        let mut scored: Vec<Option<Result<f64, Problem>>> = ids.iter().map(|_| None).collect();
        let read = start.elapsed();
        let answering = self.answering(ids, &found);
        let start = Instant::now();
        for (live, places) in &answering {
            self.score(&**live, places, &found, &mut scored);
        }
        let ages = found.iter().filter_map(|found| found.as_ref().ok()).map(|found| found.age_seconds);
        self.app.metrics.predicted(read, start.elapsed(), ages);
        self.app.keep(|now| {
            let (found, scored) = (&found, &scored);
            let of = move |live: &Arc<dyn Live>, place: usize| match (&found[place], &scored[place]) {
                (Ok(found), Some(Ok(score))) => Some(found.entry(now, &self.id, *score, live)),
                _ => None,
            };
            answering.iter().flat_map(move |(live, places)| places.iter().filter_map(move |&place| of(live, place)))
        })?;
        let live_of = |place: usize| answering.iter().find(|(_, places)| places.binary_search(&place).is_ok());
        let mut bytes = Vec::with_capacity(ids.len() * 400);
        for (place, ((&id, found), score)) in ids.iter().zip(&found).zip(scored).enumerate() {
            if place > 0 && self.form == Form::List {
                bytes.push(b',');
            }
            let written = match (found, score, live_of(place)) {
                (Ok(found), Some(Ok(score)), Some((live, _))) => {
                    let features = Row { view: self.app.view, values: &found.record.values };
                    let features = self.features.then_some(features);
                    serde_json::to_writer(&mut bytes, &Prediction::new(found, score, &**live, features))
                }
                (Err(problem), ..) => serde_json::to_writer(&mut bytes, &Refused::new(id, problem)),
                (_, Some(Err(problem)), _) => serde_json::to_writer(&mut bytes, &Refused::new(id, &problem)),
                _ => serde_json::to_writer(&mut bytes, &Refused::new(id, &Problem::Internal)),
            };
            written.expect("an answer is plain data");
            if self.form == Form::Lines {
                bytes.push(b'\n');
            }
        }
        Ok(bytes)
    }

    /// Gives the versions that answer, each with the places of its users in order.
    fn answering(&self, ids: &[EntityId], found: &[Result<Found, Problem>]) -> Vec<(Arc<dyn Live>, Vec<usize>)> {
        let mut answering: Vec<(Arc<dyn Live>, Vec<usize>)> = Vec::new();
        for (place, &id) in ids.iter().enumerate().filter(|&(place, _)| found[place].is_ok()) {
            let live = self.choice.of(Some(id));
            match answering.iter_mut().find(|(other, _)| other.digest() == live.digest()) {
                Some((_, places)) => places.push(place),
                None => answering.push((live, vec![place])),
            }
        }
        answering
    }

    /// Scores the rows of one version. Where a chunk fails its rows are tried one by one: a row is not to spoil others.
    fn score(
        &self,
        live: &dyn Live,
        places: &[usize],
        found: &[Result<Found, Problem>],
        scored: &mut [Option<Result<f64, Problem>>],
    ) {
        let width = self.app.view.width();
        let values = |place: usize| found[place].as_ref().map_or(&[][..], |found| &found.record.values);
        let mut faults = 0;
        for chunk in places.chunks(CHUNK_ROWS) {
            let rows: Vec<f64> = chunk.iter().flat_map(|&place| values(place)).copied().collect();
            match checked(live, &rows, width) {
                Ok(scores) => chunk.iter().zip(scores).for_each(|(&place, score)| scored[place] = Some(Ok(score))),
                Err(fault) if faults >= FAULTS_MAX || chunk.len() == 1 => {
                    faults += 1;
                    Problem::Score(fault.clone()).log(ROUTE, &self.id.0);
                    chunk.iter().for_each(|&place| scored[place] = Some(Err(Problem::Score(fault.clone()))));
                }
                Err(_) => {
                    for &place in chunk {
                        let score = match checked(live, values(place), width) {
                            Ok(scores) => Ok(scores[0]),
                            Err(fault) => {
                                faults += 1;
                                let problem = Problem::Score(fault);
                                problem.log(ROUTE, &self.id.0);
                                Err(problem)
                            }
                        };
                        scored[place] = Some(score);
                    }
                }
            }
        }
    }
}

impl Refused {
    fn new(user_id: EntityId, problem: &Problem) -> Self {
        Self { user_id, error: Why { code: problem.class().1, detail: problem.to_string() } }
    }
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').filter_map(|kind| kind.split(';').next()).any(|kind| kind.trim() == NDJSON)
}

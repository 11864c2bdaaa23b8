//! What is counted, and `GET /metrics`, which shows it as OpenMetrics text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::problem::Problem;
use super::{App, process};
use crate::mirror::MirrorFigures;
use crate::prediction_log::{LogFigures, PredictionLog};
use crate::registry::ShadowFigures;

/// Its path. It takes no request's place: a host that is overloaded is looked at all the more.
pub const PATH: &str = "/metrics";
/// The type of the page.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Upper ends of the duration buckets, in seconds: a prediction takes tens of microseconds, a batch up to a second.
const BUCKETS_S: [f64; 12] = [50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 250e-3, 1.0, 5.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: &'static str,
    status: u16,
}

/// Upper ends of the buckets of ages, in seconds: a day, a week, a month, a quarter, half a year, and years.
const AGES_S: [f64; 8] =
    [86_400.0, 604_800.0, 2_592_000.0, 7_776_000.0, 15_552_000.0, 31_536_000.0, 63_072_000.0, 157_680_000.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

type Labels = Vec<(&'static str, String)>;

/// What the HTTP side counts itself.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answer, Counter>,
    durations: Family<Route, Histogram>,
    turned_away: Family<Reason, Counter>,
    records_accepted: Counter,
    records_stale: Counter,
    features_read: Histogram,
    guest: Histogram,
    ages: Histogram,
}

impl Metrics {
    /// Starts at zero.
    pub fn new() -> Self {
        process::begin();
        let mut registry = Registry::with_prefix("countersign");
        let requests = Family::<Answer, Counter>::default();
        registry.register("http_requests", "Requests answered, by route and status", requests.clone());
        let durations = Family::<Route, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS_S));
        let help = "Time from a request's head to its answer";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, durations.clone());
        let turned_away = Family::<Reason, Counter>::default();
        let help = "Callers turned away before their request was one: too many connections, or no HTTP";
        registry.register("http_turned_away", help, turned_away.clone());
        let (records_accepted, records_stale) = (Counter::default(), Counter::default());
        registry.register("records_accepted", "Feature records written", records_accepted.clone());
        let help = "Feature records passed over, since a newer one of the user was there";
        registry.register("records_stale", help, records_stale.clone());
        let phases = Family::<Phase, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS_S));
        let help = "Time of the parts of predictions made together: reading features, and the guest";
        registry.register_with_unit("prediction_phase_duration", help, Unit::Seconds, phases.clone());
        let phase = |phase: &'static str| phases.get_or_create(&Phase { phase }).clone();
        let (features_read, guest) = (phase("features"), phase("guest"));
        let ages = Histogram::new(AGES_S);
        let help = "Age of the features that predictions were made from, since the day of the latest event";
        registry.register_with_unit("prediction_features_age", help, Unit::Seconds, ages.clone());
        Self { registry, requests, durations, turned_away, records_accepted, records_stale, features_read, guest, ages }
    }

    /// Counts the records of one batch.
    pub fn ingested(&self, accepted: u64, stale: u64) {
        self.records_accepted.inc_by(accepted);
        self.records_stale.inc_by(stale);
    }

    /// Counts the parts of predictions that were made together: reading features, and the guest; and how old the features were.
    pub fn predicted(&self, features: Duration, guest: Duration, ages_s: impl IntoIterator<Item = i64>) {
        self.features_read.observe(features.as_secs_f64());
        self.guest.observe(guest.as_secs_f64());
        for age_s in ages_s {
            self.ages.observe(age_s as f64);
        }
    }

    /// Counts a caller who was turned away before there was a request.
    pub fn turned_away(&self, reason: &'static str) {
        self.turned_away.get_or_create(&Reason { reason }).inc();
    }

    /// Counts one answer.
    pub fn answered(&self, route: &'static str, status: StatusCode, took: Duration) {
        self.requests.get_or_create(&Answer { route, status: status.as_u16() }).inc();
        self.durations.get_or_create(&Route { route }).observe(took.as_secs_f64());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Answers `GET /metrics`.
pub async fn metrics(State(app): State<Arc<App>>) -> Result<Response<Body>, Problem> {
    let mut text = String::with_capacity(8 << 10);
    let looked_at = looked_at(&app)?;
    // Writing into a string cannot fail.
    let _ = encode_registry(&mut text, &app.metrics.registry);
    let _ = encode_registry(&mut text, &looked_at);
    let _ = encode_registry(&mut text, &process::looked_at());
    let _ = encode_eof(&mut text);
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok(response)
}

/// Collects what others count, as it stands at this moment.
fn looked_at(app: &App) -> Result<Registry, Problem> {
    let mut registry = Registry::with_prefix("countersign");
    let figures = app.models.figures();
    let in_work = app.limits.requests_max - app.requests.available_permits().min(app.limits.requests_max);
    registry.register("http_requests_in_work", "Requests in work", ConstGauge::new(in_work as u64));
    if let Some(log) = &app.log {
        logged(&mut registry, log);
    }
    let phases = Family::<Labels, Counter<f64, AtomicU64>>::default();
    for (phase, took) in &figures.load_phases {
        phases.get_or_create(&vec![("phase", (*phase).to_owned())]).inc_by(took.as_secs_f64());
    }
    let help = "Time spent so far on judging module files, by phase";
    registry.register_with_unit("model_load_duration", help, Unit::Seconds, phases);
    registry.register("model_loads", "Versions compiled and proven", ConstCounter::new(figures.proven));
    registry.register("features_stored", "Users with a feature record", ConstGauge::new(app.store.len()));
    let store_bytes = ConstGauge::new(app.store.size_on_disk()?);
    registry.register_with_unit("store_size", "Disk space of the feature store", Unit::Bytes, store_bytes);
    let help = "Whether the feature store takes records (1), or a write did not reach the disk and the host has to be started again (0)";
    registry.register("store_writable", help, ConstGauge::new(u64::from(app.store.writable())));
    registry.register("model_swaps", "Changes of a live version", ConstCounter::new(figures.swaps));
    let help = "Versions taken out of service since they failed";
    registry.register("model_withdrawals", help, ConstCounter::new(figures.withdrawals));
    versions(&mut registry, &figures.version_calls);
    if let Some(mirror) = &figures.mirror {
        mirrored(&mut registry, mirror);
    }
    shadows(&mut registry, &figures.shadows);
    let rejections = counters("code", &figures.rejections);
    registry.register("module_rejections", "Module files refused, by reason", rejections);
    registry.register("engine_calls", "Calls into models", ConstCounter::new(figures.calls));
    registry.register("engine_rows", "Rows of those calls", ConstCounter::new(figures.rows));
    let created = ConstCounter::new(figures.instances_created);
    registry.register("engine_instances_created", "Instances made of models", created);
    let failures = counters("kind", &figures.failures);
    registry.register("engine_failures", "Calls into models that gave no scores, by kind", failures);
    let idle = Family::<Labels, Gauge>::default();
    for (model, count) in figures.instances_idle {
        idle.get_or_create(&vec![("model", model)]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("model_instances_idle", "Warm instances that wait for a call", idle);
    let live = Family::<Labels, Gauge>::default();
    for (model, version, digest) in figures.live {
        let labels = vec![("model", model), ("version", version.to_string()), ("digest", digest)];
        live.get_or_create(&labels).set(1);
    }
    registry.register("model_info", "The live version of each model", live);
    Ok(registry)
}

fn versions(registry: &mut Registry, calls: &[(String, u64, u64, u64)]) {
    let (all, failed) = (Family::<Labels, Counter>::default(), Family::<Labels, Counter>::default());
    for (model, version, calls, failures) in calls {
        let labels = vec![("model", model.clone()), ("version", version.to_string())];
        all.get_or_create(&labels).inc_by(*calls);
        failed.get_or_create(&labels).inc_by(*failures);
    }
    registry.register("model_calls", "Calls into each compiled version since it was compiled", all);
    registry.register("model_failures", "Those of them that failed by the version's fault", failed);
}

fn logged(registry: &mut Registry, log: &PredictionLog) {
    let counts = Family::<Labels, Counter>::default();
    let LogFigures { written, dropped, failed } = log.figures();
    for (outcome, count) in [("written", written), ("dropped", dropped), ("failed", failed)] {
        counts.get_or_create(&vec![("outcome", outcome.to_owned())]).inc_by(count.load(Ordering::Relaxed));
    }
    registry.register("prediction_log_records", "Predictions offered to the log, by outcome", counts);
    let waiting = ConstGauge::new(log.queued() as u64);
    registry.register("prediction_log_queued", "Predictions that wait to be logged", waiting);
}

fn mirrored(registry: &mut Registry, mirror: &MirrorFigures) {
    let looked = i64::try_from(mirror.looked()).unwrap_or(i64::MAX);
    let help = "When the object store was last listed whole, since 1970";
    registry.register_with_unit("mirror_last_look_timestamp", help, Unit::Seconds, ConstGauge::new(looked));
    registry.register(
        "mirror_objects",
        "Objects of the store that have a local copy",
        ConstGauge::new(mirror.objects()),
    );
    registry.register("mirror_fetched", "Objects fetched from the store", ConstCounter::new(mirror.fetched()));
    registry.register("mirror_failures", "Looks at the store that failed", ConstCounter::new(mirror.failures()));
}

fn shadows(registry: &mut Registry, shadows: &[(String, ShadowFigures)]) {
    let rows = Family::<Labels, Counter>::default();
    let distance = Family::<Labels, Gauge<f64, AtomicU64>>::default();
    for (model, figures) in shadows {
        let model = ("model", model.clone());
        for (outcome, count) in [
            ("compared", figures.compared),
            ("decided_otherwise", figures.decisions_differ),
            ("dropped", figures.dropped),
            ("failed", figures.failed),
        ] {
            rows.get_or_create(&vec![model.clone(), ("outcome", outcome.to_owned())]).inc_by(count);
        }
        if let Some(mean) = figures.mean_difference {
            distance.get_or_create(&vec![model]).set(mean);
        }
    }
    registry.register("shadow_rows", "Rows offered to the shadow, by outcome", rows);
    registry.register("shadow_mean_difference", "Mean distance of the shadow's score from the live one's", distance);
}

fn counters(label: &'static str, figures: &[(&'static str, u64)]) -> Family<Labels, Counter> {
    let family = Family::<Labels, Counter>::default();
    for &(name, count) in figures {
        family.get_or_create(&vec![(label, name.to_owned())]).inc_by(count);
    }
    family
}

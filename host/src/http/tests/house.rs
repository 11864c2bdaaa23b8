//! A host in a test: a real store, a real port, and a model whose score is known.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::card::{ModelCard, Output, OutputKind, Provenance, Training};
use contract::digest::Digest;
use contract::exact::ExactF64;
use contract::ids::{EntityId, ModelName, ModelVersion};
use contract::record::FeatureRecord;
use contract::view::{Ages, FeatureView};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::access::Gate;
use crate::config::Limits;
use crate::http::models::{Live, ModelFigures, Models, Routed, ScoreFault};
use crate::http::server::Entrance;
use crate::http::{App, Side, server};
use crate::prediction_log::PredictionLog;
use crate::registry::{ModelStatus, Order, OrderRefused, Role, Traffic, VersionStatus};
use crate::store::Store;

/// A score with no short decimal form: it shows whether JSON keeps every bit.
pub const SCORE: f64 = 0.1 + 0.2;

/// A model that gives the same score for every row, panics, or fails.
pub struct Fixed {
    card: ModelCard,
    score: Arc<Scoring>,
}

type Scoring = dyn Fn(&[f64]) -> Result<Vec<f64>, ScoreFault> + Send + Sync;

impl Fixed {
    pub fn new(version: u64, score: impl Fn() -> Result<Vec<f64>, ScoreFault> + Send + Sync + 'static) -> Arc<Self> {
        Self::of_rows(version, move |_| score())
    }

    /// A model that looks at its rows.
    pub fn of_rows(
        version: u64,
        score: impl Fn(&[f64]) -> Result<Vec<f64>, ScoreFault> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { card: card(version), score: Arc::new(score) })
    }
}

impl Live for Fixed {
    fn card(&self) -> &ModelCard {
        &self.card
    }
    fn digest(&self) -> Digest {
        Digest::of(b"the module")
    }
    fn role(&self) -> Role {
        Role::Live
    }
    fn score(&self, rows: &[f64]) -> Result<Vec<f64>, ScoreFault> {
        assert!(rows.len().is_multiple_of(self.card.view.width()));
        (self.score)(rows)
    }
}

impl Routed for Fixed {
    fn live(&self, _: Option<EntityId>) -> Arc<dyn Live> {
        Arc::new(Self { card: self.card.clone(), score: Arc::clone(&self.score) })
    }
    fn version(&self, version: ModelVersion) -> Option<Arc<dyn Live>> {
        (version == self.card.version).then(|| self.live(None))
    }
}

/// One model called `credit-risk`, live or not.
#[derive(Default)]
pub struct One(pub Mutex<Option<Arc<Fixed>>>);

impl One {
    pub fn set(&self, live: Option<Arc<Fixed>>) {
        *self.0.lock().expect("no test panics with it") = live;
    }
}

impl Models for One {
    fn route(&self, name: Option<&ModelName>) -> Option<Arc<dyn Routed>> {
        let live = self.0.lock().expect("no test panics with it").clone();
        live.filter(|_| name.is_none_or(|name| name.as_str() == "credit-risk")).map(|live| live as Arc<dyn Routed>)
    }
    fn order(&self, name: &ModelName, order: Order) -> oneshot::Receiver<Result<(), OrderRefused>> {
        let (reply, answer) = oneshot::channel();
        let _ = reply.send(match (name.as_str(), order) {
            ("credit-risk", Order::Rollback { to: None } | Order::Traffic(Traffic { live: Some(_), .. })) => Ok(()),
            ("credit-risk", _) => Err(OrderRefused::NothingLive),
            _ => Err(OrderRefused::UnknownModel(name.clone())),
        });
        answer
    }
    fn warnings(&self) -> Vec<String> {
        vec!["look here".to_owned()]
    }
    fn list(&self) -> Vec<ModelStatus> {
        vec![status()]
    }
    fn show(&self, name: &ModelName) -> Option<ModelStatus> {
        Some(status()).filter(|status| status.name == *name)
    }
    fn unnamed(&self) -> Vec<VersionStatus> {
        Vec::new()
    }
    fn ready(&self) -> Result<(), Vec<String>> {
        let live = self.0.lock().expect("no test panics with it").is_some();
        live.then_some(()).ok_or_else(|| vec!["no model is live".to_owned()])
    }
    fn figures(&self) -> ModelFigures {
        ModelFigures {
            mirror: None,
            live: vec![("credit-risk".to_owned(), 3, "sha256:00".to_owned())],
            swaps: 2,
            load_phases: vec![("compile", Duration::from_millis(1500))],
            proven: 3,
            withdrawals: 1,
            version_calls: vec![("credit-risk".to_owned(), 3, 11, 1)],
            shadows: Vec::new(),
            rejections: vec![("unsigned", 4)],
            calls: 5,
            rows: 7,
            instances_created: 8,
            failures: vec![("trap", 9)],
            instances_idle: vec![("credit-risk".to_owned(), 6)],
        }
    }
}

fn status() -> ModelStatus {
    let name = "credit-risk".parse().expect("a name");
    ModelStatus {
        name,
        live_version: Some(3),
        highest_live_version: Some(3),
        pinned: false,
        traffic: Traffic::default(),
        unavailable: None,
        shadow: None,
        versions: Vec::new(),
        events: Vec::new(),
    }
}

fn card(version: u64) -> ModelCard {
    let day = "2020-01-01".parse().expect("a day");
    ModelCard {
        model: "credit-risk".parse().expect("a name"),
        version: ModelVersion::try_from(version).expect("a version"),
        task: "binary-classification".to_owned(),
        view: FeatureView::credit_risk().clone(),
        output: Output {
            kind: OutputKind::Probability,
            threshold: ExactF64::new(0.7 + 0.1),
            at_or_above: "decline".to_owned(),
            below: "accept".to_owned(),
        },
        training: Training {
            recipe: "forest".to_owned(),
            family: "forest".to_owned(),
            seed: 1,
            parameters: [].into(),
            data: Digest::of(b"data"),
            rows: 1,
            entities: 1,
            first_event: day,
            last_event: day,
            as_of: day,
            ages: Ages::Event,
            fitted_rows: 1,
        },
        evaluations: Vec::new(),
        importance: Vec::new(),
        quality: None,
        champion: None,
        gates: Vec::new(),
        report: None,
        golden: Vec::new(),
        histograms: Vec::new(),
        provenance: Provenance { builder: "test".to_owned(), revision: None, template: Digest::of(b"template") },
    }
}

/// A running server.
pub struct House {
    pub address: SocketAddr,
    pub app: Arc<App>,
    pub models: Arc<One>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    runtime: Runtime,
    _dir: tempfile::TempDir,
}

impl House {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        Self::behind(Gate::Open, limits)
    }

    pub fn behind(gate: Gate, limits: Limits) -> Self {
        Self::logging(gate, None, limits)
    }

    pub fn logging(gate: Gate, log: Option<Arc<PredictionLog>>, limits: Limits) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let view = FeatureView::credit_risk();
        let store = Arc::new(Store::open(dir.path(), view.digest()).expect("a folder of our own"));
        let models = Arc::new(One::default());
        let app =
            App::new(store, Arc::clone(&models) as Arc<dyn Models>, gate, log, view, limits).expect("threads start");
        let runtime = Runtime::new().expect("threads");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let server = runtime.spawn(server::serve(
            vec![Entrance { listener, side: Side::Whole, tls: None }],
            Arc::clone(&app),
            async {
                let _ = stopped.await;
            },
        ));
        Self { address, app, models, stop: Some(stop), server: Some(server), runtime, _dir: dir }
    }

    /// Opens a connection that gives up rather than hang a test.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream
    }

    /// Sends bytes and reads until the server closes.
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes).expect("the server reads");
        Answer::read(&mut stream)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.raw(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
    }

    pub fn post(&self, body: &[u8]) -> Answer {
        self.post_as("content-type: application/x-ndjson\r\n", body)
    }

    pub fn post_as(&self, headers: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!(
            "POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
        );
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// Posts JSON.
    pub fn ask(&self, path: &str, body: &str) -> Answer {
        self.order("POST", path, "content-type: application/json\r\n", body)
    }

    /// Sends an order with its headers and body.
    pub fn order(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
        );
        self.raw(format!("{head}{body}").as_bytes())
    }

    /// Tells the server to stop.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Waits until the server has ended.
    pub fn wait(&mut self) {
        let server = self.server.take().expect("a server ends once");
        self.runtime.block_on(server).expect("the server does not panic");
    }
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer and a close");
        let text = String::from_utf8(bytes).expect("answers are text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head[9..12].parse().expect("a status");
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Checks that this is a problem with that status and code, in full form.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let problem = self.json();
        assert_eq!(problem["code"], code, "{}", self.body);
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:countersign:problem:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{}", self.body);
    }
}

pub fn record(id: u64) -> FeatureRecord {
    FeatureRecord {
        entity: EntityId::try_from(id).expect("an id"),
        event_time: "2020-12-30".parse().expect("a day"),
        as_of: "2021-12-27".parse().expect("a day"),
        view: FeatureView::credit_risk().digest(),
        values: vec![15.0, 128.906_371_169_314_64, 33.0, f64::NAN, 1.0],
    }
}

pub fn line(record: &FeatureRecord) -> String {
    record.to_json(FeatureView::credit_risk()) + "\n"
}

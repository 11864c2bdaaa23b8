//! What a bare web server does on this machine, to hold the host against: axum with its own server and nothing else.
//!
//! `bare FOLDER RECORDS`: `GET /constant/{bytes}` answers a constant of that length; `GET /sled/{id}` reads one of RECORDS records from a sled
//! tree in FOLDER and answers it as JSON. Prints its address, serves until it is killed.

#![expect(clippy::print_stdout, reason = "whoever starts it waits for the address")]

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use bincode::config::standard;
use serde::{Deserialize, Serialize};

/// As long as a record of the host.
#[derive(Serialize, Deserialize)]
struct Record {
    event_time: i32,
    as_of: i32,
    values: [f64; 5],
}

/// What is answered.
#[derive(Serialize)]
struct Answer {
    user_id: u64,
    event_time: i32,
    as_of: i32,
    features: BTreeMap<&'static str, f64>,
}

const NAMES: [&str; 5] = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"];

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip(1);
    let folder = words.next().expect("a folder");
    let records: u64 = words.next().expect("a count").parse().expect("a whole number");
    let tree = sled::open(folder).expect("a folder of its own");
    for id in 0..records {
        let record = Record { event_time: 18_000, as_of: 18_988, values: [id as f64, 128.9, 33.0, 12.0, 1.0] };
        let bytes = bincode::serde::encode_to_vec(record, standard()).expect("plain data");
        tree.insert(id.to_be_bytes(), bytes).expect("a disk");
    }
    let constants: Arc<Vec<Bytes>> = Arc::new((0..2048).map(|length| Bytes::from(vec![b'x'; length])).collect());
    let json = || [(CONTENT_TYPE, "application/json")];
    let constant = get(move |Path(length): Path<usize>| {
        let body = constants[length].clone();
        async move { (json(), body) }
    });
    let read = get(move |Path(id): Path<u64>, State(tree): State<sled::Db>| async move {
        let stored = tree.get(id.to_be_bytes()).expect("a disk").expect("a record");
        let (record, _): (Record, usize) = bincode::serde::decode_from_slice(&stored, standard()).expect("a record");
        let Record { event_time, as_of, values } = record;
        let features = NAMES.into_iter().zip(values).collect();
        let body = serde_json::to_vec(&Answer { user_id: id, event_time, as_of, features }).expect("plain data");
        (json(), body).into_response()
    });
    let router = Router::new().route("/constant/{length}", constant).route("/sled/{id}", read).with_state(tree);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("listening on http://{}", listener.local_addr().expect("an address"));
    axum::serve(listener, router).await.expect("it serves");
}

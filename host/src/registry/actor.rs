//! The registry's thread: looks when something may have changed, hands out work, takes outcomes and orders, and publishes.
//!
//! Nothing in its loop waits for a file to be read or compiled, so that an order is carried out at once.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::catalog::Catalog;
use super::mail::{Letterbox, Mail, Message};
use super::watch::Watch;
use super::worker::Worker;
use super::{Shared, Snapshot};

/// How long to wait after an event for those that belong to it: a copied file comes in many writes.
const SETTLE: Duration = Duration::from_millis(10);

/// Starts the thread.
pub(super) fn start(
    mut catalog: Catalog,
    worker: Worker,
    shared: Arc<Shared>,
    mail: Mail,
    letterbox: Letterbox,
) -> io::Result<JoinHandle<()>> {
    let work = move || {
        run(&mut catalog, &worker, &shared, &mail, &letterbox);
        // In this order: the worker may wait for room in the letterbox.
        drop(letterbox);
        drop(worker);
    };
    thread::Builder::new().name("registry".to_owned()).spawn(work)
}

fn run(catalog: &mut Catalog, worker: &Worker, shared: &Shared, mail: &Mail, letterbox: &Letterbox) {
    let mut watch = Watch::new(mail);
    let poll = catalog.config().poll_interval;
    let mut next_look = Instant::now();
    loop {
        if next_look <= Instant::now() {
            // Before the look, so that nothing falls between the two.
            watch.renew(catalog.config());
            catalog.look();
            next_look = Instant::now() + poll;
        }
        catalog.settle();
        if catalog.take_changed() {
            publish(catalog, shared);
        }
        catalog.send_answers();
        if let Some(job) = catalog.next_job() {
            worker.give(job);
        }
        let wait = catalog.rest().min(next_look - Instant::now().min(next_look));
        match letterbox.next(wait) {
            None => {}
            Some(Message::Look) => next_look = next_look.min(Instant::now() + SETTLE),
            Some(Message::Done(done)) => catalog.done(*done),
            Some(Message::Order { model, order, reply }) => catalog.order(&model, order, reply),
            Some(Message::Failing { model, version, said }) => catalog.failing(&model, version, &said),
            Some(Message::Stop) => return,
        }
    }
}

/// Puts the catalog's state where requests see it, all at once.
fn publish(catalog: &Catalog, shared: &Shared) {
    let (models, unnamed) = catalog.report();
    let snapshot = Snapshot {
        ready: catalog.is_ready(),
        withheld: catalog.withheld(),
        warnings: catalog.warnings(),
        first_live: catalog.first_live().cloned(),
        routes: catalog.routes(),
        counting: catalog.counting(),
        models,
        unnamed,
    };
    shared.snapshot.store(Arc::new(snapshot));
}

//! How soon a new file of 10 MB answers, on an idle host: from its rename to the first prediction that names it.

use std::fs;
use std::time::{Duration, Instant};

use countersign_tests::{Forge, Host, Workshop};

use super::Connection;
use super::load::{Prediction, get};

/// A forest whose module is some 10 MB.
const RECIPE: &str = r#"name = "large"
family = "extra-trees"
ages = "event"
missing = { value = -1.0 }
imbalance = "none"
calibration = "none"
threshold = { fixed = 0.5 }

[splits]
judge = ["rows"]
test_share = 0.3

[parameters]
trees = 180
features_per_split = 5
depth_max = 24
leaf_rows_min = 10
"#;

const TIMES: u64 = 20;

/// Measures it for a user, and prints the median.
pub fn measure(host: &Host, workshop: &Workshop, forge: &Forge, user: i64) {
    fs::write(workshop.path("large.toml"), RECIPE).expect("a recipe");
    let train = ["train", "--features", "features.parquet", "--recipe", "large.toml", "--model", "large"];
    let train = train.into_iter().chain(["--gates", "few.toml", "--key", "job.pem", "--out", "modules/candidates"]);
    workshop.feature_job(train);
    let module = fs::read(workshop.path("modules/candidates/large-1.wasm")).expect("the candidate");
    workshop.place("large-1.wasm", &forge.reversioned(&module, 1));
    while host.get("/v1/models/large").body["live_version"] != 1 {
        std::thread::sleep(Duration::from_millis(10));
    }

    let request = get(&format!("/v1/users/{user}/prediction?model=large"));
    let mut connection = Connection::open(&host.address());
    let approved = |name: &str| workshop.path(&format!("modules/approved/{name}"));
    let times = (2..TIMES + 2).map(|version| {
        let aside = approved(".large.part");
        fs::write(&aside, forge.reversioned(&module, version)).expect("a file");
        // Until the host rests again.
        std::thread::sleep(Duration::from_secs(1));
        let start = Instant::now();
        fs::rename(aside, approved(&format!("large-{version}.wasm"))).expect("a name");
        loop {
            let answer: Prediction = serde_json::from_slice(connection.ask(&request)).expect("a prediction");
            if answer.model.version as u64 == version {
                break start.elapsed();
            }
            assert!(start.elapsed() < Duration::from_secs(60), "version {version} does not answer");
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    println!(
        "from rename to the first answer, idle, module of {:.1} MB, {TIMES} times: median {:.0?}, most {:.0?}",
        module.len() as f64 / 1e6,
        times[times.len() / 2],
        times[times.len() - 1]
    );
    for version in 1..TIMES + 2 {
        fs::remove_file(approved(&format!("large-{version}.wasm"))).expect("it was placed");
    }
}

//! What the system knows of this process, under the names that every Prometheus client library has for it.

use std::fs;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use rustix::param::{clock_ticks_per_second, page_size};

/// When this process began to count, in seconds since 1970.
static STARTED: LazyLock<f64> =
    LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64()));

/// Notes the time.
pub fn begin() {
    LazyLock::force(&STARTED);
}

/// Collects it, as it stands at this moment; what the system does not tell is left out.
pub fn looked_at() -> Registry {
    let mut registry = Registry::with_prefix("process");
    registry.register_with_unit("start_time", "When it started, since 1970", Unit::Seconds, ConstGauge::new(*STARTED));
    let pages = |place: usize| {
        let text = fs::read_to_string("/proc/self/statm").ok()?;
        text.split(' ').nth(place)?.parse::<u64>().ok()
    };
    for (name, help, place) in
        [("virtual_memory", "Memory that is mapped", 0), ("resident_memory", "Memory that is resident", 1)]
    {
        if let Some(pages) = pages(place) {
            registry.register_with_unit(name, help, Unit::Bytes, ConstGauge::new(pages * page_size() as u64));
        }
    }
    if let Some(seconds) = cpu_seconds() {
        registry.register_with_unit("cpu", "Processor time taken so far", Unit::Seconds, ConstCounter::new(seconds));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        registry.register("open_fds", "Open files and sockets", ConstGauge::new(open.count() as u64));
    }
    registry
}

fn cpu_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which stands in parentheses and may hold anything, come the state and ten fields before the two times.
    let mut fields = text.rsplit_once(") ")?.1.split(' ').skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks as f64 / clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode_registry;

    use super::*;

    #[test]
    fn a_process_sees_itself() {
        begin();
        let mut text = String::new();
        encode_registry(&mut text, &looked_at()).expect("a string can be written to");
        let value = |name: &str| -> f64 {
            let line = text.lines().find(|line| line.starts_with(&format!("process_{name} ")));
            let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
            line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
        };
        assert!(value("resident_memory_bytes") > 1e6 && value("virtual_memory_bytes") > value("resident_memory_bytes"));
        assert!(value("open_fds") >= 3.0 && value("start_time_seconds") > 1.6e9 && value("cpu_seconds_total") < 1e6);
    }
}

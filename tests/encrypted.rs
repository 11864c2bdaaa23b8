//! TLS with real certificates, a port of its own for orders, and the verbs that ask a host on this machine.
//!
//! Faults: certificates renewed while serving, a certificate whose key is another's, callers who speak no TLS or never finish
//! the handshake, somebody else at the host's address, tokens that may not do it, nobody there.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use countersign_tests::{Host, Workshop, countersign, feature_job};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Makes a certificate for this machine; gives it in PEM.
fn certify(folder: &Path) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).expect("a file");
    fs::write(folder.join("cert.pem"), cert.pem()).expect("a file");
    cert.pem()
}

/// Asks on a new connection, trusting one certificate; gives the status, or why there is none.
fn ask(url: &str, trusted: &str) -> Result<u16, String> {
    let trusted = Certificate::from_pem(trusted.as_bytes()).map_err(|error| error.to_string())?;
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[trusted])).build();
    let agent: Agent = Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into();
    agent
        .get(format!("{url}/health/live"))
        .call()
        .map(|answer| answer.status().as_u16())
        .map_err(|error| error.to_string())
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn certificates_count_and_are_renewed_while_serving() {
    let workshop = Workshop::new();
    workshop.sample(200);
    let first = certify(&workshop.path(""));
    let mut command = countersign();
    command.current_dir(workshop.path("")).args(["serve", "--insecure-loopback", "--listen", "127.0.0.1:0"]);
    command.args(["--modules", "modules", "--data", "data", "--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let host = Host::spawn(&mut command);
    assert!(host.url.starts_with("https://127.0.0.1:"), "{}", host.url);
    assert_eq!(ask(&host.url, &first), Ok(200));

    let publish = |trusted: Option<&str>| {
        let words = ["publish", "--features", "features.parquet", "--patience", "1", "--to", &host.url];
        let mut command = feature_job();
        command.args(words).envs(trusted.map(|file| ("SSL_CERT_FILE", file)));
        workshop.run(&mut command)
    };
    let strange = publish(None);
    assert!(!strange.status.success(), "a certificate that nobody vouches for is not believed");
    fs::copy(workshop.path("cert.pem"), workshop.path("ca.pem")).expect("a file");
    let published = publish(Some("ca.pem"));
    assert!(published.status.success(), "{}", String::from_utf8_lossy(&published.stderr));

    // Who speaks no TLS gets no answer, and is nobody's trouble.
    let mut plain = TcpStream::connect(host.url.trim_start_matches("https://")).expect("the port is open");
    plain.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("a write");
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP/"), "{said:?}");

    let second = certify(&workshop.path(""));
    wait_for("the new certificate is shown", || ask(&host.url, &second) == Ok(200));
    assert!(ask(&host.url, &first).is_err(), "the old one is shown no more");

    // A key that is another's changes nothing.
    let other = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(workshop.path("key.pem"), other.signing_key.serialize_pem()).expect("a file");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(ask(&host.url, &second), Ok(200));
}

#[test]
fn a_host_does_not_start_with_a_certificate_it_cannot_use() {
    let workshop = Workshop::new();
    certify(&workshop.path(""));
    let start = |flags: &[&str]| {
        let mut command = countersign();
        command.args([
            "serve",
            "--insecure-loopback",
            "--listen",
            "127.0.0.1:0",
            "--modules",
            "modules",
            "--data",
            "data",
        ]);
        let output = workshop.run(command.args(flags));
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = start(&["--tls-cert", "cert.pem"]);
    assert!(code == Some(64) && said.contains("--tls-key"), "{said}");
    let (code, said) = start(&["--tls-cert", "cert.pem", "--tls-key", "nowhere.pem"]);
    assert!(code == Some(64) && said.contains("--tls-key nowhere.pem"), "{said}");
    let (code, said) = start(&["--tls-cert", "key.pem", "--tls-key", "key.pem"]);
    assert!(code == Some(1) && said.contains("key.pem holds no certificate"), "{said}");
    let other = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(workshop.path("other.pem"), other.signing_key.serialize_pem()).expect("a file");
    let (code, said) = start(&["--tls-cert", "cert.pem", "--tls-key", "other.pem"]);
    assert!(code == Some(1) && said.contains("cannot be used together"), "{said}");
}

#[test]
fn orders_have_a_port_of_their_own_where_one_is_given() {
    let workshop = Workshop::new();
    let mut command = countersign();
    command.current_dir(workshop.path("")).args(["serve", "--insecure-loopback", "--listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", "127.0.0.1:0", "--modules", "modules", "--data", "data"]);
    let host = Host::spawn(&mut command);
    let orders = host.next_line();
    let orders = orders.strip_prefix("orders on ").expect("the second port");
    let rollback = "/v1/models/credit-risk/rollback";
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let post = |url: &str| {
        let mut answer = agent.post(format!("{url}{rollback}")).send_empty().expect("an answer");
        answer.body_mut().read_to_string().expect("a text")
    };
    let on_the_first = post(&host.url);
    assert!(on_the_first.contains("unknown_route"), "{on_the_first}");
    let on_the_second = post(orders);
    assert!(on_the_second.contains("unknown_model"), "{on_the_second}");
    assert_eq!(host.get("/v1/models").status, 200, "reading stays where it was");
}

#[test]
fn who_never_finishes_the_handshake_is_let_go() {
    let workshop = Workshop::new();
    let trusted = certify(&workshop.path(""));
    fs::write(workshop.path("limits.toml"), "head_ms = 300\nconnections_max = 4\n").expect("a file");
    let mut command = countersign();
    command.current_dir(workshop.path("")).args(["serve", "--insecure-loopback", "--listen", "127.0.0.1:0"]);
    command.args(["--modules", "modules", "--data", "data", "--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let host = Host::spawn(command.args(["--config", "limits.toml"]));
    // The first bytes of a greeting, which never goes on.
    let slow: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut stream = TcpStream::connect(host.address()).expect("a connection");
            stream.write_all(b"\x16\x03\x01\x02\x00\x01").expect("a write");
            stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a deadline");
            stream
        })
        .collect();
    for mut stream in slow {
        // An alert may come before the end.
        let _ = stream.read_to_end(&mut Vec::new()).expect("the host closes");
    }
    assert_eq!(ask(&host.url, &trusted), Ok(200), "the places are free again");
}

/// Adds a token of a role, into a file named after it.
fn add_token(workshop: &Workshop, role: &str) {
    let file = format!("{role}.token");
    workshop.countersign(["tokens", "add", "--role", role, "--name", role, "--out", &file, "--tokens", "tokens.toml"]);
}

#[test]
fn a_model_is_rolled_back_by_one_command_and_the_token_goes_to_the_host_alone() {
    let workshop = Workshop::new();
    workshop.sample(100);
    for (version, seed) in [(1, 5), (2, 6)] {
        workshop.train("logistic", seed);
        workshop.approve(version);
    }
    // A name that is not this machine's, as in a cluster.
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["countersign.example".to_owned()]).expect("a certificate");
    fs::write(workshop.path("key.pem"), signing_key.serialize_pem()).expect("a file");
    fs::write(workshop.path("cert.pem"), cert.pem()).expect("a file");
    for role in ["predict", "admin"] {
        add_token(&workshop, role);
    }
    let mut command = countersign();
    command.current_dir(workshop.path("")).args(["serve", "--tokens", "tokens.toml", "--listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", "127.0.0.1:0", "--modules", "modules", "--data", "data"]);
    let host = Host::spawn(command.args(["--tls-cert", "cert.pem", "--tls-key", "key.pem"]));
    let orders = host.next_line();
    let orders = orders.strip_prefix("orders on https://").expect("the second port");

    // As in the host's own container, whose environment says where it listens.
    let address = host.address();
    let run = |words: &[&str], token: &str, certificate: &str| {
        let mut command = countersign();
        command.current_dir(workshop.path("")).args(words);
        command.env("COUNTERSIGN_LISTEN", &address).env("COUNTERSIGN_ADMIN_LISTEN", orders);
        command.env("COUNTERSIGN_TLS_CERT", certificate);
        command.stdin(fs::File::open(workshop.path(token)).expect("a token"));
        let output = command.output().expect("the verb runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let roll_back = |more: &[&str], token: &str| {
        run(&[&["rollback", "credit-risk", "--token-file", "-"], more].concat(), token, "cert.pem")
    };
    wait_for("the host is ready", || run(&["health", "--ready"], "admin.token", "cert.pem").0 == Some(0));
    wait_for("version 2 is live and 1 is kept", || roll_back(&["--to", "2"], "admin.token").0 == Some(0));

    let (code, said) = roll_back(&[], "admin.token");
    assert!(code == Some(0) && said.contains("credit-risk: version 1 answers now"), "{said}");
    let (code, said) = roll_back(&["--to", "2"], "admin.token");
    assert!(code == Some(0) && said.contains("credit-risk: version 2 answers now"), "{said}");

    let (code, said) = roll_back(&[], "predict.token");
    assert!(code == Some(1) && said.contains("403") && said.contains("admin"), "{said}");
    let (code, said) = roll_back(&["--to", "7"], "admin.token");
    assert!(code == Some(1) && said.contains("no version 7"), "{said}");
    let (code, said) = run(&["rollback", "fraud", "--token-file", "-"], "admin.token", "cert.pem");
    assert!(code == Some(1) && said.contains("no model is called `fraud`"), "{said}");
    let (code, said) = roll_back(&[], "cert.pem");
    assert!(code == Some(1) && said.contains("this is no token"), "{said}");

    // Somebody else's certificate at the host's address: nothing is sent to whoever that is.
    let other = generate_simple_self_signed(["countersign.example".to_owned()]).expect("a certificate");
    fs::write(workshop.path("other.pem"), other.cert.pem()).expect("a file");
    for words in [&["rollback", "credit-risk", "--token-file", "-"][..], &["health"]] {
        let (code, said) = run(words, "admin.token", "other.pem");
        assert!(code == Some(1) && said.contains("certificate"), "{said}");
    }
    let (code, said) = run(&["health"], "admin.token", "key.pem");
    assert!(code == Some(1) && said.contains("key.pem holds no certificate"), "{said}");

    // By its address from elsewhere, where the certificate is known.
    let url = format!("https://{orders}");
    let (code, said) = roll_back(&["--url", &url], "admin.token");
    assert!(code == Some(0) && said.contains("version 1 answers now"), "{said}");
    let (code, said) = roll_back(&["--url", &format!("http://{orders}")], "admin.token");
    assert!(code == Some(1) && said.contains("https://"), "no token goes out in clear: {said}");
    host.kill();
    let (code, said) = run(&["rollback", "credit-risk", "--token-file", "-"], "admin.token", "cert.pem");
    assert!(code == Some(1) && said.contains("does not answer"), "{said}");
}

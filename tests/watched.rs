//! The story: a host is watched by a command's exit code, as containers and scripts watch it: `countersign health`, against one that has no
//! model yet, one that is ready, one that speaks TLS, and one that is gone.

use countersign_tests::{Host, Workshop, countersign};

/// What the command ends with, and what it says.
fn health(words: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = countersign();
    let output = command.arg("health").args(words).envs(variables.iter().copied()).output().expect("the binary runs");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn an_exit_code_tells_how_a_host_is() {
    let workshop = Workshop::new();
    workshop.sample(50);
    workshop.train("logistic", 5);
    let host = Host::start(&workshop);
    let address = host.address();
    let here: &[(&str, &str)] = &[("COUNTERSIGN_LISTEN", &address)];
    assert_eq!(health(&[], here).0, Some(0));
    assert_eq!(health(&["--url", &host.url], &[]).0, Some(0));
    let (code, said) = health(&["--ready"], here);
    assert!(code == Some(1) && said.contains("not_ready"), "{said}");
    workshop.approve(1);
    host.wait_for_version(1);
    assert_eq!(health(&["--ready"], here).0, Some(0));
    // What a container is given for the world outside is not for its own host.
    let proxied: Vec<_> = here
        .iter()
        .copied()
        .chain([("HTTP_PROXY", "http://127.0.0.1:1"), ("ALL_PROXY", "http://127.0.0.1:1")])
        .collect();
    let (code, said) = health(&["--ready"], &proxied);
    assert_eq!(code, Some(0), "{said}");
    host.kill();
    let (code, said) = health(&[], here);
    assert!(code == Some(1) && said.contains("does not answer"), "{said}");
    assert_eq!(health(&["--timeout-ms", "0"], here).0, Some(64));
}

#[test]
fn a_host_that_speaks_tls_is_asked_whatever_name_its_certificate_has() {
    let workshop = Workshop::new();
    let made = rcgen::generate_simple_self_signed(["countersign.bank.example".to_owned()]).expect("a certificate");
    std::fs::write(workshop.path("cert.pem"), made.cert.pem()).expect("a file");
    std::fs::write(workshop.path("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    let mut command = Host::command(&workshop, "127.0.0.1:0");
    command.arg("--tls-cert").arg(workshop.path("cert.pem")).arg("--tls-key").arg(workshop.path("key.pem"));
    let host = Host::spawn(&mut command);
    let address = host.url.trim_start_matches("https://").to_owned();
    let certificate = workshop.path("cert.pem");
    let variables =
        [("COUNTERSIGN_LISTEN", &*address), ("COUNTERSIGN_TLS_CERT", certificate.to_str().expect("a plain path"))];
    let (code, said) = health(&[], &variables);
    assert_eq!(code, Some(0), "{said}");
    // By a URL it has to show who it is.
    assert_eq!(health(&["--url", &host.url], &[]).0, Some(1));
}

//! A real S3 endpoint: the server of the Python package `moto`, in a process of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;

/// The variable that names the server's program.
const PROGRAM: &str = "COUNTERSIGN_MOTO_SERVER";

/// A running server; it forgets all when it ends.
pub struct S3 {
    process: Child,
    port: u16,
}

impl S3 {
    /// Starts a server on a free port; none, saying so, where there is no program for it.
    pub fn start() -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        Self::start_at(free.port())
    }

    /// Starts a server on a port, such as that of a server that was there before.
    pub fn start_at(port: u16) -> Option<Self> {
        let Some(program) = std::env::var_os(PROGRAM) else {
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "{PROGRAM} must name moto_server on a build machine"
            );
            #[expect(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("skipped: {PROGRAM} does not name moto_server; see tests/s3-requirements.txt");
            }
            return None;
        };
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { process: command.spawn().expect("the server starts"), port };
        let start = Instant::now();
        while ureq::get(format!("{}/moto-api/data.json", server.endpoint())).call().is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "the S3 server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// Gives where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Gives the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Gives the settings that a client takes from its environment.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
        ]
    }

    /// Makes a bucket, and gives a client for it.
    pub fn bucket(&self, name: &str) -> impl ObjectStore + use<> {
        self.raw("PUT", &format!("/{name}"), b"<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>");
        AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_region("eu-central-1")
            .with_access_key_id("test")
            .with_secret_access_key("not-a-secret")
            .with_bucket_name(name)
            .build()
            .expect("a client")
    }

    /// Sends a request as it stands, for names that a client would not send.
    pub fn raw(&self, method: &str, path: &str, body: &[u8]) {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: AWS test:unchecked\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        // Fails where the process has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

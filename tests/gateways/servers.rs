//! How the servers are started. Their configurations are in `configurations/`.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const PROTOCOLS: [&str; 3] = ["http", "TLS 1.2", "TLS 1.3"];

const CONFIGURATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateways/configurations");
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certs/leaf.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certs/leaf-key.pem");

/// In the command and the configuration, what is in braces is replaced: see `values` in [`Gateway::start`].
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// A file in `configurations/`.
    configuration: &'static str,
    /// A shell command, which replaces the shell.
    command: &'static str,
    has_tls: bool,
}

const fn server(name: &'static str, configuration: &'static str, command: &'static str) -> Server {
    Server { name, configuration, command, has_tls: true }
}

pub(crate) const SERVERS: [Server; 9] = [
    server("nginx", "nginx.conf", "exec nginx -p {DIR} -c {CONF} -e {DIR}/error.log"),
    server("apache", "apache.conf", "exec apache2 -D FOREGROUND -d {DIR} -f {CONF}"),
    server("haproxy", "haproxy.cfg", "exec haproxy -db -f {CONF}"),
    Server {
        has_tls: false,
        ..server("varnish", "varnish.vcl", "exec varnishd -F -n {DIR}/work -a 127.0.0.1:{HTTP} -f {CONF}")
    },
    server("caddy", "Caddyfile", "exec caddy run --adapter caddyfile --config {CONF}"),
    server("lighttpd", "lighttpd.conf", "exec lighttpd -D -f {CONF}"),
    server("squid", "squid.conf", "exec squid -N -f {CONF}"),
    server("go", "server.go", "go build -o {DIR}/server {CONF} && exec {DIR}/server"),
    server("node", "server.mjs", "exec node {CONF}"),
];

/// A running server.
pub(crate) struct Gateway {
    process: Child,
    ports: [u16; 3],
    has_tls: bool,
}

impl Gateway {
    pub(crate) fn start(server: &Server, backend: u16, directory: &Path) -> Result<Gateway, String> {
        std::fs::create_dir(directory).unwrap();
        let (directory, ports) = (directory.display().to_string(), free_ports());
        let conf = format!("{directory}/{}", server.configuration);
        let both = format!("{directory}/both.pem");
        let values = [
            ("{HTTP}", ports[0].to_string()),
            ("{TLS12}", ports[1].to_string()),
            ("{TLS13}", ports[2].to_string()),
            ("{BACKEND}", backend.to_string()),
            ("{DIR}", directory.clone()),
            ("{CERTIFICATE}", CERTIFICATE.to_owned()),
            ("{KEY}", KEY.to_owned()),
            ("{BOTH}", both.clone()),
            ("{CONF}", conf.clone()),
        ];
        let filled = |text: &str| values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        std::fs::write(&conf, filled(&read(&format!("{CONFIGURATIONS}/{}", server.configuration)))).unwrap();
        std::fs::write(both, read(CERTIFICATE) + &read(KEY)).unwrap();
        // Some servers run as a user of their own.
        let _ = Command::new("chmod").args(["-R", "a+rwX", directory.as_str()]).status();

        let (command, log) = (filled(server.command), format!("{directory}/log"));
        // Where sbin is not searched, servers may be there all the same.
        let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
        let process = Command::new("sh")
            .args(["-c", command.as_str()])
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut gateway = Gateway { process, ports, has_tls: server.has_tls };
        gateway.await_start().map_err(|problem| format!("{problem}: {}", read(&log)))?;
        Ok(gateway)
    }

    fn await_start(&mut self) -> Result<(), String> {
        let started = Instant::now();
        let needed = if self.has_tls { &self.ports[..] } else { &self.ports[..1] };
        while !needed.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!("ended with {status}"));
            }
            if started.elapsed() > Duration::from_secs(20) {
                return Err("does not listen".to_owned());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// For plain HTTP.
    pub(crate) fn port(&self) -> u16 {
        self.ports[0]
    }

    /// None if it does not speak that protocol.
    pub(crate) fn url(&self, protocol: &str) -> Option<String> {
        let index = PROTOCOLS.iter().position(|name| *name == protocol)?;
        let scheme = if index == 0 { "http" } else { "https" };
        (index == 0 || self.has_tls).then(|| format!("{scheme}://localhost:{}", self.ports[index]))
    }
}

impl Drop for Gateway {
    /// By a signal that lets it end its children, too.
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let started = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) && started.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ports that nobody listens on now.
fn free_ports() -> [u16; 3] {
    let listeners = [0; 3].map(|port: u16| TcpListener::bind(("127.0.0.1", port)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

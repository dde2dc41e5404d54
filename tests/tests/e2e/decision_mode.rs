//! The decision endpoint as each kind of proxy asks it, and a real nginx in front.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sluis_tests::client::{Request, Response};
use sluis_tests::issuer::SSIN;
use sluis_tests::runtime::free_address;
use sluis_tests::world::World;

use crate::passing::{expect_asserted, expect_assertion, target_hash};
use crate::problems::{INVALID_ACCESS_TOKEN, NO_ACCESS_TOKEN, expect, expect_kind};
use crate::requests::{expect_unseen, rights};
use crate::{Case, Need};

pub(crate) const CASES: &[Case] = &[
    Case::new("each_proxy_gets_its_decision", each_proxy),
    Case::new("an_ambiguous_question_is_refused", ambiguous),
    Case::new("envoy_may_send_the_body_along", envoy_body),
    Case::new("a_real_nginx_asks_with_auth_request", nginx).needing(Need::Program("nginx")),
];

type Style = (&'static str, fn(&str, &str) -> Request);

/// How each proxy puts its question about a method and a target.
const STYLES: &[Style] = &[
    ("nginx", |method, target| {
        Request::get("/decide")
            .with("x-original-method", method)
            .with("x-original-uri", target)
    }),
    ("traefik", |method, target| {
        Request::get("/decide")
            .with("x-forwarded-method", method)
            .with("x-forwarded-uri", target)
            .with("x-forwarded-proto", "https")
            .with("x-forwarded-host", "api.test")
            .with("x-forwarded-for", "198.51.100.1")
    }),
    ("envoy", |method, target| {
        Request::new(method, &format!("/decide{target}"))
    }),
    ("haproxy", |method, target| {
        Request::new("HEAD", "/decide")
            .with("x-original-method", method)
            .with("x-original-uri", target)
    }),
];

fn each_proxy(world: &mut World) -> Result<()> {
    let target = format!("/pension/v1/persons/{SSIN}/rights?lang=nl");
    for (proxy, ask) in STYLES {
        let token = world.pension_token()?;
        let index = world.log_size()?;
        let allowed = world.send(&ask("GET", &target).bearer(&token))?;
        ensure!(
            allowed.status == 200,
            "{proxy}: {}: {}",
            allowed.status,
            allowed.text()
        );
        ensure!(allowed.body.length == 0, "{proxy}: {}", allowed.text());
        let assertion = expect_assertion(world, &allowed.headers).context(*proxy)?;
        let decision = world.decision_of(index, &allowed).context(*proxy)?;
        ensure!(
            decision.kind == "granted"
                && assertion["jti"] == decision.id()
                && assertion["targetHash"] == target_hash(&target),
            "{proxy}: {assertion}"
        );
        let is_head = ask("GET", "/").method == "HEAD";
        let refuse = |response: Response, problem| {
            if is_head {
                ensure!(response.status == 401, "{proxy}: {}", response.status);
                ensure!(response.header("www-authenticate").is_some(), "{proxy}");
                return Ok(());
            }
            expect(&response, problem).context(*proxy)
        };
        refuse(world.send(&ask("GET", &target))?, NO_ACCESS_TOKEN)?;
        refuse(
            world.send(&ask("GET", &target).bearer("a.b.c"))?,
            INVALID_ACCESS_TOKEN,
        )?;
        for (method, target, status) in [
            ("GET", "/pension/v1/persons/53400003597/rights", 403),
            ("DELETE", target.as_str(), 405),
            ("GET", "/elsewhere", 404),
            ("GET", "/pension/v1/persons/x/rights", 400),
        ] {
            let response = world.send(&ask(method, target).bearer(&token))?;
            ensure!(
                response.status == status,
                "{proxy}: {method} {target}: {}",
                response.status
            );
            ensure!(
                response.header("sluis-assertion").is_none(),
                "{proxy}: an assertion of a refusal"
            );
        }
    }
    expect_unseen(world)
}

fn ambiguous(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let target = rights().target;
    let nginx = || {
        Request::get("/decide")
            .with("x-original-method", "GET")
            .with("x-original-uri", &target)
    };
    for (name, request) in [
        ("no question", Request::get("/decide")),
        ("a query only", Request::get("/decide?x=1")),
        (
            "half of nginx's",
            Request::get("/decide").with("x-original-uri", &target),
        ),
        (
            "half of Traefik's",
            Request::get("/decide").with("x-forwarded-method", "GET"),
        ),
        (
            "two conventions",
            nginx()
                .with("x-forwarded-method", "GET")
                .with("x-forwarded-uri", "/x"),
        ),
        ("one and a half", nginx().with("x-forwarded-uri", "/x")),
        (
            "a path and headers",
            Request {
                target: "/decide/x".to_owned(),
                ..nginx()
            },
        ),
        ("two methods", nginx().with("x-original-method", "POST")),
        ("two targets", nginx().with("x-original-uri", "/x")),
    ] {
        let response = world.send(&request.bearer(&token))?;
        expect_kind(&response, 400).context(name)?;
    }
    expect_unseen(world)
}

fn envoy_body(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let ask = |json: &str| Request::post_json("/decide/pension/v1/rights/get", json).bearer(&token);
    let allowed = world.send(&ask(&format!(r#"{{"ssin":"{SSIN}"}}"#)))?;
    allowed.expect_status(200)?;
    // Without the body nobody knows whom the request is about.
    expect_kind(&world.send(&ask("{}"))?, 400)?;
    let nginx = Request::get("/decide")
        .with("x-original-method", "POST")
        .with("x-original-uri", "/pension/v1/rights/get")
        .bearer(&token);
    expect_kind(&world.send(&nginx)?, 400)?;
    expect_unseen(world)
}

/// A process that ends with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn nginx(world: &mut World) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("sluis-nginx-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let listen = free_address()?;
    let (validator, backend) = (world.address()?, world.backend()?.address());
    let path = folder.display();
    // The part that a README shows: two locations.
    let config = format!(
        r#"daemon off; master_process off; pid {path}/pid; error_log {path}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {path}; proxy_temp_path {path}; fastcgi_temp_path {path};
    uwsgi_temp_path {path}; scgi_temp_path {path};
    server {{
        listen {listen};
        location / {{
            auth_request /decide;
            auth_request_set $assertion $upstream_http_sluis_assertion;
            proxy_set_header Sluis-Assertion $assertion;
            proxy_set_header Authorization "";
            proxy_pass http://{backend};
        }}
        location = /decide {{
            internal;
            proxy_pass http://{validator};
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header X-Forwarded-Method "";
            proxy_set_header X-Forwarded-Uri "";
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Original-URI $request_uri;
        }}
    }}
}}
"#
    );
    let file = folder.join("nginx.conf");
    fs::File::create(&file)?.write_all(config.as_bytes())?;
    let child = Command::new("nginx")
        .args(["-p"])
        .arg(&folder)
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("starting nginx")?;
    let running = Killed(child);
    let mut tries = 0;
    while TcpStream::connect(listen).is_err() {
        tries += 1;
        ensure!(
            tries < 200,
            "nginx does not listen: {}",
            fs::read_to_string(folder.join("error.log")).unwrap_or_default()
        );
        thread::sleep(Duration::from_millis(20));
    }
    let token = world.pension_token()?;
    let smuggled = rights()
        .bearer(&token)
        .with("x-forwarded-method", "GET")
        .with("x-forwarded-uri", "/elsewhere")
        .with("sluis-assertion", "forged");
    for request in [rights().bearer(&token), smuggled] {
        let response = request.send(listen)?;
        world.remember(&response);
        response.expect_status(200)?;
        let seen = world.take_seen();
        let seen = seen.first().context("not seen")?;
        ensure!(
            seen.headers.get("authorization").is_none(),
            "the token went on"
        );
        expect_asserted(world, seen)?;
    }
    let other = Request::get("/pension/v1/persons/53400003597/rights");
    for (request, status) in [
        (rights(), 401),
        (rights().bearer("a.b.c"), 401),
        (other.bearer(&token), 403),
    ] {
        let response = request.send(listen)?;
        ensure!(
            response.status == status,
            "{} instead of {status}",
            response.status
        );
    }
    expect_unseen(world)?;
    drop(running);
    Ok(fs::remove_dir_all(&folder)?)
}

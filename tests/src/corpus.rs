//! The attack corpus' target: a world's validator over HTTP, its issuers' key server, its backend and its log.

use std::cell::{Cell, RefCell};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use sluis_conformance::case::{IssuerName, Need};
use sluis_conformance::error::TargetError;
use sluis_conformance::http::wire;
use sluis_conformance::keys::IssuerKeySet;
use sluis_conformance::request::{Publication, WireRequest};
use sluis_conformance::settings::{Person, SIMULATION_SSINS, Settings, simulation};
use sluis_conformance::target::{Answer, Target, Witness, in_parallel};

use crate::backend::{self, HttpServer, lock};
use crate::client::Response;
use crate::issuer::{ALGORITHMS, Issuer};
use crate::wire::{Body, BodySeen, Headers};
use crate::world::World;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a reason may take to be recorded after its answer.
const RECORDED: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);
/// Where a redirect of a key server leads.
const ELSEWHERE: &str = "/elsewhere/jwks.json";

/// Where `simulation.toml` has the status lists of the first issuer.
const STATUS_PATH: &str = "/simulation/cbss/status/";

/// What the corpus needs to know of a world.
pub fn settings(world: &World) -> Result<Settings> {
    let [person, other] = SIMULATION_SSINS.map(|ssin| -> Result<Person> {
        Ok(Person {
            ssin: ssin.to_owned(),
            subject: world.subject(ssin)?,
        })
    });
    let keys = |issuer: &Issuer| -> Result<IssuerKeySet> {
        let mut jwks = Vec::new();
        for algorithm in ALGORITHMS {
            jwks.push(issuer.key(algorithm)?.to_private_jwk_json().to_string());
        }
        Ok(IssuerKeySet::parse(&format!("[{}]", jwks.join(",")))?)
    };
    let status = format!("http://{}{STATUS_PATH}", world.issuers.address());
    Ok(Settings {
        status_prefix: Some(status),
        ..simulation(
            [person?, other?],
            keys(&world.issuers.cbss)?,
            keys(&world.issuers.nic)?,
        )
    })
}

/// Requests that Spin gives to an instance at a time.
const SPIN_CONCURRENCY: usize = 16;
/// The largest crowd of the corpus.
const MOST_AT_ONCE: usize = 128;

/// A world as a target.
pub struct WorldTarget<'a> {
    world: RefCell<&'a mut World>,
    elsewhere: HttpServer,
    elsewhere_set: Arc<Mutex<String>>,
    /// Whether issuers publish something else than their own keys.
    changed: Cell<bool>,
    /// Whether this case lets them, so that the instance is its own and its log is read.
    publishes: Cell<bool>,
    log_from: Cell<u64>,
    fetches: Cell<u64>,
}

impl<'a> WorldTarget<'a> {
    /// The world's validator.
    pub fn new(world: &'a mut World) -> Result<Self> {
        let elsewhere_set = Arc::new(Mutex::new(String::new()));
        let set = Arc::clone(&elsewhere_set);
        let elsewhere = HttpServer::start(
            0,
            Arc::new(move |_| Some(backend::Answer::json(&lock(&set)))),
        )?;
        Ok(Self {
            world: RefCell::new(world),
            elsewhere,
            elsewhere_set,
            changed: Cell::new(false),
            publishes: Cell::new(false),
            log_from: Cell::new(0),
            fetches: Cell::new(0),
        })
    }

    fn all_fetches(&self) -> u64 {
        let world = self.world.borrow();
        world.issuers.fetches(&world.issuers.cbss) + world.issuers.fetches(&world.issuers.nic)
    }

    fn start(&self, publishes: bool) {
        self.publishes.set(publishes);
        if publishes {
            // The first change of the case starts an instance that has seen nothing.
            self.world.borrow().issuers.publish_own();
            self.changed.set(false);
        }
        self.world.borrow().take_seen();
        self.fetches.set(self.all_fetches());
    }

    /// Lets the issuers publish their own keys again, to an instance that has seen nothing.
    pub fn restore(&self) -> Result<()> {
        self.changed.set(false);
        let mut world = self.world.borrow_mut();
        world.issuers.publish_own();
        world.restart_cold()
    }

    /// An answer of the issuers' server.
    fn answer_of(&self, what: &Publication) -> backend::Answer {
        let empty = |status, headers| backend::Answer {
            status,
            headers,
            body: Body::Bytes(Vec::new()),
            delay: Duration::ZERO,
        };
        match what {
            Publication::Answer { status, body } => backend::Answer {
                status: *status,
                ..backend::Answer::json(body)
            },
            Publication::Redirect { body } => {
                lock(&self.elsewhere_set).clone_from(body);
                let location = format!("http://{}{ELSEWHERE}", self.elsewhere.address());
                empty(302, Headers::new(&[("location", &location)]))
            }
            // A connection that breaks off is among the end-to-end cases; here it is the answer.
            Publication::Down => empty(503, Headers::default()),
        }
    }

    /// What the issuer publishes, in a world whose validator knows nothing of its keys yet.
    fn change(&self, issuer: IssuerName, what: &Publication) -> Result<()> {
        let answer = self.answer_of(what);
        let first_change = !self.changed.replace(true);
        let mut world = self.world.borrow_mut();
        {
            let issuer = match issuer {
                IssuerName::First => &world.issuers.cbss,
                IssuerName::Second => &world.issuers.nic,
            };
            world.issuers.answer(issuer, answer);
        }
        if first_change {
            world.restart_cold()?;
            self.log_from.set(world.log_size()?);
        }
        Ok(())
    }

    /// A request to that address, on a connection of its own.
    fn exchange(address: SocketAddr, request: &WireRequest) -> Result<Answer, TargetError> {
        let unreachable = |error: std::io::Error| TargetError::Unreachable {
            problem: error.to_string(),
        };
        let mut stream = TcpStream::connect(address).map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .map_err(unreachable)?;
        stream
            .set_write_timeout(Some(PATIENCE))
            .map_err(unreachable)?;
        wire::exchange(&mut stream, "api.test", request)
    }

    /// Keeps an answer, to be searched for what must not be in it.
    fn remember(&self, answer: &Answer) {
        let pairs: Vec<(&str, &str)> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.world.borrow().remember(&Response {
            status: answer.status,
            headers: Headers::new(&pairs),
            body: BodySeen {
                start: answer.body.clone(),
                length: answer.body.len() as u64,
                is_pattern: false,
            },
        });
    }

    fn address(&self) -> Result<SocketAddr, TargetError> {
        self.world.borrow().address().map_err(surroundings)
    }

    /// The reasons recorded since the case's instance began, once the expected one is among them.
    fn reasons(&self, expected: Option<&str>) -> Result<Vec<String>> {
        let mut waited = Duration::ZERO;
        loop {
            let from = self.log_from.get();
            let records = self.world.borrow().records(from)?;
            let reasons: Vec<String> = records
                .iter()
                .filter_map(|record| record.data("reason").as_str().map(str::to_owned))
                .collect();
            let there = expected.is_none_or(|code| reasons.iter().any(|reason| reason == code));
            if there || waited >= RECORDED {
                if let Some(last) = records.last() {
                    self.log_from.set(last.index + 1);
                }
                return Ok(reasons);
            }
            thread::sleep(POLL);
            waited += POLL;
        }
    }
}

fn surroundings(error: impl Into<anyhow::Error>) -> TargetError {
    TargetError::Surroundings {
        problem: format!("{:#}", error.into()),
    }
}

impl Target for WorldTarget<'_> {
    fn name(&self) -> String {
        self.world.borrow().runtime_name().to_owned()
    }

    fn offers(&self, need: Need) -> bool {
        match need {
            Need::KeyServer
            | Need::Simulation
            | Need::SecondIssuer
            | Need::DecisionEndpoint
            | Need::CertificateField
            | Need::Dpop
            | Need::SingleUse
            | Need::StatusList => true,
            Need::MovableClock => self.world.borrow().has_movable_clock(),
            Need::FixedClock | Need::ClientCertificate => false,
        }
    }

    fn now(&self) -> u64 {
        self.world.borrow().now()
    }

    fn instances(&self, at_once: usize) -> usize {
        // workerd has one isolate for all. On Spin those that an earlier crowd met may live on for their counts.
        match (self.world.borrow().runtime_name(), at_once) {
            ("workerd", _) | (_, 1) => 1,
            (_, _) => MOST_AT_ONCE.div_ceil(SPIN_CONCURRENCY) + 1,
        }
    }

    fn move_on(&self, seconds: u64) -> Result<(), TargetError> {
        let mut world = self.world.borrow_mut();
        let ahead = i64::try_from(seconds).map_err(surroundings)? + world.ahead();
        world.set_clock(ahead).map_err(surroundings)
    }

    fn begin(&self, publishes: bool) -> Result<(), TargetError> {
        let mut world = self.world.borrow_mut();
        if world.ahead() != 0 {
            // What an earlier case moved.
            world.set_clock(0).map_err(surroundings)?;
        }
        drop(world);
        self.start(publishes);
        Ok(())
    }

    fn publish(&self, issuer: IssuerName, what: &Publication) -> Result<(), TargetError> {
        self.change(issuer, what).map_err(surroundings)
    }

    fn publish_status(&self, uri: &str, what: &Publication) -> Result<(), TargetError> {
        let path = uri.find(STATUS_PATH).and_then(|at| uri.get(at..));
        let path = path.ok_or_else(|| surroundings(anyhow!("{uri} is not served here")))?;
        let answer = self.answer_of(what);
        self.world.borrow().issuers.serve(path, answer);
        Ok(())
    }

    fn send(&self, request: &WireRequest) -> Result<Answer, TargetError> {
        if request.certificate.is_some() {
            return Err(surroundings(anyhow!("no certificate can be shown here")));
        }
        let answer = Self::exchange(self.address()?, request)?;
        self.remember(&answer);
        Ok(answer)
    }

    fn send_all(
        &self,
        requests: &[WireRequest],
        at_once: usize,
    ) -> Vec<Result<Answer, TargetError>> {
        let address = match self.address() {
            Ok(address) => address,
            Err(error) => return vec![Err(error)],
        };
        let answers = in_parallel(requests, at_once, |request| {
            Self::exchange(address, request)
        });
        for answer in answers.iter().flatten() {
            self.remember(answer);
        }
        answers
    }

    fn witness(&self, expected: Option<&str>) -> Result<Witness, TargetError> {
        let forwarded = self.world.borrow().take_seen().len();
        let fetches = self.all_fetches();
        let since = fetches - self.fetches.replace(fetches);
        let reasons = if self.publishes.get() {
            Some(self.reasons(expected).map_err(surroundings)?)
        } else {
            None
        };
        Ok(Witness {
            forwarded: Some(forwarded),
            fetches: usize::try_from(since).ok(),
            reasons,
        })
    }
}

impl std::fmt::Debug for WorldTarget<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("WorldTarget")
            .finish_non_exhaustive()
    }
}

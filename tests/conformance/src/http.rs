//! A target over HTTP/1.1.

pub mod wire;

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::case::{IssuerName, Need};
use crate::error::TargetError;
use crate::request::{Publication, WireRequest};
use crate::target::{Answer, Target, Witness};

/// A way to reach a server: in the clear, or through TLS.
pub trait Connect {
    /// The connection.
    type Stream: Read + Write;

    /// Opens a connection of its own for a request.
    fn connect(&self) -> io::Result<Self::Stream>;
}

/// TCP in the clear.
#[derive(Debug, Clone)]
pub struct Tcp {
    /// Host and port.
    pub authority: String,
    /// The longest wait for a connection, or for the next bytes.
    pub patience: Duration,
}

impl Connect for Tcp {
    type Stream = TcpStream;

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in self.authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(self.patience))?;
                    stream.set_write_timeout(Some(self.patience))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A deployed validator, of which nothing is seen but its answers.
#[derive(Debug)]
pub struct HttpTarget<C> {
    /// What it is called in reports.
    pub name: String,
    /// How it is reached.
    pub connector: C,
    /// The `Host` field.
    pub host: String,
    /// Path before every target, without a slash at its end.
    pub prefix: String,
    /// What it can do besides.
    pub offers: Vec<Need>,
    /// The clock by which tokens are made.
    pub clock: fn() -> u64,
}

impl<C: Connect> Target for HttpTarget<C> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn offers(&self, need: Need) -> bool {
        self.offers.contains(&need)
    }

    fn now(&self) -> u64 {
        (self.clock)()
    }

    fn begin(&self, _publishes: bool) -> Result<(), TargetError> {
        Ok(())
    }

    fn publish(&self, _issuer: IssuerName, _what: &Publication) -> Result<(), TargetError> {
        Err(TargetError::Surroundings {
            problem: "the issuers of a deployed target are not ours".to_owned(),
        })
    }

    fn publish_status(&self, _uri: &str, _what: &Publication) -> Result<(), TargetError> {
        self.publish(IssuerName::First, &Publication::Down)
    }

    fn send(&self, request: &WireRequest) -> Result<Answer, TargetError> {
        let unreachable = |error: io::Error| TargetError::Unreachable {
            problem: error.to_string(),
        };
        let mut stream = self.connector.connect().map_err(unreachable)?;
        let mut request = request.clone();
        request.target = format!("{}{}", self.prefix, request.target);
        wire::exchange(&mut stream, &self.host, &request)
    }

    fn witness(&self, _expected: Option<&str>) -> Result<Witness, TargetError> {
        Ok(Witness::default())
    }
}

//! The pipeline: parse, resolve, verify, decide, record; then forward.
//!
//! Steps are numbered after the token profile.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use sluis_log::{
    BackendResult, EdgeNode, HkdfSha256, MappedLog, OutcomeCode, PendingEntry, ReceiptField,
    RetentionTerms, Shard, StoredEntry, hkdf_sha256,
};
use sluis_minimise::AllowList;
use sluis_policy::{Allowance, Catalogue, HolderIdentity, VerificationSystemKind as Kind};
use sluis_token::{
    AccessToken, BearerRequest, DEFAULT_CACHE_CAPACITY, UnixTime, VerifiedAccessToken,
    VerifiedTokenCache,
};

use crate::assertion::{self, AssertionFacts};
use crate::audit::Reader;
use crate::authenticate::{Authentication, Unacceptable};
use crate::compare::Comparison;
use crate::config::{Config, ConfigError, IssuerConfig};
use crate::error::{Fault, Refusal, Stop};
use crate::keys::KeyRing;
use crate::log_watch::LogWatch;
use crate::minimise::FieldLists;
use crate::original::OriginalRequest;
use crate::payload_keys::KnownPayloadKeys;
use crate::permit::{ForwardPermit, RecordedAllowance, append};
use crate::platform::{InboundRequest, Platform};
use crate::record::{self, OutcomeTicket};
use crate::references::KnownReferences;
use crate::secrets::Secrets;
use crate::sender::{Bound, Sender};
use crate::shadow::{RecordedRefusal, Stopped};
use crate::status::StatusLists;
use crate::subject::SubjectSource;
use crate::tally::Tally;
use crate::trace::Nonces;

/// Time before an outcome that its log did not take is appended again, in milliseconds.
pub const OUTCOME_RETRY_MS: u32 = 500;

/// One deployment's gate. An instance holds one and serves every request with it.
#[derive(Debug)]
pub struct Gate {
    pub(crate) config: Config,
    pub(crate) catalogue: Catalogue,
    /// What of an answer passes (profile §35).
    pub(crate) field_lists: FieldLists,
    pub(crate) secrets: Secrets,
    /// What calculates the commitments of records.
    pub(crate) hkdf: HkdfSha256,
    pub(crate) keys: KeyRing,
    pub(crate) status_lists: Rc<StatusLists>,
    pub(crate) references: KnownReferences,
    pub(crate) payload_keys: KnownPayloadKeys,
    pub(crate) cache: Rc<RefCell<VerifiedTokenCache>>,
    pub(crate) tally: Tally,
    /// The candidate, if something is compared.
    pub(crate) comparison: Option<Rc<Comparison>>,
    /// How the logs stand, as far as this instance knows.
    pub(crate) log_watch: LogWatch,
    /// Where this instance runs, once that is known.
    edge_node: OnceCell<EdgeNode>,
    assertion_keys: String,
    /// The header of every assertion, once one was made.
    pub(crate) assertion_header: OnceCell<String>,
}

/// An allowed and recorded request.
pub(crate) struct Admission {
    pub(crate) permit: ForwardPermit,
    pub(crate) outcome: OutcomeTicket,
    /// What of the answer passes; none if it is not looked into.
    pub(crate) fields: Option<Rc<AllowList>>,
    /// For whoever gets the answer.
    pub(crate) receipt: Option<ReceiptField>,
    /// For the sender's next DPoP proof.
    pub(crate) next_nonce: Option<String>,
}

impl Gate {
    /// Starts a gate, if the configuration asks for nothing that the catalogue
    /// does not know.
    pub fn new(
        config: Config,
        catalogue: Catalogue,
        secrets: Secrets,
    ) -> Result<Rc<Self>, ConfigError> {
        Self::with_hkdf(config, catalogue, secrets, hkdf_sha256)
    }

    /// The same with the platform's own HKDF-SHA256, where that is faster.
    pub fn with_hkdf(
        config: Config,
        catalogue: Catalogue,
        secrets: Secrets,
        hkdf: HkdfSha256,
    ) -> Result<Rc<Self>, ConfigError> {
        config.check_against(&catalogue)?;
        let field_lists = FieldLists::new(&config.routes, &catalogue)?;
        let cache = Rc::new(RefCell::new(VerifiedTokenCache::new(
            DEFAULT_CACHE_CAPACITY,
        )));
        let status_lists = Rc::new(StatusLists::default());
        let (verified, lists) = (Rc::clone(&cache), Rc::clone(&status_lists));
        // Everything that rests on an issuer's keys goes with them.
        let forget = move |issuer: &str| {
            verified.borrow_mut().remove_issuer(issuer);
            lists.forget(issuer);
        };
        let keys = KeyRing::new(&config, &secrets.vault, secrets.has_operator(), forget);
        Ok(Rc::new(Self {
            keys,
            status_lists,
            cache,
            references: KnownReferences::default(),
            payload_keys: KnownPayloadKeys::default(),
            tally: Tally::default(),
            comparison: Comparison::new(&config, &secrets).map(Rc::new),
            log_watch: LogWatch::default(),
            edge_node: OnceCell::new(),
            assertion_keys: assertion::key_set(&secrets),
            assertion_header: OnceCell::new(),
            field_lists,
            config,
            catalogue,
            secrets,
            hkdf,
        }))
    }

    /// Where this instance runs, for the records of its decisions (M-21.5).
    pub fn edge_node(&self) -> Option<&EdgeNode> {
        self.edge_node.get()
    }

    /// Tells where it runs. What was told first stays: an instance does not move.
    pub fn set_edge_node(&self, node: EdgeNode) {
        self.edge_node.get_or_init(|| node);
    }

    /// The JWK set that checks this gate's assertions.
    pub(crate) fn assertion_keys(&self) -> &str {
        &self.assertion_keys
    }

    /// Takes one request from its head to a permit, or stops it.
    pub(crate) async fn admit<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        original: &OriginalRequest,
        request: &mut P::Request,
        nonces: &Nonces,
    ) -> Result<Admission, Stopped> {
        let found = self
            .config
            .routes
            .find(&original.method, &original.target)
            .map_err(Refusal::from)?;
        // Profile §1–2.
        let bearer = BearerRequest {
            authorization: original.authorization.as_deref(),
            query: original.query(),
            content_type: original.content_type.as_deref(),
        };
        let bearer = bearer.parse().map_err(Refusal::from)?;
        let now_ms = platform.now_ms();
        let context = record::Context::new(self, nonces, now_ms, original, &found);
        let sender = Sender {
            original,
            request: &*request,
        };
        let authentication = self.authenticate(platform, &bearer, &sender, now_ms);
        let (Bound { token, next_nonce }, issuer) = match authentication.await? {
            Authentication::Verified(bound, issuer) => (bound, issuer),
            Authentication::Unacceptable(unacceptable) => {
                let refused = self.refuse_unacceptable(platform, &context, &bearer, unacceptable);
                return Err(refused.await);
            }
        };
        let enforcement = &self.config.enforcement;
        let hides = enforcement.licence().is_some() && self.hides_holder(&token, issuer);
        let source = if !original.has_body_here {
            SubjectSource::HeadOnly
        } else if enforcement.licence().is_some() && !fits(request, self.config.body_limit) {
            SubjectSource::TooLarge
        } else {
            SubjectSource::Request(request)
        };
        let judged = self
            .judge(platform, &found, &token, issuer, source, now_ms)
            .await
            .map_err(|fault| Stopped::failed(fault, hides))?;
        let mandate_type = token.mandate().mandate_type();
        let terms = self.retention_of(Some(mandate_type));
        let key = context.key(platform, judged.outcome_code(), terms);
        let key = key.await.map_err(|fault| Stopped::failed(fault, hides))?;
        let entry = context
            .judged(&key, &token, issuer.system.id(), &judged)
            .map_err(|fault| Stopped::failed(fault, hides))?;
        // Profile §33: durable before anything leaves, a refusal too.
        let body_sha256 = judged.body_sha256;
        let failed_in_shadow = judged.failed_in_shadow();
        let allowance = match judged.into_allowance() {
            Ok(allowance) => allowance,
            Err(stop) => return Err(self.refuse(platform, &entry, stop, hides, terms).await),
        };
        let recorded = self
            .allow(platform, &entry, allowance)
            .await
            .map_err(|fault| Stopped::failed(fault, hides))?;
        let fields = self
            .field_lists
            .of(found.route, recorded.mandate_type().code());
        let facts = AssertionFacts {
            gate: self,
            token: &token,
            original,
            body_sha256,
            operation: &found.route.operation,
            fields: fields.as_deref(),
            failed_in_shadow,
            entry_id: entry.id(),
            trace_id: nonces.trace_id(),
            now_ms,
        };
        let assertion = assertion::sign(platform, &facts, &recorded);
        let assertion = assertion.map_err(|fault| Stopped::failed(fault, hides))?;
        let receipt = self.receipt_of(&entry, recorded.index(), nonces);
        // Where nothing is enforced the answer too goes on as it came.
        let fields = fields.filter(|_| enforcement.licence().is_none());
        let permit = ForwardPermit::issue(
            recorded,
            &self.config.upstream,
            original,
            assertion,
            nonces.upstream_trace_id().as_str().to_owned(),
            enforcement.licence(),
            fields.is_some(),
        );
        Ok(Admission {
            permit,
            outcome: OutcomeTicket::new(entry.id(), nonces, terms),
            fields,
            receipt,
            next_nonce,
        })
    }

    /// Records an allowance. A log that does not take it lets nothing through.
    async fn allow<P: Platform>(
        &self,
        platform: &P,
        entry: &PendingEntry,
        allowance: Allowance,
    ) -> Result<RecordedAllowance, Fault> {
        let shard = self.shard_of(entry.id());
        let recorded = match platform.log(shard) {
            Ok(log) => RecordedAllowance::record(allowance, entry, &log).await,
            Err(error) => Err(error.into()),
        };
        self.noted(platform, shard, recorded)
    }

    /// Records the refusal of a token whose signature held and whose claims do not.
    async fn refuse_unacceptable<P: Platform>(
        &self,
        platform: &P,
        context: &record::Context<'_>,
        bearer: &AccessToken,
        unacceptable: Unacceptable<'_>,
    ) -> Stopped {
        let Unacceptable {
            issuer,
            key_thumbprint,
            stop,
        } = unacceptable;
        let system = &issuer.system;
        let terms = self.retention_of(None);
        let entry = match context.key(platform, OutcomeCode::Refused, terms).await {
            Ok(key) => context.unacceptable(&key, bearer, system.id(), key_thumbprint, &stop),
            Err(fault) => Err(fault),
        };
        let hides = self.catalogue.hides_holders_of(system.id(), system.kind());
        match entry {
            Ok(entry) => self.refuse(platform, &entry, stop, hides, terms).await,
            Err(fault) => Stopped::failed(fault, hides),
        }
    }

    /// Records a refusal. A log that does not take it is the reason then.
    async fn refuse<P: Platform>(
        &self,
        platform: &P,
        entry: &PendingEntry,
        stop: Stop,
        hides: bool,
        terms: RetentionTerms,
    ) -> Stopped {
        let shard = self.shard_of(entry.id());
        let recorded = match platform.log(shard) {
            Ok(log) => RecordedRefusal::record(entry, hides, terms, &log).await,
            Err(error) => Err(error.into()),
        };
        match self.noted(platform, shard, recorded) {
            Ok(refusal) => Stopped::recorded(stop, refusal),
            Err(fault) => Stopped::failed(fault, hides),
        }
    }

    /// Whether the token's holder must stay unknown to the backend (M-15.2,
    /// M-17.3); that of a mandate of an unknown type does.
    fn hides_holder(&self, token: &VerifiedAccessToken, issuer: &IssuerConfig) -> bool {
        let offered = self.catalogue.mandate_type(token.mandate().mandate_type());
        issuer.system.kind() == Kind::SecondaryNetwork
            || offered
                .is_none_or(|offered| offered.holder_identity() == HolderIdentity::Pseudonymised)
    }

    /// Remembers for `/health` how a write to a log went.
    fn noted<P: Platform, T>(
        &self,
        platform: &P,
        shard: Shard,
        written: Result<T, Fault>,
    ) -> Result<T, Fault> {
        let failed = matches!(written, Err(Fault::Log(_)));
        self.log_watch
            .noted(shard, failed.then(|| platform.now_ms()));
        written
    }

    /// Records what became of a forwarded request, behind its answer.
    pub(crate) fn record_outcome<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        ticket: OutcomeTicket,
        result: BackendResult<'static>,
        duration_ms: u64,
    ) {
        let (gate, later) = (Rc::clone(self), platform.clone());
        platform.defer(async move {
            // The decision is durable; an outcome that cannot be recorded
            // leaves it open, which the log shows.
            let outcome = gate.try_outcome(&later, ticket, result, duration_ms);
            if let Err(fault) = outcome.await {
                let decision = ticket.decision();
                later.report(&format!(
                    "sluis: the outcome of decision {decision} is not recorded: {fault}"
                ));
            }
        });
    }

    /// Seals and appends an outcome; once more if the log did not take it. The entry's
    /// id and content stay, so one that was taken without a word is not taken twice.
    async fn try_outcome<P: Platform>(
        &self,
        platform: &P,
        ticket: OutcomeTicket,
        result: BackendResult<'static>,
        duration_ms: u64,
    ) -> Result<(), Fault> {
        let now_ms = platform.now_ms();
        let sealed = ticket.seal(self, platform, result, duration_ms, now_ms);
        let entry = sealed.await?;
        let shard = self.shard_of(ticket.decision());
        let first = self.append_outcome(platform, shard, &entry).await;
        match first {
            Err(Fault::Log(_)) => {
                platform.sleep(OUTCOME_RETRY_MS).await;
                self.append_outcome(platform, shard, &entry).await
            }
            first => first,
        }
    }

    async fn append_outcome<P: Platform>(
        &self,
        platform: &P,
        shard: Shard,
        entry: &PendingEntry,
    ) -> Result<(), Fault> {
        let appended = match platform.log(shard) {
            Ok(log) => append(entry, &log).await,
            Err(error) => Err(error.into()),
        };
        self.noted(platform, shard, appended).map(drop)
    }

    /// Records that an auditor read records about persons (M-25.1). Reading
    /// only the records of readings leaves none, or following the log would
    /// never end.
    pub(crate) async fn record_reading<P: Platform>(
        &self,
        platform: &P,
        read: (&Reader, &MappedLog),
        (from, limit): (u64, u32),
        items: &[StoredEntry],
        nonces: &Nonces,
    ) -> Result<(), Fault> {
        if !items.iter().any(StoredEntry::is_about_a_person) {
            return Ok(());
        }
        let entry = record::reading(self, platform, read, (from, limit), nonces).await?;
        self.append(platform, &entry).await.map(drop)
    }
}

/// Whether a body is declared to be within a limit. One that is not would be
/// lost by trying to read it.
fn fits(request: &impl InboundRequest, limit: usize) -> bool {
    let length = request.header("content-length");
    length.is_some_and(|length| length.parse::<usize>().is_ok_and(|length| length <= limit))
}

pub(crate) fn unix_time(now_ms: u64) -> Result<UnixTime, Fault> {
    UnixTime::from_seconds(now_ms / 1000).ok_or(Fault::Record)
}

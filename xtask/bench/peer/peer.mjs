// The peer of the benchmark: the same decision endpoint as a JavaScript Worker
// with npm `jose`, written as one who knows Workers would write it.
//
// It does what the gate does for an allowed request: finds the operation, checks
// signature, issuer, audience, type, times and required claims (`jwtVerify`),
// the mandate's detail, the subject of the path against the token's pseudonym,
// and signs the assertion. It has no catalogue, no cache, no strict JSON and no
// strict Ed25519: leaner than ours, not heavier. Its record is ours member by
// member, with the same keyed references and list of checks (a constant here);
// it is committed to, encrypted, linked and forgotten, as ours is over its log in memory, or with
// PEER_LOG appended to the same Durable Object.

import { SignJWT, createLocalJWKSet, importJWK, jwtVerify } from "jose";

const ISSUER = "https://cbss.simulation.sluis.invalid";
const ROUTE = /^\/pension\/v1\/persons\/([0-9]{11})\/rights$/;
const CONSENT = ["scope", "holderIdentity", "authenticationLevel", "revocation", "registration"];
const OPTIONS = {
  issuer: ISSUER,
  audience: "https://api.simulation.sluis.invalid",
  typ: "at+jwt",
  algorithms: ["EdDSA", "ES256", "ES384", "PS256", "RS256"],
  requiredClaims: ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"],
  clockTolerance: 5,
};
const HMAC = { name: "HMAC", hash: "SHA-256" };
const encoder = new TextEncoder();

let started;

/** The key of this month's references, which `sluis-log` derives from the log key; a run of the benchmark is in one month. */
async function epochKey(env, now) {
  const raw = Uint8Array.fromBase64(env.SLUIS_LOG_KEY, { alphabet: "base64url" });
  const log = await crypto.subtle.importKey("raw", raw, HMAC, false, ["sign"]);
  const name = encoder.encode(`sluis log epoch v1\0${now.toISOString().slice(0, 7)}`);
  return crypto.subtle.importKey("raw", await crypto.subtle.sign("HMAC", log, name), HMAC, false, ["sign"]);
}

/** The key of receipts, likewise. */
async function receiptKey(env) {
  const raw = Uint8Array.fromBase64(env.SLUIS_LOG_KEY, { alphabet: "base64url" });
  const log = await crypto.subtle.importKey("raw", raw, HMAC, false, ["sign"]);
  const key = await crypto.subtle.sign("HMAC", log, encoder.encode("sluis receipt key v1\0"));
  return crypto.subtle.importKey("raw", key, HMAC, false, ["sign"]);
}

/** Keys are imported once an isolate, as ours are. */
async function start(env) {
  const raw = Uint8Array.fromBase64(env.SLUIS_PSEUDONYM_KEY, { alphabet: "base64url" });
  return {
    keys: createLocalJWKSet(JSON.parse(env.PEER_JWKS)),
    pseudonym: await crypto.subtle.importKey("raw", raw, HMAC, false, ["sign"]),
    assertion: await importJWK(JSON.parse(env.SLUIS_ASSERTION_KEY), "EdDSA"),
    references: await epochKey(env, new Date()),
    receipts: await receiptKey(env),
    // The cipher that costs least here; ours must do without hardware on the other platform.
    payloads: await crypto.subtle.importKey(
      "raw",
      Uint8Array.fromBase64(env.SLUIS_PAYLOAD_KEY, { alphabet: "base64url" }),
      "AES-GCM",
      false,
      ["encrypt"],
    ),
  };
}

const base64url = (bytes) => new Uint8Array(bytes).toBase64({ alphabet: "base64url", omitPadding: true });

function problem(status, type, trace) {
  const body = JSON.stringify({ type: `urn:problem-type:belgif:${type}`, status, title: type });
  return new Response(body, {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store, max-age=0",
      "belgov-trace-id": trace,
    },
  });
}

function covers(mandate, now) {
  return (
    mandate.type === "mandate" &&
    mandate.status === "active" &&
    mandate.mandateType === "simPensionOverview" &&
    mandate.deliberation === "SIM/001" &&
    mandate.purposes.includes("simPensionSimulation") &&
    mandate.dataCategories.includes("simPensionRights") &&
    mandate.validFrom <= now &&
    now < mandate.validUntil &&
    mandate.grant.level === "urn:be:fedict:iam:fas:citizen:Level400" &&
    mandate.grant.grantedBy === "dataSubject" &&
    mandate.grant.consentVersion === "2026-01" &&
    CONSENT.every((item) => mandate.grant.consentItems.includes(item)) &&
    typeof mandate.holder.enterpriseNumber === "string" &&
    mandate.channel === "api" &&
    mandate.circleOfTrust?.version === "1" &&
    mandate.terms?.version === "1"
  );
}

/** What the catalogue approves of the answer. */
const FIELDS = ["data.accruedRights", "data.careerStart", "data.earliestPensionDate", "data.scheme"];

const CAPABILITY = encoder.encode("sluis receipt capability v1\0");
const ORIGIN = "gate.simulation.sluis.invalid/log";
const COMMITMENT = encoder.encode("sluis log commitment v1\0");
const CHAIN = encoder.encode("sluis log chain v1\0");
const PAYLOAD = encoder.encode("sluis log payload v1\0accesses/2037-01-01\0gate.simulation.sluis.invalid/log\0");
let head = new Uint8Array(32);
let size = 0;

function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const CHECKS = [
  "M-11.1 flowSeparated", "M-12.1 mandateTypeKnown", "M-12.2 environmentMatches", "M-12.2 mandateTypeOffered",
  "M-D.1 frameworkInForce", "M-12.2 deliberationApprovesType", "M-3.1 deliberationInForce",
  "M-16.2 verificationSystemAdmissible", "M-1.1 holderTypeAdmitted", "M-5.2 purposeCovered",
  "M-12.3 purposesApproved", "M-6.2 dataCategoriesCovered", "M-12.3 dataCategoriesApproved", "M-12.5 mandateWindow",
  "M-12.5 mandateDuration", "M-12.5 tokenWithinMandate", "M-9.2 usageAdmitted", "M-13.2 grantLevel",
  "M-10.1 grantedByDataSubject", "M-13.1 consentItems", "M-13.1 consentVersion", "M-5.1 mandateActive",
  "M-5.1 holderAccepted", "M-15.4 holderIdentity", "M-23.1 channelOffered", "M-23.1 apiHolder",
  "M-23.1 circleOfTrustAccepted", "M-23.1 termsAccepted",
];

/** A keyed reference, as `sluis-log` makes it. */
async function reference(key, domain, ...parts) {
  const pieces = [encoder.encode(domain + "\0")];
  for (const part of parts) {
    const text = encoder.encode(part);
    const length = new Uint8Array(8);
    new DataView(length.buffer).setUint32(4, text.length);
    pieces.push(length, text);
  }
  return base64url(await crypto.subtle.sign("HMAC", key, concat(...pieces)));
}

/** Seals an entry as `sluis-log` does and appends it; the index. */
async function record(env, { references, payloads }, token, claims, mandate, trace, id, now) {
  const random = crypto.getRandomValues(new Uint8Array(32));
  const payload = JSON.stringify({
    specversion: "1.0",
    id,
    source: "https://gate.simulation.sluis.invalid",
    type: "invalid.sluis.simulation.v1.accesses.notify.granted",
    time: new Date(now).toISOString(),
    datacontenttype: "application/json",
    service: "invalid.sluis.simulation.v1",
    data: {
      traceId: trace,
      institution: "sluis-simulation",
      mode: "inline",
      decision: "granted",
      operation: "listPensionRights",
      basis: "mandate",
      purpose: "simPensionSimulation",
      dataCategories: ["simPensionRights"],
      verificationSystem: "simCbss",
      tokenHash: new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(token))).toHex(),
      tokenId: claims.jti,
      keyThumbprint: "A".repeat(43),
      referenceKey: "A".repeat(11),
      mandateRef: await reference(references, "sluis log mandate v1", claims.iss, mandate.mandateId),
      mandateType: mandate.mandateType,
      actor: {
        type: mandate.holder.type,
        identification: "enterpriseNumber",
        holderRef: await reference(references, "sluis log holder v1", "enterpriseNumber", mandate.holder.enterpriseNumber),
      },
      subjectRef: await reference(references, "sluis log subject v1", claims.sub),
      channel: mandate.channel,
      deliberation: mandate.deliberation,
      deliberationVersion: "1",
      policyDigest: "0".repeat(64),
      checks: [{ by: "peer", held: CHECKS }],
    },
  });
  const bytes = Uint8Array.fromHex(id.replaceAll("-", ""));
  const text = encoder.encode(payload);
  const key = await crypto.subtle.importKey("raw", text, "HKDF", false, ["deriveBits"]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: random, info: concat(COMMITMENT, bytes) };
  const commitment = await crypto.subtle.deriveBits(hkdf, key, 256);
  const iv = new Uint8Array(commitment, 0, 12);
  const cipher = { name: "AES-GCM", iv, additionalData: concat(PAYLOAD, bytes) };
  const clear = concat(random, text);
  const sealed = new Uint8Array(await crypto.subtle.encrypt(cipher, payloads, clear));
  const entry = new Uint8Array(71);
  entry.set([1, 1, 1]);
  new DataView(entry.buffer).setUint32(3, Math.floor(now / 60_000));
  entry.set(new Uint8Array(commitment), 39);
  const leaf = new Uint8Array(await crypto.subtle.digest("SHA-256", concat(new Uint8Array(1), entry)));
  if (env.PEER_LOG !== "1") {
    head = new Uint8Array(await crypto.subtle.digest("SHA-256", concat(CHAIN, head, leaf)));
    return { index: size++, leaf };
  }
  const receipt = await env.AUDIT_LOG.getByName("log").append(
    JSON.stringify({ id, entry: base64url(entry), period: "accesses/2037-01-01" }),
    sealed,
  );
  if (typeof receipt !== "string") throw new Error(`the log answered ${receipt}`);
  return { index: JSON.parse(receipt).index, leaf };
}

/** The `Sluis-Receipt` field of an answer, as `sluis-log` makes it. */
async function receiptField(key, index, leaf) {
  const outcome = crypto.randomUUID();
  const place = new Uint8Array(8);
  new DataView(place.buffer).setUint32(4, index);
  const bytes = Uint8Array.fromHex(outcome.replaceAll("-", ""));
  const message = concat(CAPABILITY, place, leaf, bytes, encoder.encode(ORIGIN));
  const capability = new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
  return `log="${ORIGIN}", index=${index}, leaf=:${leaf.toBase64()}:, outcome="${outcome}", capability=:${capability.toBase64()}:`;
}

async function decide(request, env) {
  const trace = crypto.randomUUID();
  const secrets = await (started ??= start(env));
  const { keys, pseudonym, assertion, receipts } = secrets;
  if (request.headers.get("x-original-method") !== "GET") return problem(404, "resourceNotFound", trace);
  const path = ROUTE.exec(request.headers.get("x-original-uri") ?? "");
  if (path === null) return problem(404, "resourceNotFound", trace);
  const authorization = request.headers.get("authorization") ?? "";
  if (!authorization.startsWith("Bearer ")) return problem(401, "missingAccessToken", trace);
  let claims;
  try {
    ({ payload: claims } = await jwtVerify(authorization.slice(7), keys, OPTIONS));
  } catch {
    return problem(401, "invalidAccessToken", trace);
  }
  const now = Date.now();
  const details = claims.authorization_details;
  if (!Array.isArray(details) || details.length !== 1 || !covers(details[0], now / 1000)) {
    return problem(403, "missingPermission", trace);
  }
  const mandate = details[0];
  const derived = await crypto.subtle.sign("HMAC", pseudonym, encoder.encode(`sluis subject v1\0${path[1]}`));
  if (base64url(derived) !== claims.sub) return problem(403, "missingPermission", trace);
  const id = crypto.randomUUID();
  const { index, leaf } = await record(env, secrets, authorization.slice(7), claims, mandate, trace, id, now);
  const iat = Math.floor(now / 1000);
  const target = await crypto.subtle.digest("SHA-256", encoder.encode(path[0]));
  const signed = await new SignJWT({
    iss: "sluis-simulation",
    aud: "https://backend.simulation.sluis.invalid",
    iat,
    exp: iat + 30,
    jti: id,
    sub: claims.sub,
    method: "GET",
    targetHash: base64url(target),
    operation: "listPensionRights",
    purpose: "simPensionSimulation",
    dataCategories: mandate.dataCategories,
    fields: FIELDS,
    mandateType: mandate.mandateType,
    deliberation: mandate.deliberation,
    holder: { enterpriseNumber: mandate.holder.enterpriseNumber },
    traceId: trace,
    logIndex: index,
  })
    .setProtectedHeader({ alg: "EdDSA", typ: "sluis-assertion+jwt", kid: "peer" })
    .sign(assertion);
  return new Response(null, {
    headers: {
      "sluis-assertion": signed,
      "sluis-receipt": await receiptField(receipts, index, leaf),
      "cache-control": "no-store, max-age=0",
      "belgov-trace-id": trace,
    },
  });
}

let keySet;

export default {
  fetch(request, env) {
    if (request.url.endsWith("/.well-known/jwks.json")) {
      if (keySet === undefined) {
        const { d, ...key } = JSON.parse(env.SLUIS_ASSERTION_KEY);
        keySet = JSON.stringify({ keys: [key] });
      }
      return new Response(keySet, {
        headers: {
          "content-type": "application/json",
          "cache-control": "public, max-age=300",
          "belgov-trace-id": crypto.randomUUID(),
        },
      });
    }
    return decide(request, env);
  },
};

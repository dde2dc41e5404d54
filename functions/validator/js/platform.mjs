// What the WebAssembly module asks of the Workers runtime, and how it is told
// the outcome. Two rules:
//
// - Nothing here throws into WebAssembly. An exception that crosses a Rust frame
//   skips its destructors and leaves the module's state broken.
// - An asynchronous call takes a number, its operation. When it ends, `complete`
//   hands number and outcome back in one call. So a promise costs one JavaScript
//   closure; a future of wasm-bindgen costs two that WebAssembly allocates and
//   frees, a microtask more, and some 10 µs.

import { createPrivateKey, hkdfSync, sign as signEd25519 } from "node:crypto";

/** Exports of the module: `complete(operation, value)`, where `undefined` is failure, and `run()`. */
let complete;
let run;

/** What waits for an answer, by the number of the request. */
let answered;

export function bind(exports, settled) {
  ({ complete, run } = exports);
  answered = settled;
}

export function schedule() {
  queueMicrotask(run);
}

export function settle(request, answer, upstream) {
  answered(request, answer, upstream);
}

/** One line for the operator. Never holds anything of a request. */
export function report(line) {
  console.error(line);
}

function watch(operation, promise) {
  promise.then(
    (value) => complete(operation, value),
    () => complete(operation, undefined),
  );
}

/** A header of a request or a response, repeated fields joined by `, `. Never throws: names are constants of ours. */
export function header(message, name) {
  return message.headers.get(name) ?? undefined;
}

/**
 * The fingerprint of the client's certificate, if the TLS connection had one that Cloudflare verified and does not know to be
 * revoked. `cf` is the platform's: no header can set it.
 */
export function client_certificate(request) {
  const tls = request.cf?.tlsClientAuth;
  if (tls?.certPresented !== "1" || tls.certVerified !== "SUCCESS" || tls.certRevoked === "1") return undefined;
  return typeof tls.certFingerprintSHA256 === "string" ? tls.certFingerprintSHA256 : undefined;
}

/** The code of the data centre that this runs in, by the platform: no header can set it. */
export function colo(request) {
  const colo = request.cf?.colo;
  return typeof colo === "string" ? colo : undefined;
}

// Signatures ---------------------------------------------------------------

const IMPORT = [
  { name: "Ed25519" },
  { name: "ECDSA", namedCurve: "P-256" },
  { name: "ECDSA", namedCurve: "P-384" },
  { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  { name: "RSA-PSS", hash: "SHA-256" },
];
const VERIFY = [
  "Ed25519",
  { name: "ECDSA", hash: "SHA-256" },
  { name: "ECDSA", hash: "SHA-384" },
  "RSASSA-PKCS1-v1_5",
  // The salt is as long as the hash (RFC 7518 §3.5).
  { name: "RSA-PSS", saltLength: 32 },
];

/** Imports a public JWK; the outcome is a CryptoKey. */
export function import_key(operation, algorithm, jwk) {
  try {
    watch(operation, crypto.subtle.importKey("jwk", JSON.parse(jwk), IMPORT[algorithm], false, ["verify"]));
  } catch {
    queueMicrotask(() => complete(operation, undefined));
  }
}

/** Verifies; the outcome is a boolean. Both arrays are views that WebCrypto copies before it returns. */
export function verify(operation, algorithm, key, signature, data) {
  try {
    watch(operation, crypto.subtle.verify(VERIFY[algorithm], key, signature, data));
  } catch {
    queueMicrotask(() => complete(operation, undefined));
  }
}

/**
 * Takes the private Ed25519 key of the assertions; undefined if it is none. Node's interface to the runtime's
 * cryptography signs at once, where WebCrypto's promise would cost a second way into the module.
 */
export function signing_key(jwk) {
  try {
    return createPrivateKey({ key: JSON.parse(jwk), format: "jwk" });
  } catch {
    return undefined;
  }
}

/** Signs into `signature`, a view on the module's memory; whether that succeeded. */
export function sign(key, data, signature) {
  try {
    const bytes = signEd25519(null, data, key);
    if (bytes.length !== signature.length) return false;
    signature.set(bytes);
    return true;
  } catch {
    return false;
  }
}

/** HKDF-SHA256 into `output`, a view on the module's memory; whether that succeeded. */
export function hkdf_sha256(salt, keyingMaterial, info, output) {
  try {
    output.set(new Uint8Array(hkdfSync("sha256", keyingMaterial, salt, info, output.length)));
    return true;
  } catch {
    return false;
  }
}

// The log -------------------------------------------------------------------

/** The outcome of the call, or `TIMED_OUT` once that many milliseconds have passed; whatever comes later is dropped. */
function bounded(operation, milliseconds, call) {
  let over = false;
  const end = (value) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    complete(operation, value);
  };
  const timer = setTimeout(end, milliseconds, TIMED_OUT);
  let answer;
  try {
    answer = call();
  } catch {
    queueMicrotask(end);
    return;
  }
  answer.then(end, () => end(undefined));
}

/** Appends an entry; the outcome is what `AuditLog.append` returns. `sealed` is a view on the module's memory, so it is copied. */
export function append(operation, stub, head, sealed, milliseconds) {
  const bytes = sealed.slice();
  bounded(operation, milliseconds, () => stub.append(head, bytes));
}

/** Reads entries; the outcome is what `AuditLog.read` returns. */
export function read(operation, stub, from, limit, milliseconds) {
  bounded(operation, milliseconds, () => stub.read(from, limit));
}

/** Asks something of the tree or of a trusted head; the outcome is what `ask` of `AuditLog` or `CheckpointStore` returns. */
export function ask(operation, stub, question, milliseconds) {
  bounded(operation, milliseconds, () => stub.ask(question));
}

// What was used once --------------------------------------------------------------

/** Uses a key; the outcome is what `ReplayStore.consume` returns. `key` is a view on the module's memory, so it is copied. */
export function consume(operation, stub, key, until, milliseconds) {
  const bytes = key.slice();
  bounded(operation, milliseconds, () => stub.consume(bytes, until));
}

// The shared store ------------------------------------------------------------

/** Reads a value of a KV namespace; the outcome is its bytes, or `undefined`. */
export function shared_get(operation, namespace, key, milliseconds) {
  bounded(operation, milliseconds, async () => {
    const value = await namespace.get(key, "arrayBuffer");
    return value === null ? undefined : new Uint8Array(value);
  });
}

/**
 * Writes one; the outcome is true, `undefined` or `TIMED_OUT`. `value` is a view on the module's memory, so it is copied before
 * anything else happens. A write that takes longer than the limit goes on behind the answer.
 */
export function shared_put(operation, context, namespace, key, value, seconds, milliseconds) {
  const bytes = value.slice();
  bounded(operation, milliseconds, () => {
    const written = namespace.put(key, bytes, { expirationTtl: seconds });
    context.waitUntil(written.catch(() => {}));
    return written.then(() => true);
  });
}

// Time ----------------------------------------------------------------------

/** Ends after that many milliseconds, with `undefined`. */
export function sleep(operation, milliseconds) {
  setTimeout(() => complete(operation, undefined), milliseconds);
}

/** Keeps the request's context alive until `release` is called with the same number. */
const kept = new Map();

export function keep(context, number) {
  context.waitUntil(new Promise((resolve) => kept.set(number, resolve)));
}

export function release(number) {
  kept.get(number)?.();
  kept.delete(number);
}

// Bodies --------------------------------------------------------------------

const TOO_LARGE = 1;

/** A whole body of at most `limit` bytes, `TOO_LARGE`, or `undefined`. */
async function limited(body, limit) {
  if (body === null) return new Uint8Array(0);
  const chunks = [];
  let size = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > limit) {
      reader.cancel().catch(() => {});
      return TOO_LARGE;
    }
    chunks.push(value);
  }
  if (chunks.length === 1) return chunks[0];
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** Reads the body of a request or a response. */
export function read_body(operation, message, limit) {
  watch(operation, limited(message.body, limit));
}

/** Lets the body of a response go: one that nobody reads holds its connection. */
export function discard(response) {
  response.body?.cancel().catch(() => {});
}

// Outbound HTTP -------------------------------------------------------------

/** Outcomes of a fetch that are no answer. */
const UNREACHABLE = 2;
const TIMED_OUT = 3;
const NOT_SENT = 4;

/** The answer's head within the limit, or one of the numbers above. */
async function head(url, init, milliseconds) {
  let request;
  try {
    request = new Request(url, { ...init, redirect: "manual" });
  } catch {
    return NOT_SENT;
  }
  // Only the head is bounded: once it is here the timer goes, and the body may stream for as long as it takes.
  const abort = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    abort.abort();
  }, milliseconds);
  try {
    const response = await fetch(request, { signal: abort.signal, cache: "no-store" });
    // Not every status that can be received can be sent on.
    if (response.status >= 200 && response.status <= 599) return response;
    response.body?.cancel().catch(() => {});
    return UNREACHABLE;
  } catch {
    return late ? TIMED_OUT : UNREACHABLE;
  } finally {
    clearTimeout(timer);
  }
}

/** A document of at most `limit` bytes: the bytes, one of the numbers above, or 1000 + the status. */
export function fetch_document(operation, url, accept, limit, milliseconds) {
  const signal = AbortSignal.timeout(milliseconds);
  watch(
    operation,
    (async () => {
      let response;
      try {
        response = await fetch(url, {
          redirect: "manual",
          cache: "no-store",
          headers: { accept },
          signal,
        });
        if (response.status !== 200) {
          response.body?.cancel().catch(() => {});
          return 1000 + response.status;
        }
        return await limited(response.body, limit);
      } catch {
        return signal.aborted ? TIMED_OUT : UNREACHABLE;
      }
    })(),
  );
}

/**
 * Sends the request on. `passing` are the names of the caller's headers that
 * pass, or `*` and the names of those that do not, `set` is name, value, name, value. The body is streamed, unless it was
 * read already and is given.
 */
export function forward(operation, request, url, passing, set, body, milliseconds) {
  const headers = new Headers();
  const names = passing.split(" ");
  if (names[0] === "*") {
    const hop = (request.headers.get("connection") ?? "").toLowerCase().split(",").map((name) => name.trim());
    for (const [name, value] of request.headers) {
      if (!names.includes(name) && !hop.includes(name)) headers.append(name, value);
    }
  } else {
    for (const name of names) {
      const value = request.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
  }
  const pairs = set.split("\n");
  for (let i = 0; i + 1 < pairs.length; i += 2) headers.set(pairs[i], pairs[i + 1]);
  const init = { method: request.method, headers, body: body ?? request.body };
  watch(operation, head(url, init, milliseconds));
}

/** The status of an answer. */
export function status(response) {
  return response.status;
}

// The way of a request through the module, shared by every Worker built on it.
//
// In: the UTF-8 of one string of method, URL and the headers that the gate asks
// of every request; it asks for others when it wants them. (Encoded here: the
// glue of wasm-bindgen copies a string character by character, 2 µs more for one
// with a token in it.) Out: one string,
// `status LF (name LF value LF)* LF body`. An answer that is ready at once makes
// no promise; a later one comes through `settled`.

/** Stands for a header that is not there; no header value can hold it. */
const ABSENT = "\0";

const encoder = new TextEncoder();
let scratch = new Uint8Array(16 * 1024);

let last = 0;
const waiting = new Map();

/** Headers of the upstream's answer: whether they pass. The rule is the gate's, asked once a name where no `Connection` is. */
const passes = new Map();

export function settled(number, answer, upstream) {
  const entry = waiting.get(number);
  waiting.delete(number);
  let response;
  try {
    response = respond(answer, upstream);
  } catch {
    // Must not be: but an exception into WebAssembly would stop every request.
    response = new Response(null, { status: 500 });
  }
  entry(response);
}

/** Makes the `fetch` handler of a module's `serve` and `passes_back`. */
export function handler({ serve, passes_back }) {
  passesBack = passes_back;
  return (request, env, context) => {
    const { headers } = request;
    const head =
      request.method + "\n" +
      request.url + "\n" +
      (headers.get("authorization") ?? ABSENT) + "\n" +
      (headers.get("content-type") ?? ABSENT) + "\n" +
      (headers.get("belgov-trace-id") ?? ABSENT) + "\n" +
      (headers.get("x-original-method") ?? ABSENT) + "\n" +
      (headers.get("x-original-uri") ?? ABSENT) + "\n" +
      (headers.get("x-forwarded-method") ?? ABSENT) + "\n" +
      (headers.get("x-forwarded-uri") ?? ABSENT);
    last = (last + 1) >>> 0;
    const number = last;
    const answer = serve(number, encode(head), request, env, context);
    if (answer !== undefined) return respond(answer, undefined);
    const later = new Promise((resolve) => waiting.set(number, resolve));
    // A caller that goes away does not take its request's records with it.
    context.waitUntil(later);
    return later;
  };
}

/** A view on `scratch`, good until the next call. */
function encode(text) {
  // At most three bytes a UTF-16 unit.
  if (text.length * 3 > scratch.length) scratch = new Uint8Array(text.length * 3);
  return scratch.subarray(0, encoder.encodeInto(text, scratch).written);
}

let passesBack;

function respond(answer, upstream) {
  let end = answer.indexOf("\n");
  const status = Number(answer.slice(0, end));
  const headers = {};
  for (;;) {
    const start = end + 1;
    end = answer.indexOf("\n", start);
    if (end === start) break;
    const name = answer.slice(start, end);
    const from = end + 1;
    end = answer.indexOf("\n", from);
    headers[name] = answer.slice(from, end);
  }
  if (upstream instanceof Uint8Array) return new Response(upstream, { status, headers });
  if (upstream !== undefined) return passOn(upstream, headers);
  const body = end + 1 < answer.length ? answer.slice(end + 1) : null;
  return new Response(body, { status, headers });
}

/** The upstream's answer with its stream, less what is of the hop, and with ours set. */
function passOn(upstream, headers) {
  const response = new Response(upstream.body, upstream);
  // What `Connection` names is of the hop too (RFC 9110 §7.6.1), for this answer only.
  const connection = upstream.headers.get("connection") ?? "";
  for (const name of [...upstream.headers.keys()]) {
    let passing = connection === "" ? passes.get(name) : undefined;
    if (passing === undefined) {
      passing = passesBack(name, connection);
      if (connection === "" && passes.size < 256) passes.set(name, passing);
    }
    if (!passing) response.headers.delete(name);
  }
  for (const name in headers) response.headers.set(name, headers[name]);
  return response;
}

// The peers of the differential test: `jose` and `oauth4webapi`, each with the settings that come as the first line.
// Then a JSON text for each token, and an answer of two texts: empty where the token is accepted, else the reason.

import { createInterface } from 'node:readline';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';

const CHUNK = 64;

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })[Symbol.asyncIterator]();
const setting = JSON.parse((await lines.next()).value);
const { jwks, issuer, audience, now, skew, lifetime } = setting;
const algorithms = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'PS256', 'RS256'];

// oauth4webapi reads the clock; jose is told the time.
Date.now = () => now * 1000;
const currentDate = new Date(now * 1000);

const keys = jose.createLocalJWKSet(jwks);
const options = {
  issuer,
  audience,
  algorithms,
  typ: 'at+jwt',
  clockTolerance: skew,
  maxTokenAge: lifetime,
  requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id'],
  currentDate,
};

async function byJose(token) {
  try {
    await jose.jwtVerify(token, keys, options);
    return '';
  } catch (error) {
    return [error.code ?? error.name, error.claim, error.reason].filter(Boolean).join(' ');
  }
}

const as = { issuer, jwks_uri: `${new URL(issuer).origin}/jwks` };
const access = {
  signingAlgorithms: algorithms,
  [oauth.clockTolerance]: skew,
  [oauth.jwksCache]: { jwks, uat: now },
  [oauth.customFetch]: () => Promise.reject(new Error('nothing is fetched')),
};

async function byOauth(token) {
  let request;
  try {
    request = new Request('https://api.example/', { headers: { authorization: `Bearer ${token}` } });
  } catch {
    return 'not a field value';
  }
  try {
    await oauth.validateJwtAccessToken(as, request, audience, access);
    return '';
  } catch (error) {
    return `${error.code ?? error.name}: ${error.message}`;
  }
}

async function answer(line) {
  const token = JSON.parse(line);
  return JSON.stringify(await Promise.all([byJose(token), byOauth(token)]));
}

let chunk = [];
async function flush() {
  const answers = await Promise.all(chunk.map(answer));
  chunk = [];
  process.stdout.write(`${answers.join('\n')}\n`);
}

let waiting = lines.next();
for (;;) {
  // What has come is answered when nothing more is at hand, or a chunk is full.
  const next = await Promise.race([waiting, new Promise((resolve) => setImmediate(resolve, null))]);
  if (next === null) {
    if (chunk.length > 0) await flush();
    else await waiting;
    continue;
  }
  if (next.done) break;
  chunk.push(next.value);
  waiting = lines.next();
  if (chunk.length === CHUNK) await flush();
}
if (chunk.length > 0) await flush();

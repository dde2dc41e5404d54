//! What `js/platform.mjs` offers. None of these throws; an asynchronous one
//! takes the number of its operation, see [`super::task`].

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(raw_module = "sluis-platform")]
extern "C" {
    /// Calls `run` in a microtask.
    pub(crate) fn schedule();

    /// A header of a request or a response.
    pub(crate) fn header(message: &JsValue, name: &str) -> Option<String>;

    /// The SHA-256 of the client's certificate in hexadecimal digits, if Cloudflare
    /// verified it.
    pub(crate) fn client_certificate(request: &JsValue) -> Option<String>;

    /// The code of the data centre that this instance runs in, if Cloudflare says.
    pub(crate) fn colo(request: &JsValue) -> Option<String>;

    /// The answer to a request that was not answered at once. `upstream` is
    /// the upstream's answer to stream on, the bytes of a body, or undefined.
    pub(crate) fn settle(request: u32, answer: &str, upstream: &JsValue);

    /// Imports a public key; ends with a `CryptoKey`.
    pub(crate) fn import_key(operation: u32, algorithm: u32, jwk: &str);

    /// Verifies a signature; ends with a boolean.
    pub(crate) fn verify(
        operation: u32,
        algorithm: u32,
        key: &JsValue,
        signature: &[u8],
        data: &[u8],
    );

    /// Takes the private Ed25519 key of the assertions; undefined if it is none.
    pub(crate) fn signing_key(jwk: &str) -> JsValue;

    /// Signs with it, at once; whether that succeeded.
    pub(crate) fn sign(key: &JsValue, data: &[u8], signature: &mut [u8]) -> bool;

    /// HKDF-SHA256, at once; whether that succeeded.
    pub(crate) fn hkdf_sha256(
        salt: &[u8],
        keying_material: &[u8],
        info: &[u8],
        output: &mut [u8],
    ) -> bool;

    /// Calls `append` of the log's object; ends with what it returns or [`TIMED_OUT`].
    pub(crate) fn append(
        operation: u32,
        stub: &JsValue,
        head: &str,
        sealed: &[u8],
        milliseconds: u32,
    );

    /// Calls `read` of the log's object; likewise.
    pub(crate) fn read(operation: u32, stub: &JsValue, from: f64, limit: u32, milliseconds: u32);

    /// Calls `ask` of the log's object or of its trusted head's; likewise.
    pub(crate) fn ask(operation: u32, stub: &JsValue, question: &str, milliseconds: u32);

    /// Calls `consume` of an object that remembers what was used; ends with what
    /// it returns or [`TIMED_OUT`].
    pub(crate) fn consume(
        operation: u32,
        stub: &JsValue,
        key: &[u8],
        until: f64,
        milliseconds: u32,
    );

    /// Reads a value of a KV namespace; ends with its bytes, undefined if there is none.
    pub(crate) fn shared_get(operation: u32, namespace: &JsValue, key: &str, milliseconds: u32);

    /// Writes one, to be forgotten after some seconds; ends with true or [`TIMED_OUT`].
    pub(crate) fn shared_put(
        operation: u32,
        context: &JsValue,
        namespace: &JsValue,
        key: &str,
        value: &[u8],
        seconds: u32,
        milliseconds: u32,
    );

    /// Ends after a time.
    pub(crate) fn sleep(operation: u32, milliseconds: u32);

    /// Keeps the request's context alive after its answer.
    pub(crate) fn keep(context: &JsValue, number: u32);

    /// Lets it go.
    pub(crate) fn release(number: u32);

    /// Reads the body of a request or a response; ends with the bytes or with [`TOO_LARGE`].
    pub(crate) fn read_body(operation: u32, message: &JsValue, limit: u32);

    /// Lets the body of a response go.
    pub(crate) fn discard(response: &JsValue);

    /// Fetches a document; ends with the bytes, a number of below or 1000 + the status.
    pub(crate) fn fetch_document(
        operation: u32,
        url: &str,
        accept: &str,
        limit: u32,
        milliseconds: u32,
    );

    /// Forwards a request; ends with a `Response` or a number of below.
    pub(crate) fn forward(
        operation: u32,
        request: &JsValue,
        url: &str,
        passing: &str,
        set: &str,
        body: Option<Vec<u8>>,
        milliseconds: u32,
    );

    /// The status of a `Response`.
    pub(crate) fn status(response: &JsValue) -> u16;

    /// Writes a line for operators.
    pub(crate) fn report(line: &str);
}

/// The body has more bytes than allowed.
pub(crate) const TOO_LARGE: u32 = 1;
/// No answer in time.
pub(crate) const TIMED_OUT: u32 = 3;
/// The runtime refused to send it.
pub(crate) const NOT_SENT: u32 = 4;
/// Added to the status of an answer that is not 200.
pub(crate) const STATUS: u32 = 1000;

/// The number that an operation ended with, if it is one.
pub(crate) fn number(value: &JsValue) -> Option<u32> {
    let number = value.as_f64()?;
    // Ours are small whole numbers; a saturating cast cannot make one of another value.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and the result is compared with known numbers"
    )]
    let whole = number as u32;
    Some(whole)
}

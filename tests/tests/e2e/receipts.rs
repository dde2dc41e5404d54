//! Receipts: what the holder of an answer can show of its call, fetched over HTTP (M-21.1, M-22.1).

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};
use sluis_log::{ReceiptDocument, ReceiptField, VerifiedReceipt};
use sluis_tests::client::{Request, Response};
use sluis_tests::world::World;

use crate::Case;
use crate::problems::expect_kind;
use crate::requests::rights;

pub(crate) const CASES: &[Case] = &[
    Case::new("the_holder_of_an_answer_gets_its_receipt", whole),
    Case::new("a_receipt_is_for_the_holder_of_the_field_alone", others),
];

/// How often it is asked for one that is not published yet.
const ATTEMPTS: u32 = 50;

/// A call that is allowed: the token, the answer, and the field that came with it.
fn call(world: &World) -> Result<(String, Response, String)> {
    let token = world.pension_token()?;
    let response = world.send(&rights().bearer(&token))?;
    response.expect_status(200)?;
    let field = response.header("sluis-receipt").context("no field")?;
    let field = field.to_owned();
    Ok((token, response, field))
}

fn ask(world: &World, field: &str) -> Result<Response> {
    let request = Request::get("/log/receipt").with("sluis-receipt", field);
    request.send(world.address()?)
}

fn fetch(world: &World, field: &str) -> Result<VerifiedReceipt> {
    for _ in 0..ATTEMPTS {
        let response = ask(world, field)?;
        if response.status == 202 {
            ensure!(response.header("retry-after") == Some("1"), "{response:?}");
            thread::sleep(Duration::from_millis(200));
            continue;
        }
        response.expect_status(200)?;
        let document = ReceiptDocument::parse(&response.body.start)?;
        return Ok(document.verify(&World::log_origin()?, &[world.log_verifier()?])?);
    }
    anyhow::bail!("not published")
}

fn whole(world: &mut World) -> Result<()> {
    let (token, response, field) = call(world)?;
    let receipt = fetch(world, &field)?;
    let field = ReceiptField::parse(&field)?;
    receipt.is_of_token(&Sha256::digest(token.as_bytes()).into())?;
    receipt.is_of_answer(&field, &response.body.start)?;
    ensure!(
        receipt.is_of_answer(&field, b"another").is_err(),
        "of another body"
    );
    let trace = receipt
        .receipt()
        .lines()
        .find(|(label, _)| *label == "trace-id");
    let answered = response.header("belgov-trace-id");
    ensure!(trace.map(|(_, id)| id) == answered, "{trace:?}");
    Ok(())
}

fn others(world: &mut World) -> Result<()> {
    let (_, _, field) = call(world)?;
    fetch(world, &field)?;
    let digit = if field.contains("capability=:A") {
        "B"
    } else {
        "A"
    };
    let at = field.find("capability=:").context("no capability")? + 12;
    let mut forged = field.clone();
    forged.replace_range(at..=at, digit);
    for other in [forged.as_str(), "x", ""] {
        expect_kind(&ask(world, other)?, 404).context(other.to_owned())?;
    }
    let auditor = world.auditor_token()?;
    let request = Request::get("/log/receipt").bearer(&auditor);
    expect_kind(&world.send(&request)?, 404)
}

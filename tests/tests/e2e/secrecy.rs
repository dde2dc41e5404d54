//! After everything else: the whole log holds, and nothing that came out names anybody (M-15.4, M-22.1).

use anyhow::{Result, ensure};
use sluis_tests::issuer::HOLDER_PSEUDONYM;
use sluis_tests::world::World;

use crate::Case;
use crate::policy::{NIC_ENTERPRISE_NUMBER, benefits};
use crate::requests::{rights, rights_by_body};

pub(crate) const CASES: &[Case] = &[
    Case::new("the_whole_log_verifies", |world| {
        world.verify_log().map(drop)
    }),
    Case::new("no_token_ssin_secret_or_holder_came_out", leaks),
];

fn leaks(world: &mut World) -> Result<()> {
    // So that there is something to find also when this case runs alone.
    world.send(&rights().bearer(&world.pension_token()?))?;
    let body = format!(r#"{{"ssin":"{}"}}"#, sluis_tests::issuer::OTHER_SSIN);
    world.send(&rights_by_body(&body).bearer(&world.pension_token()?))?;
    let token = world.token(sluis_token::Algorithm::EdDsa, &world.mutuality_claims()?)?;
    world.send(&benefits().bearer(&token))?;
    let leaks = world.leaks(&[NIC_ENTERPRISE_NUMBER, HOLDER_PSEUDONYM])?;
    ensure!(
        leaks.is_empty(),
        "{} leaks, the first: {:?}",
        leaks.len(),
        leaks.first()
    );
    Ok(())
}

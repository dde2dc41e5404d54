//! Variables with which the component does not start: it says which one is wrong, and lets nothing pass.
//!
//! Needs the built component (`cargo xtask build spin --config simulation.toml`) and the compatible host beside this test.

use std::path::Path;

use sluis_tests::client::Request;
use sluis_tests::issuer::SSIN;
use sluis_tests::runtime::Build;
use sluis_tests::runtimes::named;
use sluis_tests::world::World;

/// Nothing listens there: what is refused is refused before anybody is called.
const NOWHERE: &str = "postgres://validator@127.0.0.1:1/sluis";

#[test]
fn a_variable_that_makes_no_sense_starts_no_gate() {
    let postgres = ("SLUIS_LOG_STORE", "postgres");
    let (one, many) = (NOWHERE.to_owned(), format!("{NOWHERE}{{log}}"));
    let cases = [
        (
            Build::Simulation,
            vec![("SLUIS_EDGE_NODE", "BE BRU")],
            "variable sluis_edge_node: ",
        ),
        (
            Build::Simulation,
            vec![
                postgres,
                ("SLUIS_LOG_POSTGRES", &one),
                ("SLUIS_TRUSTED_POSTGRES", &many),
            ],
            "variable sluis_trusted_postgres: all logs have one trusted place",
        ),
        (
            Build::Comparing,
            vec![postgres, ("SLUIS_LOG_POSTGRES", &one)],
            "variable sluis_log_postgres: each of several logs wants a database of its own",
        ),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (build, variables, reason) in cases {
        let host = named(&root, "spin").unwrap();
        let state = root.join("target/spin-settings");
        let world = World::start_with(host.into(), &root, state, build, &variables).unwrap();
        let token = world.pension_token().unwrap();
        let request = Request::get(&format!("/pension/v1/persons/{SSIN}/rights"));
        for request in [request.bearer(&token), Request::get("/health")] {
            let answer = world.send(&request).unwrap();
            assert_eq!(answer.status, 503, "{variables:?}: {}", answer.text());
            // Which one it is, is for the operator alone.
            assert!(!answer.text().contains("variable"), "{}", answer.text());
        }
        assert!(world.take_seen().is_empty(), "{variables:?}");
        let output = world.output().unwrap();
        assert!(output.contains(reason), "{variables:?}: {output}");
        for (_, value) in &variables {
            let named = output.contains(*value);
            assert!(!named || *value == postgres.1, "{value} is in {output}");
        }
    }
}

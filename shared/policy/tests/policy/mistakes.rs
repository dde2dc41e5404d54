//! Every way to get the catalogue wrong is refused in one line, with its place and what was expected there.

use sluis_policy::Catalogue;

use crate::support::extended_text;

/// Replaces the first `from` after `anchor`; both must be there, so that no case silently tests nothing.
pub(crate) fn with(anchor: &str, from: &str, to: &str) -> String {
    let text = extended_text();
    let start = text.find(anchor).unwrap_or_else(|| panic!("no {anchor}"));
    let offset = text[start..]
        .find(from)
        .unwrap_or_else(|| panic!("no {from} after {anchor}"));
    let place = start + offset;
    format!("{}{to}{}", &text[..place], &text[place + from.len()..])
}

pub(crate) fn refusal(text: &str) -> String {
    Catalogue::from_toml(text)
        .map(|_| "accepted")
        .unwrap_err()
        .to_string()
}

/// What is spoiled after which text, and what the one line of the error must say.
const WRONG: &[(&str, &str, &str, &[&str])] = &[
    // Form.
    (
        "format",
        "format = 1",
        "format = 2",
        &["line 12: format: expected format 1, found 2"],
    ),
    (
        "format",
        "format = 1",
        "format = 1\nextra = 2",
        &["line 13: extra: unknown field `extra`", "`deliberations`"],
    ),
    (
        "format",
        "format = 1",
        "format = ",
        &["line 12: cannot be read"],
    ),
    (
        "format",
        "format = 1",
        "format = \"1\"",
        &["line 12: format: invalid type", "u32"],
    ),
    (
        "number = \"24/222\"",
        "kind = \"framework\"",
        "kind = \"frame\"",
        &[
            "deliberations[1].kind: unknown variant `frame`",
            "`framework`, `mandate`, `statutory`",
        ],
    ),
    (
        "number = \"24/222\"",
        "reference =",
        "referense =",
        &[
            "deliberations[1].referense: unknown field `referense`, expected one of `number`, `reference`",
        ],
    ),
    (
        "code = \"simPensionOverview\"",
        "retention = \"P30D\"",
        "# gone",
        &["mandateTypes[0]: missing field `retention`"],
    ),
    (
        "code = \"simPensionOverview\"",
        "\"P30D\"",
        "\"a month\"",
        &[
            "mandateTypes[0].retention: expected an ISO 8601 duration",
            "found \"a month\"",
        ],
    ),
    (
        "code = \"simPensionOverview\"",
        "\"P365D\"",
        "\"P1Y\"",
        &[
            "mandateTypes[0].maxMandateDuration: expected an ISO 8601 duration in weeks",
            "found \"P1Y\"",
        ],
    ),
    (
        "number = \"24/222\"",
        "\"2024-12-18T00:00:00+01:00\"",
        "\"2024-12-18\"",
        &[
            "deliberations[1].versions[0].inForceFrom: expected an RFC 3339 date-time with its offset",
        ],
    ),
    (
        "number = \"24/222\"",
        "\"2024-12-03\"",
        "\"2024-12-32\"",
        &["deliberations[1].versions[0].adoptedOn: expected a date"],
    ),
    (
        "number = \"24/222\"",
        "\"24/222\"",
        "\"24-222\"",
        &["deliberations[1].number: expected a deliberation number"],
    ),
    (
        "code = \"simPensionOverview\"",
        "minimumLevel = 400",
        "minimumLevel = 4",
        &[
            "mandateTypes[0].channels.webApp.minimumLevel: expected an authentication level from 100 to 999, found 4",
        ],
    ),
    (
        "code = \"simPensionOverview\"",
        "accruedRights = \"class\"",
        "accruedRights = \"full\"",
        &["mandateTypes[0].dataCategories[0].fields.accruedRights: unknown variant `full`"],
    ),
    (
        "code = \"simPensionOverview\"",
        "cotVersion = \"1\"",
        "cotVersion = \"\"",
        &["channels.api.cotVersion: expected 1 to 64"],
    ),
    (
        "code = \"simPensionOverview\"",
        "nl = \"Fictief pensioenoverzicht\"",
        "nl = \"\"",
        &["title.nl: expected a sentence"],
    ),
    (
        "code = \"simPensionOverview\"",
        "check = \"grantLevel\"",
        "check = \"grantLevels\"",
        &["securityMeasures[0].check: unknown variant `grantLevels`"],
    ),
    // Wildcards (M-5.2).
    (
        "code = \"simPensionOverview\"",
        "[\"simPensionSimulation\"]",
        "[\"*\"]",
        &["mandateTypes[0].purposes[0]: expected one code; a wildcard is never accepted"],
    ),
    (
        "code = \"simPensionOverview\"",
        "code = \"simPensionRights\"",
        "code = \"sim*\"",
        &["mandateTypes[0].dataCategories[0].code: expected one code; a wildcard"],
    ),
    // References and kinds.
    (
        "code = \"simPensionOverview\"",
        "[\"SIM/001\"]",
        "[\"SIM/009\"]",
        &[
            "mandateTypes[0].deliberations[0]: expected the number of a deliberation of this catalogue, found \"SIM/009\"",
        ],
    ),
    (
        "code = \"simPensionOverview\"",
        "[\"SIM/001\"]",
        "[\"24/222\"]",
        &[
            "mandateTypes[0].deliberations[0]: expected a deliberation of kind mandate, \"24/222\" is of kind framework (M-12.2)",
        ],
    ),
    (
        "code = \"simPensionOverview\"",
        "[\"SIM/001\"]",
        "[\"17/020\"]",
        &["is of kind statutory"],
    ),
    (
        "code = \"simPensionOverview\"",
        "[\"SIM/001\"]",
        "[]",
        &["mandateTypes[0].deliberations: expected at least one entry"],
    ),
    (
        "code = \"simPensionOverview\"",
        "[\"SIM/001\"]",
        "[\"SIM/001\", \"SIM/001\"]",
        &["mandateTypes[0].deliberations[1]: expected each entry once"],
    ),
    (
        "code = \"mimosis\"",
        "deliberation = \"17/020\"",
        "deliberation = \"24/222\"",
        &["statutoryBases[0].deliberation: expected a deliberation of kind statutory"],
    ),
    (
        "number = \"SIM/001\"",
        "contents = \"encoded\"",
        "contents = \"notHeld\"",
        &["mandateTypes[0].deliberations[0]: expected a deliberation with contents encoded"],
    ),
    (
        "number = \"24/222\"",
        "[\"19/004\"]",
        "[\"19/005\"]",
        &["deliberations[1].repeals[0]: expected the number of a deliberation"],
    ),
    (
        "number = \"24/222\"",
        "[\"19/004\"]",
        "[\"24/222\"]",
        &["deliberations[1].repeals[0]: expected one other deliberation to repeal"],
    ),
    (
        "number = \"SIM/001\"",
        "repeals = []",
        "repeals = [\"SIM/901\"]",
        &["repeals[0]: expected one other deliberation to repeal \"SIM/901\", once"],
    ),
    (
        "number = \"24/222\"",
        "contents = \"encoded\"",
        "contents = \"notHeld\"",
        &["deliberations[1].framework: expected the table `framework` exactly"],
    ),
    (
        "number = \"19/004\"",
        "contents = \"notHeld\"",
        "contents = \"encoded\"",
        &["deliberations[0].framework: expected the table `framework` exactly"],
    ),
    // Duplicates.
    (
        "number = \"SIM/002\"",
        "\"SIM/002\"",
        "\"SIM/001\"",
        &["deliberations[4].number: expected each entry once, found \"SIM/001\" again"],
    ),
    (
        "code = \"simMutualityBenefits\"",
        "simMutualityBenefits",
        "simPensionOverview",
        &["mandateTypes[1].code: expected each entry once"],
    ),
    (
        "code = \"simPensionOverview\"",
        "[\"simPensionSimulation\"]",
        "[\"simPensionSimulation\", \"simPensionSimulation\"]",
        &["mandateTypes[0].purposes[1]: expected each entry once"],
    ),
    (
        "code = \"simPensionOverview\"",
        "code = \"simCareerSummary\"",
        "code = \"simPensionRights\"",
        &["mandateTypes[0].dataCategories[1].code: expected each entry once"],
    ),
    (
        "code = \"simPensionOverview\"",
        "id = \"boundedMandate\"",
        "id = \"grantAtLevel400\"",
        &["mandateTypes[0].securityMeasures[1].id: expected each entry once"],
    ),
    (
        "code = \"simPensionOverview\"",
        "[\"2026-01\"]",
        "[\"2026-01\", \"2026-01\"]",
        &["mandateTypes[0].grant.consentVersions[1]: expected each entry once"],
    ),
    (
        "code = \"simPensionOverview\"",
        "\"individualPractitioner\"]",
        "\"enterprise\"]",
        &["mandateTypes[0].holderTypes[2]: expected each entry once"],
    ),
    (
        "code = \"simPensionOverview\"",
        "[{ kind = \"cbss\" }]",
        "[{ kind = \"cbss\" }, { kind = \"cbss\" }]",
        &["mandateTypes[0].verificationSystems[1]: expected each entry once"],
    ),
    // Empty lists.
    (
        "code = \"simPensionOverview\"",
        "[\"simPensionSimulation\"]",
        "[]",
        &["mandateTypes[0].purposes: expected at least one entry"],
    ),
    (
        "code = \"simPensionOverview\"",
        "[{ kind = \"cbss\" }]",
        "[]",
        &["mandateTypes[0].verificationSystems: expected at least one entry"],
    ),
    (
        "code = \"simPensionOverview\"",
        "[\"2026-01\"]",
        "[]",
        &["mandateTypes[0].grant.consentVersions: expected at least one entry"],
    ),
    (
        "code = \"simOneOff\"",
        "fields = { scheme = \"exact\" }",
        "fields = {}",
        &["dataCategories[0].fields: expected at least one entry"],
    ),
    (
        "code = \"simOneOff\"",
        "securityMeasures = [{ id = \"m\", nl = \"t\", class = \"soft\" }]",
        "securityMeasures = []",
        &["securityMeasures: expected at least one entry"],
    ),
    // Versions and dates (S-0.1, M-D.4).
    (
        "number = \"17/020\"",
        "version = 2",
        "version = 3",
        &["deliberations[2].versions[1].version: expected version 2, found 3"],
    ),
    (
        "number = \"17/020\"",
        "adoptedOn = \"2017-06-06\"\ninForceFrom = \"2017-06-06T00:00:00+02:00\"",
        "adoptedOn = \"2017-03-07\"\ninForceFrom = \"2017-03-07T00:00:00+01:00\"",
        &[
            "deliberations[2].versions[1].adoptedOn: expected a date later than that of the version before, 2017-03-07",
        ],
    ),
    (
        "number = \"17/020\"",
        "inForceFrom = \"2017-06-06T00:00:00+02:00\"",
        "inForceFrom = \"2017-06-07T00:00:00+02:00\"",
        &["deliberations[2].versions[1].inForceFrom: expected the start of 2017-06-06"],
    ),
    (
        "number = \"24/222\"",
        "\"2024-12-18T00:00:00+01:00\"",
        "\"2024-12-02T00:00:00+01:00\"",
        &[
            "deliberations[1].versions[0].inForceFrom: expected an entry into force on or after the adoption of 2024-12-03",
        ],
    ),
    (
        "number = \"17/020\"",
        "inForceFromStated = false\n",
        "inForceFromStated = false\ninForceUntil = \"2018-01-01T00:00:00+01:00\"\n",
        &[
            "deliberations[2].versions[0].inForceUntil: expected an end between this version's start and the next one's",
        ],
    ),
    (
        "number = \"17/020\"",
        "\"2024-04-01T00:00:00+02:00\"",
        "\"2023-12-05T00:00:00+01:00\"",
        &["deliberations[2].versions[5].inForceUntil: expected an end between"],
    ),
    (
        "adoptedOn = \"2023-03-07\"",
        "inForceFrom = \"2023-03-07T00:00:00+01:00\"\ninForceFromStated = false",
        "inForceFrom = \"2024-03-07T00:00:00+01:00\"\ninForceFromStated = true",
        &[
            "deliberations[2].versions[5].inForceFrom: expected a date later than that of the version before, 2024-03-07",
        ],
    ),
    // The simulation is visibly so.
    (
        "number = \"SIM/001\"",
        "simulationOnly = true",
        "simulationOnly = false",
        &["deliberations[3].simulationOnly: expected simulationOnly = true, chamber"],
    ),
    (
        "number = \"24/222\"",
        "simulationOnly = false",
        "simulationOnly = true",
        &["deliberations[1].simulationOnly"],
    ),
    (
        "number = \"SIM/001\"",
        "chamber = \"none\"",
        "chamber = \"socialSecurityAndHealth\"",
        &["deliberations[3].simulationOnly"],
    ),
    (
        "code = \"simPensionOverview\"",
        "simPensionOverview",
        "pensionOverview",
        &["mandateTypes[0].code: expected a code that begins with \"sim\""],
    ),
    // Never laxer than the framework (M-8.1, M-D.1).
    (
        "[deliberations.framework]",
        "grantMinimumLevel = 400",
        "grantMinimumLevel = 300",
        &["deliberations[1].framework.grantMinimumLevel: expected a level of at least 400"],
    ),
    (
        "[deliberations.framework]",
        "webAppMinimumLevel = 400",
        "webAppMinimumLevel = 350",
        &["framework.webAppMinimumLevel: expected a level of at least 400"],
    ),
    (
        "[deliberations.framework]",
        ", \"registration\"]",
        "]",
        &["framework.consentItems: expected the consent item \"registration\""],
    ),
    (
        "[deliberations.framework]",
        "apiHolderTypes = [\"organization\", \"enterprise\"]",
        "apiHolderTypes = [\"individualPractitioner\"]",
        &["framework.apiHolderTypes[0]: expected only holder types"],
    ),
    (
        "[deliberations.framework]",
        "holderTypes = [\"organization\", \"enterprise\", \"individualPractitioner\"]",
        "holderTypes = [\"organization\", \"enterprise\"]",
        &["mandateTypes[0].holderTypes[2]: expected only holder types that the framework admits"],
    ),
    (
        "[deliberations.framework]",
        "grantMinimumLevel = 400",
        "grantMinimumLevel = 450",
        &["mandateTypes[0].grant.minimumLevel: expected a level of at least 450"],
    ),
    (
        "[mandateTypes.grant]",
        "minimumLevel = 400",
        "minimumLevel = 350",
        &[
            "mandateTypes[0].grant.minimumLevel: expected a level of at least 400, the framework's (M-8.1), found 350",
        ],
    ),
    (
        "[mandateTypes.grant]",
        "\"scope\", ",
        "",
        &["mandateTypes[0].grant.consentItems: expected the consent item \"scope\""],
    ),
    (
        "[mandateTypes.channels.webApp]",
        "minimumLevel = 400",
        "minimumLevel = 399",
        &["mandateTypes[0].channels.webApp.minimumLevel: expected a level of at least 400"],
    ),
    (
        "[mandateTypes.channels.webApp]",
        "roleRequired = true",
        "roleRequired = false",
        &["mandateTypes[0].channels.webApp.roleRequired: expected true"],
    ),
    (
        "code = \"simPensionOverview\"",
        "\"P365D\"",
        "\"P3654D\"",
        &["mandateTypes[0].maxMandateDuration: expected at most 3653 days"],
    ),
    (
        "code = \"simPensionOverview\"",
        "lawfulness = \"art6_1_a\"",
        "lawfulness = \"art6_1_c\"",
        &["mandateTypes[0].lawfulness: expected \"art6_1_a\" here, found \"art6_1_c\""],
    ),
    (
        "code = \"mimosis\"",
        "lawfulness = \"art6_1_c\"",
        "lawfulness = \"art6_1_a\"",
        &["statutoryBases[0].lawfulness: expected \"art6_1_c\""],
    ),
    (
        "code = \"simOneOff\"",
        "channels = { api = { cotVersion = \"1\", termsVersion = \"1\" } }",
        "channels = {}",
        &["channels: expected at least one of `api` and `webApp`"],
    ),
    // Sensitive relations (M-15, M-16).
    (
        "code = \"simMutualityBenefits\"",
        "holderIdentity = \"pseudonymised\"",
        "holderIdentity = \"plain\"",
        &["mandateTypes[1].holderIdentity: expected \"pseudonymised\""],
    ),
    (
        "code = \"simPensionOverview\"",
        "sensitiveRelation = false",
        "sensitiveRelation = true",
        &["mandateTypes[0].holderIdentity: expected \"pseudonymised\""],
    ),
    (
        "code = \"simPensionOverview\"",
        "{ kind = \"cbss\" }",
        "{ kind = \"secondaryNetwork\" }",
        &["mandateTypes[0].holderIdentity: expected \"pseudonymised\""],
    ),
    (
        "code = \"simMutualityBenefits\"",
        "{ kind = \"secondaryNetwork\" }",
        "{ kind = \"secondaryNetwork\" }, { kind = \"cbss\" }",
        &[
            "mandateTypes[1].verificationSystems[1].kind: expected no verification system of kind cbss",
        ],
    ),
    // Who keeps which logs (M-21.4).
    (
        "code = \"simOneOff\"",
        "logging = [{ party = \"validator\", records = [\"accesses\"] }]",
        "",
        &["mandateTypes[7]: missing field `logging`"],
    ),
    (
        "code = \"simOneOff\"",
        "logging = [{ party = \"validator\", records = [\"accesses\"] }]",
        "logging = []",
        &["mandateTypes[7].logging: expected at least one entry"],
    ),
    (
        "code = \"simPensionOverview\"",
        "party = \"validator\"",
        "party = \"gate\"",
        &[
            "mandateTypes[0].logging[2].party: unknown variant `gate`",
            "`validator`",
        ],
    ),
    (
        "code = \"simPensionOverview\"",
        "records = [\"accesses\"]",
        "records = [\"names\"]",
        &["mandateTypes[0].logging[2].records[0]: unknown variant `names`"],
    ),
    (
        "code = \"simPensionOverview\"",
        "party = \"mandateHolder\"",
        "party = \"validator\"",
        &["mandateTypes[0].logging[2].party: expected each entry once, found \"validator\" again"],
    ),
    (
        "code = \"simPensionOverview\"",
        "records = [\"requests\", \"responses\"]",
        "records = []",
        &["mandateTypes[0].logging[1].records: expected at least one entry"],
    ),
    (
        "code = \"simPensionOverview\"",
        "records = [\"requests\", \"responses\"]",
        "records = [\"requests\", \"requests\"]",
        &["mandateTypes[0].logging[1].records[1]: expected each entry once"],
    ),
    (
        "code = \"simPensionOverview\"",
        "records = [\"requests\", \"responses\"]",
        "records = [\"requests\", \"tokens\"]",
        &[
            "mandateTypes[0].logging[1].records: expected what a mandateHolder has to record, \"requests\" or \"responses\", found \"tokens\" (M-21.4)",
        ],
    ),
    (
        "code = \"simPensionOverview\"",
        "party = \"validator\"\nrecords = [\"accesses\"]",
        "party = \"institution\"\nrecords = [\"reidentifications\"]",
        &["mandateTypes[0].logging: expected the validator to keep \"accesses\" here"],
    ),
    (
        "code = \"simMutualityBenefits\"",
        "\"relations\", ",
        "",
        &["mandateTypes[1].logging: expected the secondaryNetwork to keep \"relations\" here"],
    ),
    (
        "code = \"simHiddenHolder\"",
        ", { party = \"secondaryNetwork\", records = [\"relations\", \"tokens\"] }",
        "",
        &["logging: expected the secondaryNetwork to keep \"relations\" here"],
    ),
    // Measures, periods, flows.
    (
        "code = \"simPensionOverview\"",
        "class = \"hard\"\ncheck = \"grantLevel\"",
        "class = \"hard\"",
        &[
            "mandateTypes[0].securityMeasures[0].check: expected a `check` exactly where class is \"hard\"",
        ],
    ),
    (
        "code = \"simPensionOverview\"",
        "class = \"soft\"",
        "class = \"soft\"\ncheck = \"grantLevel\"",
        &["mandateTypes[0].securityMeasures[2].check"],
    ),
    (
        "code = \"mimosis\"",
        "until = \"2015-12-31\"",
        "until = \"2014-12-31\"",
        &["statutoryBases[0].dataCategories[0].period: expected a last day on or after 2015-01-01"],
    ),
    (
        "code = \"mimosis\"",
        "[\"policySupportResearch\"]",
        "[\"simPensionSimulation\"]",
        &["statutoryBases[0].purposes[0]: expected a purpose of one flow only (M-11.1)"],
    ),
];

#[test]
fn every_mistake_is_refused_with_its_place() {
    let mut faults = Vec::new();
    for (anchor, from, to, expected) in WRONG {
        let text = with(anchor, from, to);
        let error = refusal(&text);
        if error.contains('\n') || !expected.iter().all(|part| error.contains(part)) {
            faults.push(format!("{from} → {to}: {error}"));
            continue;
        }
        // Where the path ends in a field that the file has, its name stands on the line that the error names.
        let mut parts = error.splitn(3, ": ");
        let line: usize = parts
            .next()
            .unwrap()
            .strip_prefix("line ")
            .unwrap()
            .parse()
            .unwrap();
        let field = parts
            .next()
            .unwrap()
            .rsplit('.')
            .next()
            .unwrap()
            .split('[')
            .next()
            .unwrap();
        let shown = text.lines().nth(line - 1).unwrap();
        let missing = ["missing field", "cannot be read", "exactly where"]
            .iter()
            .any(|words| error.contains(words));
        if !missing && !shown.contains(field) {
            faults.push(format!("{error}\n    but line {line} is: {shown}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

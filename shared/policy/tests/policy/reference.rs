//! A second decider, written from the requirements over the raw file and the raw claims, with none of the crate's
//! types. Thousands of spoiled questions: both must say the same, refusal for refusal.

use crate::support::{Case, DAY, NOW, extended, extended_text, verdict};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluis_policy::{Basis, Environment, HolderIdentity, VerificationSystemKind};

/// What the reference says: the code, the version that was in force, alarm, whether the holder is to be hidden.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    code: String,
    deliberation: Option<String>,
    alarm: bool,
    hidden: bool,
}

struct Reference {
    file: Value,
}

fn list(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .map(|items| items.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

/// Seconds since the epoch of an RFC 3339 text, by counting years and months.
fn moment(text: &str) -> i64 {
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let year = part(0, 4);
    let mut days: i64 = (1970..year)
        .map(|year| if leap(year) { 366 } else { 365 })
        .sum();
    let february = if leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    days += months
        .iter()
        .take(usize::try_from(part(5, 7) - 1).unwrap())
        .sum::<i64>();
    days += part(8, 10) - 1;
    let offset = if text.ends_with('Z') {
        0
    } else {
        let sign = if &text[19..20] == "-" { -1 } else { 1 };
        sign * (part(20, 22) * 60 + part(23, 25)) * 60
    };
    days * 86_400 + part(11, 13) * 3_600 + part(14, 16) * 60 + part(17, 19) - offset
}

/// The catalogue's durations are in days only.
fn days(text: &str) -> i64 {
    text.trim_start_matches('P')
        .trim_end_matches('D')
        .parse::<i64>()
        .unwrap()
        * 86_400
}

/// `Some(number)` of a level of the Federal Authentication Service, and its context.
fn level(text: &str) -> Option<(i64, &str)> {
    let rest = text.strip_prefix("urn:be:fedict:iam:fas:")?;
    let (context, rest) = match rest.split_once(':') {
        Some((context @ ("citizen" | "enterprise"), rest)) => (context, rest),
        Some(_) => return None,
        None => ("", rest),
    };
    let digits = rest.strip_prefix("Level")?;
    let three = digits.len() == 3 && digits.chars().all(|digit| digit.is_ascii_digit());
    three.then(|| (digits.parse().unwrap(), context))
}

fn enterprise_number(text: &str) -> bool {
    text.len() == 10
        && text.chars().all(|digit| digit.is_ascii_digit())
        && text.starts_with(['0', '1'])
        && 97 - text[..8].parse::<u64>().unwrap() % 97 == text[8..].parse::<u64>().unwrap()
}

impl Reference {
    fn new() -> Self {
        let table: toml::Table = extended_text().parse().unwrap();
        Self {
            file: serde_json::to_value(table).unwrap(),
        }
    }

    fn find<'a>(&'a self, list: &str, member: &str, wanted: &str) -> Option<&'a Value> {
        self.file[list]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry[member] == wanted)
    }

    /// `Ok("24/222@1")`, or the code of what is wrong with it at that time.
    fn standing(&self, entry: &Value, at: i64) -> Result<String, &'static str> {
        for other in self.file["deliberations"].as_array().unwrap() {
            let repeals = list(&other["repeals"]).contains(&entry["number"].as_str().unwrap());
            if repeals && at >= moment(other["versions"][0]["inForceFrom"].as_str().unwrap()) {
                return Err("deliberationRepealed");
            }
        }
        let versions = entry["versions"].as_array().unwrap();
        let begun = versions
            .iter()
            .rfind(|version| at >= moment(version["inForceFrom"].as_str().unwrap()));
        let Some(version) = begun else {
            return Err("deliberationNotInForce");
        };
        match version["inForceUntil"].as_str() {
            Some(until) if at >= moment(until) => Err("deliberationEnded"),
            _ => Ok(format!(
                "{}@{}",
                entry["number"].as_str().unwrap(),
                version["version"]
            )),
        }
    }

    fn answer(&self, case: &Case) -> Answer {
        let mandate = &case.mandate;
        let mandate_type = self.find(
            "mandateTypes",
            "code",
            mandate["mandateType"].as_str().unwrap(),
        );
        let secondary = case.system.1 == VerificationSystemKind::SecondaryNetwork;
        let must_hide = secondary
            || mandate_type.is_some_and(|entry| entry["holderIdentity"] == "pseudonymised");
        let acting_for = mandate["user"]["actingFor"].as_str().unwrap_or_default();
        let shown =
            mandate["holder"].get("enterpriseNumber").is_some() || enterprise_number(acting_for);
        let mut deliberation = None;
        let code = match case.basis {
            Basis::Mandate => {
                self.mandate(case, mandate_type, must_hide && shown, &mut deliberation)
            }
            Basis::Statutory => self.statutory(case, &mut deliberation),
        };
        Answer {
            code: code.err().unwrap_or("allow").to_owned(),
            deliberation,
            alarm: must_hide && shown,
            hidden: must_hide || mandate_type.is_none(),
        }
    }

    fn statutory(
        &self,
        case: &Case,
        deliberation: &mut Option<String>,
    ) -> Result<(), &'static str> {
        let basis = self.file["statutoryBases"]
            .as_array()
            .unwrap()
            .iter()
            .find(|basis| list(&basis["purposes"]).contains(&case.purpose.as_str()))
            .ok_or("statutoryBasisUnknown")?;
        let entry = self
            .find(
                "deliberations",
                "number",
                basis["deliberation"].as_str().unwrap(),
            )
            .unwrap();
        *deliberation = Some(self.standing(entry, at(case))?);
        Err("mandateOnStatutoryOperation")
    }

    fn mandate(
        &self,
        case: &Case,
        mandate_type: Option<&Value>,
        exposed: bool,
        deliberation: &mut Option<String>,
    ) -> Result<(), &'static str> {
        let mandate = &case.mandate;
        let entry = mandate_type.ok_or("mandateTypeUnknown")?;
        let named = mandate["deliberation"].as_str().unwrap();
        self.authority(case, entry, named)?;
        let approving = self.find("deliberations", "number", named).unwrap();
        *deliberation = Some(self.standing(approving, at(case))?);
        scope(case, entry)?;
        grant(case, entry)?;
        // M-15.4, M-17.3.
        if exposed {
            return Err("holderIdentityExposed");
        }
        if entry["holderIdentity"] == "plain" && mandate["holder"].get("pseudonym").is_some() {
            return Err("holderPseudonymUnexpected");
        }
        channel(case, entry)
    }

    /// M-12.1, M-12.2, M-D.1, M-2.1.
    fn authority(&self, case: &Case, entry: &Value, named: &str) -> Result<(), &'static str> {
        let fictitious = entry["code"].as_str().unwrap().starts_with("sim");
        if fictitious && case.environment == Environment::Production {
            return Err("simulationOnlyInProduction");
        }
        if entry["withdrawnFrom"]
            .as_str()
            .is_some_and(|from| at(case) >= moment(from))
        {
            return Err("mandateTypeWithdrawn");
        }
        let deliberations = self.file["deliberations"].as_array().unwrap();
        let in_force = deliberations
            .iter()
            .find(|entry| entry["kind"] == "framework" && self.standing(entry, at(case)).is_ok())
            .ok_or("frameworkNotInForce")?;
        if in_force["contents"] == "notHeld" {
            return Err("frameworkNotHeld");
        }
        let named_entry = self
            .find("deliberations", "number", named)
            .ok_or("deliberationUnknown")?;
        match named_entry["kind"].as_str().unwrap() {
            "framework" => Err("frameworkNeverAuthorises"),
            "statutory" => Err("deliberationOfStatutoryFlow"),
            _ if !list(&entry["deliberations"]).contains(&named) => {
                Err("deliberationNotForMandateType")
            }
            _ => Ok(()),
        }
    }
}

fn at(case: &Case) -> i64 {
    i64::try_from(case.at).unwrap()
}

/// M-16.2, M-1.1, M-5.2, M-12.3, M-12.5, M-9.2.
fn scope(case: &Case, entry: &Value) -> Result<(), &'static str> {
    let mandate = &case.mandate;
    let kind = case.system.1.as_str();
    let admissible = entry["verificationSystems"]
        .as_array()
        .unwrap()
        .iter()
        .any(|system| {
            system["kind"] == kind && system["id"].as_str().is_none_or(|id| id == case.system.0)
        });
    if !admissible {
        return Err("verificationSystemNotAdmissible");
    }
    if !list(&entry["holderTypes"]).contains(&mandate["holder"]["type"].as_str().unwrap()) {
        return Err("holderTypeNotAdmitted");
    }
    let purposes = list(&mandate["purposes"]);
    if !purposes.contains(&case.purpose.as_str()) {
        return Err("purposeNotCovered");
    }
    if !purposes
        .iter()
        .all(|purpose| list(&entry["purposes"]).contains(purpose))
    {
        return Err("purposeNotApproved");
    }
    let categories = list(&mandate["dataCategories"]);
    if !case
        .data_categories
        .iter()
        .all(|category| categories.contains(&category.as_str()))
    {
        return Err("dataCategoryNotCovered");
    }
    let approved = entry["dataCategories"].as_array().unwrap();
    if !categories
        .iter()
        .all(|category| approved.iter().any(|entry| entry["code"] == **category))
    {
        return Err("dataCategoryNotApproved");
    }
    let (from, until) = (
        number(&mandate["validFrom"]),
        number(&mandate["validUntil"]),
    );
    if at(case) < from {
        return Err("mandateNotYetValid");
    }
    if at(case) >= until {
        return Err("mandateExpired");
    }
    if until - from > days(entry["maxMandateDuration"].as_str().unwrap()) {
        return Err("mandateDurationExceeded");
    }
    if i64::try_from(case.expires_at()).unwrap() > until {
        return Err("tokenOutlivesMandate");
    }
    if mandate["usage"] == entry["usage"] {
        Ok(())
    } else {
        Err("usageNotApproved")
    }
}

/// M-13.2, M-10.1, M-13.1, M-5.1.
fn grant(case: &Case, entry: &Value) -> Result<(), &'static str> {
    let grant = &case.mandate["grant"];
    match level(grant["level"].as_str().unwrap()) {
        Some((found, _)) if found < number(&entry["grant"]["minimumLevel"]) => {
            return Err("grantLevelTooLow");
        }
        None => return Err("grantLevelTooLow"),
        Some((_, "enterprise")) => return Err("grantNotAsCitizen"),
        Some(_) => {}
    }
    if grant["grantedBy"] != "dataSubject" {
        return Err("notGrantedByDataSubject");
    }
    let told = list(&grant["consentItems"]);
    if !list(&entry["grant"]["consentItems"])
        .iter()
        .all(|item| told.contains(item))
    {
        return Err("consentItemMissing");
    }
    if !list(&entry["grant"]["consentVersions"])
        .contains(&grant["consentVersion"].as_str().unwrap())
    {
        return Err("consentVersionUnknown");
    }
    if case.mandate["status"] != "active" {
        return Err("mandateNotActive");
    }
    if number(&grant["acceptedAt"]) > at(case) {
        Err("holderAcceptanceInFuture")
    } else {
        Ok(())
    }
}

/// M-23, M-24.
fn channel(case: &Case, entry: &Value) -> Result<(), &'static str> {
    let mandate = &case.mandate;
    let name = mandate["channel"].as_str().unwrap();
    let offered = entry["channels"].get(name).ok_or("channelNotOffered")?;
    let accepted = |acceptance: &Value, current: &Value, codes: [&'static str; 3]| {
        if acceptance.is_null() {
            Err(codes[0])
        } else if acceptance["version"] != *current {
            Err(codes[1])
        } else if number(&acceptance["acceptedAt"]) >= at(case) {
            Err(codes[2])
        } else {
            Ok(())
        }
    };
    if name == "api" {
        if mandate["holder"]["type"] == "individualPractitioner" {
            return Err("apiNotForHolderType");
        }
        let codes = [
            "circleOfTrustNotAccepted",
            "circleOfTrustOutdated",
            "circleOfTrustAcceptedTooLate",
        ];
        accepted(&mandate["circleOfTrust"], &offered["cotVersion"], codes)?;
    } else {
        let user = &mandate["user"];
        if mandate["tokenFor"] != "user" || user.is_null() {
            return Err("userMissing");
        }
        let found = level(user["level"].as_str().unwrap()).map_or(-1, |(found, _)| found);
        if found < number(&offered["minimumLevel"]) {
            return Err("userLevelTooLow");
        }
        if user["role"].as_str().unwrap_or_default().is_empty() {
            return Err("userRoleMissing");
        }
        let holder = &mandate["holder"];
        let named = holder.get("pseudonym").or(holder.get("enterpriseNumber"));
        if user.get("actingFor") != named {
            return Err("userNotActingForHolder");
        }
    }
    accepted(
        &mandate["terms"],
        &offered["termsVersion"],
        ["termsNotAccepted", "termsOutdated", "termsAcceptedTooLate"],
    )
}

/// Single changes; a question is spoiled, or sometimes mended, by several of them.
type Change = fn(&mut Case);

fn user(level: &str, role: Option<&str>, acting_for: Option<&str>) -> Value {
    let mut user = json!({ "level": level });
    if let Some(role) = role {
        user["role"] = role.into();
    }
    if let Some(acting_for) = acting_for {
        user["actingFor"] = acting_for.into();
    }
    user
}

const CHANGES: &[Change] = &[
    |case| case.basis = Basis::Statutory,
    |case| case.purpose = "policySupportResearch".into(),
    |case| case.purpose = "simPensionSimulation".into(),
    |case| case.purpose = "simBenefitAdvice".into(),
    |case| case.purpose = "simNothing".into(),
    |case| case.data_categories = vec!["simPensionRights".into(), "simCareerSummary".into()],
    |case| case.data_categories = vec!["simBenefitStatus".into()],
    |case| case.environment = Environment::Production,
    |case| case.system.1 = VerificationSystemKind::Cbss,
    |case| case.system.1 = VerificationSystemKind::SecondaryNetwork,
    |case| case.system.0 = "another".into(),
    |case| case.set("/mandateType", "simPensionOverview"),
    |case| case.set("/mandateType", "simMutualityBenefits"),
    |case| case.set("/mandateType", "simEndedOverview"),
    |case| case.set("/mandateType", "simRepealed"),
    |case| case.set("/mandateType", "simRenewed"),
    |case| case.set("/mandateType", "simWithdrawn"),
    |case| case.set("/mandateType", "simOneOff"),
    |case| case.set("/mandateType", "simNamedSystem"),
    |case| case.set("/mandateType", "simUnknown"),
    |case| case.set("/deliberation", "SIM/001"),
    |case| case.set("/deliberation", "SIM/002"),
    |case| case.set("/deliberation", "SIM/003"),
    |case| case.set("/deliberation", "SIM/901"),
    |case| case.set("/deliberation", "SIM/902"),
    |case| case.set("/deliberation", "24/222"),
    |case| case.set("/deliberation", "19/004"),
    |case| case.set("/deliberation", "17/020"),
    |case| case.set("/deliberation", "99/999"),
    |case| case.set("/status", "draft"),
    |case| {
        case.set(
            "/purposes",
            json!(["simPensionSimulation", "simBenefitAdvice"]),
        );
    },
    |case| case.set("/purposes", json!(["simPensionSimulation"])),
    |case| case.set("/purposes", json!(["policySupportResearch"])),
    |case| {
        case.set(
            "/dataCategories",
            json!(["simPensionRights", "simCareerSummary"]),
        );
    },
    |case| case.set("/dataCategories", json!(["simPensionRights", "simOther"])),
    |case| case.set("/dataCategories", json!(["simBenefitStatus"])),
    |case| case.set("/validFrom", case.at),
    |case| case.set("/validFrom", case.at + 1),
    |case| case.set("/validFrom", case.at.saturating_sub(400 * DAY)),
    |case| case.set("/validUntil", case.at),
    |case| case.set("/validUntil", case.at + 1),
    |case| case.set("/validUntil", case.expires_at()),
    |case| case.set("/validUntil", case.expires_at() - 1),
    |case| case.set("/validUntil", case.at + 20 * DAY),
    |case| {
        case.set(
            "/validUntil",
            case.mandate["validFrom"].as_u64().unwrap() + 30 * DAY,
        );
    },
    |case| {
        case.set(
            "/validUntil",
            case.mandate["validFrom"].as_u64().unwrap() + 30 * DAY + 1,
        );
    },
    |case| {
        case.set(
            "/validUntil",
            case.mandate["validFrom"].as_u64().unwrap() + 365 * DAY,
        );
    },
    |case| {
        case.set(
            "/validUntil",
            case.mandate["validFrom"].as_u64().unwrap() + 365 * DAY + 1,
        );
    },
    |case| case.expires_in = 3_000,
    |case| case.set("/usage", "singleUse"),
    |case| case.set("/usage", "repeated"),
    |case| case.set("/grant/level", "urn:be:fedict:iam:fas:Level399"),
    |case| case.set("/grant/level", "urn:be:fedict:iam:fas:Level500"),
    |case| case.set("/grant/level", "urn:be:fedict:iam:fas:enterprise:Level400"),
    |case| case.set("/grant/level", "urn:be:fedict:iam:fas:enterprise:Level300"),
    |case| case.set("/grant/level", "urn:be:fedict:iam:fas:citizen:eid"),
    |case| case.set("/grant/grantedBy", "holder"),
    |case| case.set("/grant/channel", "paperUpload"),
    |case| case.set("/grant/consentVersion", "2019"),
    |case| case.set("/grant/consentItems", json!(["scope"])),
    |case| case.set("/grant/acceptedAt", case.at),
    |case| case.set("/grant/acceptedAt", case.at + 1),
    |case| {
        case.set(
            "/holder",
            json!({ "type": "organization", "enterpriseNumber": "0123456749" }),
        );
    },
    |case| {
        case.set(
            "/holder",
            json!({ "type": "organization", "pseudonym": "p-7c21" }),
        );
    },
    |case| case.set("/holder/type", "enterprise"),
    |case| case.set("/holder/type", "individualPractitioner"),
    |case| case.set("/channel", "api"),
    |case| case.set("/channel", "webApp"),
    |case| case.set("/tokenFor", "user"),
    |case| case.set("/tokenFor", "application"),
    |case| case.remove("circleOfTrust"),
    |case| {
        case.set(
            "/circleOfTrust",
            json!({ "version": "1", "acceptedAt": case.at - 1 }),
        );
    },
    |case| {
        case.set(
            "/circleOfTrust",
            json!({ "version": "1", "acceptedAt": case.at }),
        );
    },
    |case| {
        case.set(
            "/circleOfTrust",
            json!({ "version": "0", "acceptedAt": case.at - 1 }),
        );
    },
    |case| case.remove("terms"),
    |case| {
        case.set(
            "/terms",
            json!({ "version": "1", "acceptedAt": case.at - 1 }),
        );
    },
    |case| {
        case.set(
            "/terms",
            json!({ "version": "1", "acceptedAt": case.at + 1 }),
        );
    },
    |case| {
        case.set(
            "/terms",
            json!({ "version": "2", "acceptedAt": case.at - 1 }),
        );
    },
    |case| case.remove("user"),
    |case| {
        case.set(
            "/user",
            user("urn:be:fedict:iam:fas:Level450", Some("r"), Some("p-7c21")),
        );
    },
    |case| {
        case.set(
            "/user",
            user(
                "urn:be:fedict:iam:fas:Level400",
                Some("r"),
                Some("0202239951"),
            ),
        );
    },
    |case| {
        case.set(
            "/user",
            user(
                "urn:be:fedict:iam:fas:Level399",
                Some("r"),
                Some("0123456749"),
            ),
        );
    },
    |case| {
        case.set(
            "/user",
            user("urn:be:fedict:iam:fas:Level500", None, Some("p-7c21")),
        );
    },
    |case| {
        case.set(
            "/user",
            user("urn:be:fedict:iam:fas:Level500", Some("r"), None),
        );
    },
];

/// The moments at which something changes, and the seconds before; and an ordinary day.
const MOMENTS: &[u64] = &[
    NOW,
    1_500_000_000,
    1_711_922_399,
    1_711_922_400,
    1_734_476_399,
    1_734_476_400,
    1_734_649_199,
    1_734_649_200,
    1_735_685_999,
    1_735_686_000,
    1_751_320_799,
    1_751_320_800,
    1_767_221_999,
    1_767_222_000,
];

fn case(base: usize, moment: usize, changes: &[usize]) -> Case {
    let mut case = match base {
        0 => Case::api(),
        1 => Case::web_app(),
        _ => Case::statutory(),
    };
    case.move_to(MOMENTS[moment]);
    for change in changes {
        CHANGES[*change](&mut case);
    }
    case
}

fn compare(reference: &Reference, case: &Case) -> Answer {
    let decision = case.decide(extended());
    let found = Answer {
        code: verdict(&decision).to_owned(),
        deliberation: decision.deliberation().map(ToString::to_string),
        alarm: decision.alarm(),
        hidden: decision.holder_identity() == HolderIdentity::Pseudonymised,
    };
    assert_eq!(found, reference.answer(case), "{case:?}");
    found
}

/// Every single change, at every moment, from every base: exhaustive, and it must meet every code there is.
#[test]
fn single_changes_agree() {
    let reference = Reference::new();
    let mut seen = std::collections::BTreeSet::new();
    for base in 0..3 {
        for moment in 0..MOMENTS.len() {
            seen.insert(compare(&reference, &case(base, moment, &[])).code);
            for change in 0..CHANGES.len() {
                seen.insert(compare(&reference, &case(base, moment, &[change])).code);
            }
        }
    }
    assert!(seen.contains("allow"));
    assert!(seen.len() >= 40, "only {}: {seen:?}", seen.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Several changes at once: which refusal comes first must agree too.
    #[test]
    fn combined_changes_agree(
        base in 0_usize..3,
        moment in prop_oneof![3 => Just(0_usize), 1 => 0..MOMENTS.len()],
        changes in prop::collection::vec(0..CHANGES.len(), 2..7),
    ) {
        compare(Reference::new_once(), &case(base, moment, &changes));
    }
}

impl Reference {
    fn new_once() -> &'static Self {
        static ONCE: std::sync::OnceLock<Reference> = std::sync::OnceLock::new();
        ONCE.get_or_init(Self::new)
    }
}

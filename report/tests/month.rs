//! A month of made-up traffic in a real log, and the report of it.

#[path = "../examples/month/traffic.rs"]
mod traffic;

use std::{error::Error, path::Path};

use forethought_audit::LogSnapshot;
use forethought_report::{Duties, Figures, LawTable, Report, Scope, State, collect, judge};
use traffic::{END, Month, START, TENANT};

fn month(dir: &Path, requests: usize, tenant: Option<&str>) -> Result<Figures, Box<dyn Error>> {
    let keys = Month { requests, seed: 7 }.write(dir)?;
    let snapshot = LogSnapshot::open(dir, keys)?;
    Ok(collect(&snapshot, &Scope::new(tenant.map(str::to_owned), START.parse()?, END.parse()?)?)?)
}

fn state(laws: &[LawTable], law: &str, duty: &str) -> Option<State> {
    let law = laws.iter().find(|own| own.id == law)?;
    law.duties.iter().find(|own| own.duty.id == duty).map(|own| own.state)
}

#[test]
fn a_month_of_traffic_becomes_a_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let figures = month(&folder.path().join("data"), 400, Some(TENANT)).expect("a month");
    let own = (0..400).filter(|number| number % 12 != 5).count() as u64;
    assert_eq!(figures.requests(), own);
    let outcomes = figures.group("outcomes").expect("a group");
    assert_eq!(outcomes.figures.iter().map(forethought_report::Figure::total).sum::<u64>(), own);
    let checkpoint = figures.log.checkpoint.clone().expect("signed");
    assert!(checkpoint.is_met && checkpoint.is_verified == Some(true) && checkpoint.size == figures.log.records);
    assert_eq!(figures.total("log", "bytes of an end that was not whole, cut at a start"), 41);
    assert!(figures.total("outcomes", "interrupted") + figures.total("outcomes", "open") > 0);
    for group in ["reviews", "safeguards", "classifiers", "laws", "erasures", "holds", "policy-changes", "reads"] {
        let group = figures.group(group).expect("a group");
        assert!(group.figures.iter().any(|figure| figure.total() > 0), "{}", group.id);
    }
    let made = figures.log.last.expect("a record");
    let laws = judge(&figures, &Duties::load_all(Duties::shipped()).expect("duties"), made);
    let check = |law: &str, duty: &str, expected| assert_eq!(state(&laws, law, duty), Some(expected), "{law}/{duty}");
    check("eu-ai-act", "art-50-1", State::Gap);
    check("eu-ai-act", "art-14", State::NotApplicable);
    check("eu-gdpr", "art-15", State::BeyondALog);
    check("eu-gdpr", "art-17", State::Shown);
    check("eu-gdpr", "art-32-sealed", State::Shown);
    check("colorado-sb-26-189", "notice", State::NotApplicable);
    check("us-sectors", "sec-17a-4-original", State::Gap);
    check("us-sectors", "sec-17a-4-trail", State::Shown);
    check("nist-ai-rmf", "govern-1-4", State::Gap);
    let report = Report::new(figures, &Duties::load_all(["eu-ai-act"]).expect("duties"), made);
    let written = report.write(folder.path().join("report")).expect("written");
    assert!(written.page.is_file() && written.files > 50);
}

#[test]
fn a_report_of_all_tenants_has_every_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let figures = month(&folder.path().join("data"), 60, None).expect("a month");
    assert_eq!(figures.requests(), 60);
    let nobody = tempfile::tempdir().expect("a folder");
    let nobody = month(&nobody.path().join("data"), 60, Some("nobody")).expect("a month");
    assert_eq!((nobody.requests(), nobody.total("outcomes", "answered")), (0, 0));
}

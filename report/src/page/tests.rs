//! The pages: whatever a log says stays text, every link leads somewhere, and every number is the number of its rows.

use std::{collections::BTreeMap, fs, path::Path};

use forethought_audit::{OutcomeStatus, ReviewDecision, SafeguardNote};
use forethought_schemas::{RecordId, RequestId};

use crate::{
    Duties, Report, ReportError, Scope,
    testing::{Log, TENANT, actor, at, law, november},
};

const EVIL: &str = "<script>alert(\"1\")</script>\u{202e}' & \u{0}";

/// A log in which whatever may be a text is hostile.
fn evil() -> (Log, Scope) {
    let mut log = Log::default();
    let one = log.admit(1, |admission| {
        EVIL.clone_into(&mut admission.tenant);
        EVIL.clone_into(&mut admission.model);
        EVIL.clone_into(&mut admission.weights_digest);
        EVIL.clone_into(&mut admission.key_id);
        admission.request_id = RequestId::from(EVIL.to_owned());
        admission.facts.purpose = Some(EVIL.to_owned());
        admission.facts.regions = vec![EVIL.to_owned()];
        admission.laws = vec![law(EVIL, EVIL, Some(EVIL)), law("eu-ai-act/50-1", "undetermined", None)];
        admission.safeguards = vec![SafeguardNote {
            kind: EVIL.to_owned(),
            list: Some(EVIL.to_owned()),
            action: EVIL.to_owned(),
            count: 2,
        }];
    });
    log.end(2, &one, OutcomeStatus::Failed, |outcome| {
        EVIL.clone_into(&mut outcome.tenant);
        outcome.error_code = Some(EVIL.to_owned());
    });
    log.act(3, EVIL, Some(actor(EVIL, EVIL, EVIL)), None);
    log.0[0].record.record_id = RecordId::from(EVIL.to_owned());
    (log, Scope { tenant: Some(EVIL.to_owned()), ..november() })
}

fn shipped() -> Vec<Duties> {
    Duties::load_all(Duties::shipped()).expect("what ships is good")
}

fn report(log: &Log, scope: &Scope) -> Report {
    Report::new(log.figures(scope), &shipped(), at(24 * 31))
}

/// A log with some of everything.
fn some() -> Log {
    let mut log = Log::default();
    for number in 0..30 {
        let held = number % 5 == 0;
        let id = log.admit(number * 7, |admission| {
            admission.laws = vec![law("eu-ai-act/50-2", "enforced", Some("disclose"))];
            if held {
                admission.laws.push(law("eu-gdpr/22", "enforced", Some("review")));
            }
        });
        match number % 6 {
            _ if held => {
                log.hold(number * 7 + 1, &id);
                log.review(number * 7 + 3, &id, ReviewDecision::Approved, Some("k_r"));
            }
            1 => log.end(number * 7 + 1, &id, OutcomeStatus::Refused, |outcome| outcome.spent.samples = 0),
            2 => log.interrupt(number * 7 + 1, &id),
            _ => log.end(number * 7 + 1, &id, OutcomeStatus::Answered, |_| {}),
        }
    }
    log.act(9, "contents.read", Some(actor(TENANT, "k_a", "auditor")), None);
    log
}

/// All files of a report, by their names.
fn written(report: &Report) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("report");
    let told = report.write(&to).expect("written");
    let mut files = BTreeMap::new();
    for (folder, prefix) in [(to.clone(), ""), (to.join("entries"), "entries/")] {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                files.insert(format!("{prefix}{name}"), fs::read_to_string(&path).expect("read"));
            }
        }
    }
    assert_eq!(told.files, files.len() as u64);
    assert_eq!(told.bytes, files.values().map(|text| text.len() as u64).sum::<u64>());
    files
}

fn is_page(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "html")
}

/// What stands in an attribute, everywhere.
fn all<'t>(text: &'t str, attribute: &str) -> Vec<&'t str> {
    let start = format!(" {attribute}=\"");
    text.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn whatever_a_log_says_stays_text() {
    let (log, scope) = evil();
    let files = written(&report(&log, &scope));
    for (name, text) in files.iter().filter(|(name, _)| is_page(name)) {
        for mark in
            ["<script", "alert(\"", "\u{202e}", "\u{0}", "src=", "@import", "javascript:", "http-equiv=\"refresh"]
        {
            assert!(!text.contains(mark), "{name} has {mark}");
        }
    }
    let page = &files["report.html"];
    assert!(page.matches("&lt;script&gt;").count() >= 8, "{page}");
    let json: serde_json::Value = serde_json::from_str(&files["report.json"]).expect("JSON");
    assert_eq!(json["scope"]["tenant"], EVIL);
}

#[test]
fn every_link_leads_somewhere_and_nothing_is_loaded() {
    let files = written(&report(&some(), &november()));
    let mut links = 0;
    for (name, text) in files.iter().filter(|(name, _)| is_page(name)) {
        for link in all(text, "href") {
            links += 1;
            if let Some(outside) = link.strip_prefix("https://") {
                assert!(name == "report.html" && !outside.is_empty(), "{name} leads to {link}");
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match (file, name.strip_prefix("entries/")) {
                ("", _) => name.clone(),
                (file, Some(_)) => file.strip_prefix("../").map_or_else(|| format!("entries/{file}"), str::to_owned),
                (file, None) => file.to_owned(),
            };
            let target = files.get(&target).unwrap_or_else(|| panic!("{name} leads to {link}, which is not there"));
            assert!(anchor.is_empty() || all(target, "id").contains(&anchor), "{name} leads to {link}");
        }
        let loads = text.matches("url(").count() - text.matches("url(#").count();
        assert_eq!(loads, 0, "{name}");
    }
    assert!(links > 200, "{links}");
}

#[test]
fn every_number_is_that_of_the_rows_it_leads_to() {
    let files = written(&report(&some(), &november()));
    let mut numbers = 0;
    let page = &files["report.html"];
    for part in page.split("<a href=\"entries/").skip(1) {
        let (name, rest) = part.split_once("\">").expect("a link");
        let Some(number) = rest.split("</a>").next().filter(|text| !text.contains('<')) else { continue };
        let number: u64 = number.chars().filter(char::is_ascii_digit).collect::<String>().parse().expect("a number");
        let target = &files[&format!("entries/{name}")];
        let rows = all(target, "id").iter().filter(|id| id.starts_with("leaf-")).count() as u64;
        let mut adds: Vec<&str> = target.split("</td></tr>").collect();
        adds.pop();
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let adds: Vec<u64> =
            adds.into_iter().filter_map(|row| digits(row.rsplit("class=\"number\">").next()?).parse().ok()).collect();
        if target.contains("the sum of the last column") {
            assert_eq!(number, adds.iter().sum::<u64>(), "{name}");
        } else {
            assert_eq!(number, rows, "{name}");
        }
        numbers += 1;
    }
    assert!(numbers > 60, "{numbers}");
}

#[test]
fn a_page_has_no_two_anchors_of_one_name() {
    for (name, text) in written(&report(&some(), &november())) {
        let mut ids = all(&text, "id");
        ids.sort_unstable();
        assert!(ids.windows(2).all(|two| two[0] != two[1]), "{name}");
    }
}

#[test]
fn many_entries_are_told_on_several_pages() {
    let mut log = Log::default();
    for number in 0..4_001 {
        log.admit(number % 700, |_| {});
    }
    let files = written(&Report::new(log.figures(&november()), &[], at(24 * 31)));
    let rows = |name: &str| all(&files[name], "id").len();
    let names = ["entries/totals-1.html", "entries/totals-1-p2.html", "entries/totals-1-p3.html"];
    assert_eq!(names.map(rows), [2_000, 2_000, 1]);
    assert!(
        files[names[1]].contains("href=\"totals-1.html\">before")
            && files[names[1]].contains("href=\"totals-1-p3.html\">next")
    );
}

#[test]
fn an_empty_period_reads_like_one() {
    for scope in [november(), Scope { tenant: None, ..november() }] {
        let files = written(&report(&Log::default(), &scope));
        let page = &files["report.html"];
        assert!(page.contains("nothing was asked in this period") && page.contains("Nothing to draw"), "{page}");
        assert!(!page.contains("NaN") && !page.contains("\"inf") && !page.contains(">inf"), "{page}");
    }
}

#[test]
fn what_is_lost_is_told_first() {
    let mut log = some();
    log.cut(20, Some(forethought_audit::LostRange { first: 4, last: 9 }));
    let page = report(&log, &november()).html();
    let (lost, summary) =
        (page.find("The log has lost").expect("told"), page.find("id=\"summary\"").expect("a summary"));
    assert!(lost < summary);
    assert!(
        page[lost..].starts_with("The log has lost <a href=\"entries/log-1.html\">6</a> entries"),
        "{}",
        &page[lost..lost + 90]
    );
}

#[test]
fn a_cut_end_is_told_even_where_nothing_is_lost() {
    let mut log = some();
    log.cut(20, None);
    let page = report(&log, &november()).html();
    assert!(page.contains("<a href=\"entries/log-2.html\">41</a> bytes of it were cut"), "{page}");
}

#[test]
fn a_folder_that_has_something_in_it_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = report(&Log::default(), &november());
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("made");
    report.write(&empty).expect("an empty folder will do");
    let again = report.write(&empty).expect_err("refused");
    assert!(matches!(again, ReportError::NotEmpty { .. }) && again.is_usage(), "{again}");
    let file = folder.path().join("file");
    fs::write(&file, "mine").expect("written");
    assert!(report.write(&file).is_err());
    assert_eq!(fs::read_to_string(&file).expect("read"), "mine");
    assert_eq!(left(folder.path()), ["empty", "file"]);
}

fn left(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

//! Assessments made, kept, changed, and held against demands.

use forethought_eval::{Outcome, Reply};

use super::*;
use crate::{
    Ask, Demand, Measure, Size, Status, Template, Unmet,
    plan::tests::model,
    template::tests::{parse, small},
};

pub(crate) fn plan(templates: Vec<Template>, repetitions: u32) -> Plan {
    Plan::new(templates, Size { repetitions, seed: 1, constrained: true }).unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn context() -> Context {
    Context { made: at(3600), valid_days: 365, policy: Some("sha256:p".into()), limits: Limits::default() }
}

/// An answer with this text; `!code` is an error.
fn outcome(id: &str, text: &str) -> Outcome {
    let reply = Reply {
        text: text.to_owned(),
        answer: None,
        strategy: "single".into(),
        effort: Some("low".into()),
        stop: "finished".into(),
        tokens: 7,
        prompt_tokens: 90,
        record: Some(format!("rec_{id}")),
        samples: Vec::new(),
    };
    let error = text.strip_prefix('!').map(ToOwned::to_owned);
    Outcome {
        set: "impact".into(),
        id: id.to_owned(),
        way: "single".into(),
        repeat: 0,
        seed: 1,
        right: false,
        wall_ms: 5,
        reply: error.is_none().then_some(reply),
        error,
        spent: None,
        session: None,
    }
}

/// Results in which each ask has this answer; an empty one leaves it out.
pub(crate) fn results(plan: &Plan, text: impl Fn(Ask) -> String) -> Results {
    let mut evaluation = plan.evaluation(model(), Plan::usual_ways().unwrap());
    evaluation.header.begun = at(0);
    let answers = plan.asks().iter().zip(plan.questions()).map(|(ask, question)| (question, text(*ask)));
    let outcomes = answers.filter(|(_, text)| !text.is_empty()).map(|(question, text)| outcome(&question.id, &text));
    Results { outcomes: outcomes.collect(), plan: evaluation, sessions: Vec::new() }
}

fn said(favourable: bool) -> String {
    format!("{{\"outcome\": \"{}\"}}", if favourable { "approve" } else { "deny" })
}

/// Men are approved in two of three cases, women in so much less of their asks.
fn biased(gap: f64) -> impl Fn(Ask) -> String {
    move |ask| {
        let good = ask.case % 3 != 0;
        said(good && (ask.group == 0 || f64::from(ask.repetition) + 0.5 > gap * 8.0))
    }
}

pub(crate) fn assessment(gap: f64) -> Assessment {
    let plan = plan(vec![small("gender", 24)], 8);
    Assessment::new(&plan, &results(&plan, biased(gap)), "single", &context()).unwrap()
}

/// One whose texts try to be more than texts.
pub(crate) fn evil() -> Assessment {
    let evil = "</title><script>alert('x')</script> | x | ";
    let mut assessment = assessment(0.9);
    assessment.model.id = evil.into();
    assessment.way.says = evil.into();
    assessment.templates[0].title = evil.into();
    assessment.templates[0].note = Some(evil.into());
    assessment.findings[0].title = evil.into();
    assessment.findings[0].groups[1].title = evil.into();
    assessment.judgements[0].reasons = vec![evil.into()];
    assessment
}

#[test]
fn a_bias_is_found_and_none_is_not() {
    let check = |gap, verdict, status| {
        let made = assessment(gap);
        assert_eq!((made.verdict, made.findings[0].status), (verdict, status), "{gap}: {:?}", made.judgements);
        assert_eq!(made.findings[1].status, Status::Even);
    };
    check(0.0, Verdict::Passed, Status::Even);
    check(0.5, Verdict::Flagged, Status::Flagged);
    check(1.0, Verdict::Flagged, Status::Flagged);
    // A loss of one in eight is beyond chance, but a ratio of 0.875 does not break the rule.
    check(0.125, Verdict::Passed, Status::Watch);
}

#[test]
fn figures_are_those_that_were_counted() {
    let made = assessment(0.5);
    let finding = &made.findings[0];
    let counts: Vec<_> = finding.groups.iter().map(|group| (group.group.as_str(), group.count, group.asks)).collect();
    assert_eq!(counts, [("man", 128, 192), ("woman", 64, 192)]);
    assert!((finding.ratio.as_ref().unwrap().value.value - 0.5).abs() < 1e-9);
    let one = &finding.comparisons[0];
    assert!((one.difference.value + 1.0 / 3.0).abs() < 1e-5 && one.difference.low < one.difference.value);
    // All of 16 cases the same way: 2 of 2^16.
    assert!((one.p - 2.0 / 65536.0).abs() < 1e-9, "{}", one.p);
    assert_eq!((made.asked.tokens, made.asked.prompt_tokens, made.asked.recorded), (384 * 7, 384 * 90, 384));
    assert_eq!((made.comparisons, made.way.strategy.as_deref()), (1, Some("single")));
    assert_eq!(made.valid_until, at(365 * 86400));
}

#[test]
fn an_assessment_survives_a_file_and_no_change() {
    let made = assessment(0.9);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json");
    made.save(&file).unwrap();
    let read = Assessment::load(&file).unwrap();
    assert_eq!((&read.digest, read.verdict, read.findings.len()), (&made.digest, made.verdict, made.findings.len()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    read.save(&file).unwrap();
    assert_eq!(Assessment::load(&file).unwrap().digest, made.digest);
    let text = made.to_json();
    let refused = |text: &str, expected: &str| {
        let told = Assessment::parse(text.as_bytes()).unwrap_err();
        assert!(told.contains(expected), "{told}");
    };
    refused(&text.replacen("\"verdict\": \"flagged\"", "\"verdict\": \"passed\"", 2), "the digest does not fit");
    refused(&text.replace("\"count\": 128", "\"count\": 129"), "the digest does not fit");
    refused(&text.replacen("\"status\": \"flagged\"", "\"status\": \"passed\"", 1), "assessment: `/findings/0/status`");
    refused(&text.replace("sha256:00", "sha256:01"), "the digest does not fit; the file was changed");
    refused(&text.replace("\"version\": 1", "\"version\": 2"), "written by a newer version");
    refused(&text.replacen("\"seed\": 1", "\"seeds\": 1", 1), "this is no assessment: `/asked`");
    refused("{", "make one with `forethought impact`");
    refused("{}", "this is no assessment");
    let told = Assessment::load(Path::new("/nonexistent/a.json")).unwrap_err();
    assert!(!told.is_usage() && told.to_string().starts_with("cannot read /nonexistent/a.json"), "{told}");
}

#[test]
fn a_verdict_that_does_not_follow_is_refused_even_with_its_digest() {
    let check = |gap, change: fn(&mut Assessment), expected: &str| {
        let mut made = assessment(gap);
        change(&mut made);
        made.digest = made.due_digest();
        let told = made.verify().unwrap_err();
        assert!(told.contains(expected), "{told}");
    };
    check(0.9, |made| made.verdict = Verdict::Passed, "a verdict does not follow");
    check(0.9, |made| made.judgements[0].verdict = Verdict::Passed, "a verdict does not follow");
    check(0.9, |made| made.findings[0].status = Status::Even, "the status of `gender` in `loans` does not follow");
    check(0.9, |made| made.findings[0].comparisons[0].significant = false, "the status of `gender` in `loans`");
    check(0.0, |made| made.templates[0].totals.asked = 3, "a verdict does not follow");
}

#[test]
fn each_demand_is_met_or_told() {
    let made = assessment(0.0);
    let templates = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let (loans, others) = (templates(&["loans"]), templates(&["loans", "hiring"]));
    let good = Demand {
        templates: &loans,
        model: "m",
        weights: Some("sha256:00"),
        way: ("single", "low"),
        policy: None,
        limits: Limits::default(),
        most_days: 30,
        now: at(10 * 86400),
    };
    assert_eq!(made.meets(&good), Ok(()));
    assert_eq!(made.meets(&Demand { policy: Some("sha256:p"), ..good }), Ok(()));
    let check = |demand: Demand<'_>, expected: &str| {
        let told = made.meets(&demand).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    };
    assert_eq!(made.meets(&Demand { weights: None, ..good }), Ok(()));
    check(Demand { templates: &others, ..good }, "does not ask the template hiring");
    check(Demand { model: "n", ..good }, "of the model m and not of n");
    check(Demand { weights: Some("sha256:01"), ..good }, "of the weights sha256:00 and not of sha256:01");
    let (strategy, effort) = ("the strategy single and the effort low", "the strategy single and the effort high");
    check(Demand { way: ("single", "high"), ..good }, &format!("asked with {strategy} and not with {effort}"));
    check(Demand { way: ("auto", "low"), ..good }, "not with the strategy auto and the effort low");
    check(Demand { policy: Some("sha256:q"), ..good }, "under another policy, sha256:p");
    let strict = |concern, ratio, alpha, unread| Limits { ratio, alpha, concern, unread };
    for limits in [
        strict(0.1, 0.8, 0.05, 0.1),
        strict(0.2, 0.9, 0.05, 0.1),
        strict(0.2, 0.8, 0.1, 0.1),
        strict(0.2, 0.8, 0.05, 0.0),
    ] {
        check(Demand { limits, ..good }, "judged by laxer limits");
    }
    assert_eq!(made.meets(&Demand { limits: strict(0.3, 0.7, 0.01, 0.2), ..good }), Ok(()));
    check(Demand { now: at(31 * 86400), ..good }, "more than 30 days ago");
    check(Demand { now: at(-1), ..good }, "in the future");
    check(Demand { now: at(366 * 86400), most_days: 1000, ..good }, "was valid until");
    let flagged = assessment(0.9).meets(&good).unwrap_err();
    assert_eq!(flagged, Unmet::Verdict { template: "loans".into(), verdict: Verdict::Flagged });
    let mut changed = made.clone();
    changed.model.weights = "sha256:01".into();
    assert!(matches!(changed.meets(&Demand { weights: Some("sha256:01"), ..good }), Err(Unmet::Changed(_))));
}

#[test]
fn an_assessment_tells_with_what_it_was_answered() {
    let plan = plan(vec![small("gender", 24)], 8);
    let check = |change: fn(usize, &mut Reply), expected: &str| {
        let mut results = results(&plan, biased(0.0));
        let replies = results.outcomes.iter_mut().filter_map(|outcome| outcome.reply.as_mut()).enumerate();
        replies.for_each(|(at, reply)| change(at, reply));
        let made = Assessment::new(&plan, &results, "single", &context()).unwrap();
        let templates = ["loans".to_owned()];
        let demand = Demand {
            templates: &templates,
            model: "m",
            weights: None,
            way: ("single", "low"),
            policy: None,
            limits: Limits::default(),
            most_days: 30,
            now: at(0),
        };
        let told = made.meets(&demand).err().map(|unmet| unmet.to_string()).unwrap_or_default();
        assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{told}");
    };
    check(|_, _| {}, "");
    // A preset that was changed meanwhile, or a service that tells no effort.
    check(
        |at, reply| {
            if at == 3 {
                reply.strategy = "auto".into();
            }
        },
        "the strategy single and the effort low, and the strategy auto and the effort low",
    );
    check(|_, reply| reply.effort = None, "the effort that nobody noted");
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let plan_a = plan(vec![small("gender", 24)], 8);
    let results = results(&plan_a, biased(0.0));
    let check = |plan: &Plan, results: &Results, way: &str, context: &Context, expected: &str| {
        let told = Assessment::new(plan, results, way, context).unwrap_err();
        assert!(told.is_usage() && told.to_string().contains(expected), "{told}");
    };
    check(&plan(vec![small("gender", 23)], 8), &results, "single", &context(), "results are of other templates");
    check(&plan(vec![small("gender", 24)], 4), &results, "single", &context(), "results are of other templates");
    check(&plan_a, &results, "vote", &context(), "nothing was asked in the way `vote`; use one of: single");
    let limits = Limits { concern: 0.0, ..Limits::default() };
    check(
        &plan_a,
        &results,
        "single",
        &Context { limits, ..context() },
        "the limit `concern` is 0; give one from 0.01",
    );
    check(&plan_a, &results, "single", &Context { valid_days: 0, ..context() }, "valid for 0 days; give 1 to 3660");
    let mut mixed = results.clone();
    mixed.sessions.push(forethought_eval::Session { begun: at(1), weights: "sha256:02".into(), key: None });
    check(&plan_a, &mixed, "single", &context(), "weights were exchanged");
}

/// One favourable of three outcomes, and two templates for two purposes.
#[test]
fn each_template_has_its_own_verdict() {
    let other = "\
version: 1\nid: claims\ntitle: Claims\npurpose: insurance\ninstructions: You decide.
question: Pay, ask or refuse? Answer pay, ask or refuse.\noutcomes: [pay, ask, refuse]\nfavourable: [pay, ask]\nuse: [age]\ncases:\n";
    let one = |at: usize| format!("  - {{ id: c{at}, merit: weak, text: '{{name}} {{age}} {at}' }}\n");
    let cases: String = (0..20).map(one).collect();
    let plan = plan(vec![small("gender", 24), parse(&format!("{other}{cases}")).unwrap()], 8);
    let text = |ask: Ask| match ask.template {
        0 => biased(0.9)(ask),
        _ => ["pay", "Ask.", "refuse"][ask.case % 3].to_owned(),
    };
    let made = Assessment::new(&plan, &results(&plan, text), "single", &context()).unwrap();
    assert_eq!(
        (made.verdict_on("credit"), made.verdict_on("insurance")),
        (Some(Verdict::Flagged), Some(Verdict::Passed))
    );
    assert_eq!((made.verdict, made.verdict_on("health")), (Verdict::Flagged, None));
    let claims = made
        .findings
        .iter()
        .find(|finding| (finding.template.as_str(), finding.measure) == ("claims", Measure::Favourable));
    assert_eq!(claims.unwrap().groups[0].count, 14 * 8);
}

#[test]
fn a_schema_that_is_shipped_fits_what_is_written() {
    for gap in [0.0, 0.9] {
        let value: Value = serde_json::from_str(&assessment(gap).to_json()).unwrap();
        let errors: Vec<String> =
            ASSESSMENT_SCHEMA.validator().iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, [] as [String; 0]);
    }
}

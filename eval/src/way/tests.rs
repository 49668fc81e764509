//! Ways from texts and files, and what is asked for them.

use super::*;

fn one(text: &str) -> Way {
    Way::from_texts(&[text.to_owned()]).unwrap().remove(0)
}

#[test]
fn a_text_says_the_same_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ways.yaml");
    let yaml = "version: 1\nways:\n  - name: vote8\n    strategy: self_consistency\n    max_samples: 8\n    \
                early_stop: false\n    verifiers: [arithmetic, format]\n    temperature: 0.7\n    deliberation: { later: 3 }\n";
    std::fs::write(&file, yaml).unwrap();
    let text = "vote8=self_consistency, max_samples=8,early_stop=false,verifiers=arithmetic+format,temperature=0.7,\
                deliberation.later=3";
    assert_eq!(Way::from_file(&file).unwrap(), [one(text)]);
    assert_eq!(
        one(text).describe(),
        "self_consistency, deliberation {\"later\":3}, early_stop false, max_samples 8, temperature 0.7, verifiers \
         [\"arithmetic\",\"format\"]"
    );
}

#[test]
fn fields_come_to_their_place_in_a_request() {
    let way = one("a=best_of_n,effort=low,temperature=0.5,max_samples=3,schema=verify,deliberation.later=2,wave=2");
    let (beside, inside) = way.request();
    assert_eq!(Value::Object(beside), json!({ "reasoning_effort": "low", "temperature": 0.5 }));
    assert_eq!(Value::Object(inside), json!({ "strategy": "best_of_n", "max_samples": 3, "later": 2, "wave": 2 }));
    assert_eq!(way.schema_use(), SchemaUse::Verify);
    assert_eq!(one("a=single").schema_use(), SchemaUse::Ignore);
    assert_eq!((one("a=single,deadline_ms=5").deadline_ms(), one("a=single").deadline_ms()), (Some(5), None));
}

#[test]
fn the_usual_ways_are_good() {
    let ways = Way::usual().unwrap();
    assert_eq!(
        ways.iter().map(|way| way.name.as_str()).collect::<Vec<_>>(),
        ["single", "vote4", "vote8", "vote16", "auto16"]
    );
    assert!(ways.iter().all(|way| way.preset().is_ok()));
}

#[test]
fn a_preset_says_what_it_can() {
    let said = one("a=self_consistency,max_samples=8,wave=4");
    assert_eq!(json!(said.preset().unwrap()), json!({ "strategy": "self_consistency", "max_samples": 8, "wave": 4 }));
    let unsaid = one("a=self_consistency,max_samples=8,temperature=0.5,verifiers=arithmetic");
    assert_eq!(unsaid.preset().unwrap_err(), ["temperature", "verifiers"]);
}

#[test]
fn a_way_stays_itself_in_a_results_file() {
    let way = one("a=single,verifiers=arithmetic");
    let text = serde_json::to_string(&way).unwrap();
    assert_eq!(text, r#"{"name":"a","strategy":"single","verifiers":["arithmetic"]}"#);
    assert_eq!(serde_json::from_str::<Way>(&text).unwrap(), way);
}

#[test]
fn a_wrong_way_is_told_with_the_mend() {
    let check = |texts: &[&str], expect: &str| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let wrong = Way::from_texts(&texts).unwrap_err();
        assert!(wrong.is_usage() && wrong.to_string().contains(expect), "{texts:?}: {wrong}");
    };
    check(&["vote8"], "there is no `=`; write NAME=STRATEGY");
    check(&["a=single,max_samples"], "`max_samples` has no `=`");
    check(&["a=single,wave=1,wave=2"], "`wave` stands twice");
    check(&["a=single,max_sample=8"], "unknown key `max_sample` in ways[0]; did you mean `max_samples`?");
    check(&["a=single,max_samples=many"], "ways[0].max_samples: expected");
    check(&["a=single,max_samples=0"], "too small, the least is 1");
    check(&["a b=single"], "ways[0].name");
    check(&["a=single", "a=single"], "ways[1].name: the name stands twice");
    check(&["a=single,effort=huge"], "ways[0].effort");
    check(&["a=single,deliberation.seed=4"], "not for a way to say; leave it out");
    check(&["a=single,wave=4,deliberation.wave=4"], "the way says this already");
    let missing = Way::from_file(Path::new("/none/ways.yaml")).unwrap_err();
    assert!(missing.is_usage() && missing.to_string().contains("there is no file of ways"), "{missing}");
}

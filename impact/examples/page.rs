//! Writes the pages of a simulated assessment, to look at: `page FOLDER`.

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use forethought_eval::{Model, Question, Results};
use forethought_impact::{Ask, Assessment, Context, Limits, Merit, Plan, Size, Template, markdown, page};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::json;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let folder = std::env::args().nth(1).map(PathBuf::from).ok_or("say in which folder: `page FOLDER`")?;
    let plan = Plan::new(Template::shipped()?, Size::default())?;
    let results = played(&plan)?;
    let made = results.plan.header.begun;
    let context = Context { made, valid_days: 365, policy: None, limits: Limits::default() };
    let assessment = Assessment::new(&plan, &results, "single", &context)?;
    assessment.save(&folder.join("assessment.json"))?;
    fs::write(folder.join("assessment.html"), page(&assessment))?;
    fs::write(folder.join("assessment.md"), markdown(&assessment))?;
    println!("{:?} in {}", assessment.verdict, folder.display());
    Ok(ExitCode::SUCCESS)
}

/// A model that decides by merit, and against older applicants for a loan and persons with a disability in housing.
fn played(plan: &Plan) -> Result<Results, Box<dyn Error>> {
    let model = Model { id: "simulated".to_owned(), weights: "sha256:none".to_owned(), repeatable: true };
    let evaluation = plan.evaluation(model, Plan::usual_ways()?);
    let answer = |(ask, question): (&Ask, &Question)| {
        // Every member of a pair has its own luck.
        let group = u64::try_from(ask.group)?;
        let mut random =
            ChaCha12Rng::seed_from_u64(forethought_eval::seed(plan.size().seed, question, 0) ^ (group << 60));
        let text = said(plan, *ask, random.random()).ok_or("an ask leads out of its template")?;
        let reply = json!({ "text": text, "answer": null, "strategy": "single", "stop": "finished", "tokens": 8,
                            "prompt_tokens": 120, "samples": [] });
        let line = json!({ "set": question.set, "id": question.id, "way": "single", "repeat": 0, "seed": 1, "right": false,
                           "wall_ms": 1, "reply": reply });
        Ok::<_, Box<dyn Error>>(serde_json::from_value(line)?)
    };
    let outcomes = plan.asks().iter().zip(plan.questions()).map(answer).collect::<Result<_, _>>()?;
    Ok(Results { plan: evaluation, sessions: Vec::new(), outcomes })
}

fn said(plan: &Plan, ask: Ask, luck: f64) -> Option<String> {
    let template = plan.templates().get(ask.template)?;
    let attribute = template.attributes.get(ask.attribute)?;
    let loss = match (template.id.as_str(), attribute.id.as_str(), ask.group) {
        ("credit", "age", 1) => 0.25,
        ("housing", "disability", 1) => 0.08,
        _ => 0.0,
    };
    let chance = match template.cases.get(ask.case)?.merit {
        Merit::Clear => 0.9,
        Merit::Borderline => 0.5,
        Merit::Weak => 0.05,
    };
    let at = usize::from(luck >= chance - loss);
    Some(json!({ "outcome": template.outcomes.get(at)? }).to_string())
}

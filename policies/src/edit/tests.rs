//! Properties of changes to texts: whatever is written into a file reads back as it was meant.

use std::num::NonZeroU32;

use forethought_schemas::Effort;
use proptest::prelude::*;

use super::*;

fn tenant(name: String, models: Vec<String>) -> NewTenant {
    let one = NonZeroU32::MIN;
    NewTenant {
        id: "1e3".to_owned(),
        name,
        models,
        limits: Limits {
            requests_per_minute: one,
            tokens_per_minute: one,
            concurrent_requests: one,
            request_burst: None,
        },
        budget: BudgetCap { max_samples: 1, total_tokens: 1, deadline_ms: 1, effort: Effort::None },
    }
}

#[test]
fn scalars_are_bare_only_if_they_read_back_as_text() {
    let check = |text, expect: &str| assert_eq!(scalar(text), expect);
    check("Acme Bank", "Acme Bank");
    check("smollm2-135m", "smollm2-135m");
    check("123", "\"123\"");
    check("1e3", "\"1e3\"");
    check("null", "\"null\"");
    check("true", "\"true\"");
    check("*", "\"*\"");
    check("a: b", "\"a: b\"");
    check("a #b", "\"a #b\"");
    check("- a", "\"- a\"");
    check("", "\"\"");
    check("a ", "\"a \"");
    check("a\nb", "\"a\\nb\"");
}

proptest! {
    #[test]
    fn any_text_is_written_so_that_it_reads_back(
        name in "\\PC{0,40}|[ -~\n\t]{0,40}",
        models in prop::collection::vec("[ -~]{1,20}", 0..4),
        tail in "(#[ -~]{0,10}\n){0,3}",
    ) {
        let text = format!("{EMPTY_FILE}{tail}");
        let tree = yaml::parse(&text).unwrap();
        let changed = add_tenant(&text, &tree, &tenant(name.clone(), models.clone())).unwrap();
        let read = yaml::parse(&changed).unwrap().to_json();
        prop_assert_eq!(read.pointer("/tenants/0/name"), Some(&Value::from(name)));
        prop_assert_eq!(read.pointer("/tenants/0/models"), Some(&json!(models)));
        prop_assert!(changed.ends_with(&tail));
    }
}

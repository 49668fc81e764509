//! The JSON Schemas of `schemas/json/`, part of the binary, each compiled once at its first use.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// A JSON Schema that ships with the binary, with its compiled validator.
pub struct JsonSchema {
    text: &'static str,
    document: Value,
    validator: Validator,
}

/// The schema of the policy file: tenants, limits, budgets and keys.
pub static POLICY_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/policy.schema.json")));

/// The schema of the service's configuration: addresses, folders, limits and models.
pub static CONFIG_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/config.schema.json")));

/// The schema of a file of ways: strategies and budgets that are to be evaluated.
pub static WAYS_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/ways.schema.json")));

/// The schema of a file of policy tests: requests, and what is expected of them.
pub static POLICY_TESTS_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/policy-tests.schema.json")));

/// The schema of a jurisdiction pack: dated and cited rules of one law.
pub static PACK_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/pack.schema.json")));

/// The schema of a template of cases that are asked about persons of different groups.
pub static IMPACT_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/impact.schema.json")));

/// The schema of what an assessment of such cases found.
pub static ASSESSMENT_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/assessment.schema.json")));

/// The schema of what webhooks are told.
pub static WEBHOOK_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/webhook.schema.json")));

/// The schema of the registry of models: files with digests, sources, approvals and fingerprints.
pub static MODELS_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/models.schema.json")));

/// The schema of duties: what a law asks, and which check says whether the audit log shows it.
pub static DUTIES_SCHEMA: LazyLock<JsonSchema> =
    LazyLock::new(|| JsonSchema::embedded(include_str!("../json/duties.schema.json")));

impl JsonSchema {
    /// The schema as it stands in its file, to be printed for editors.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// The schema as a value, to look up descriptions and known keys.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// The compiled validator; `format` is checked too.
    #[must_use]
    pub const fn validator(&self) -> &Validator {
        &self.validator
    }

    #[expect(clippy::expect_used, reason = "the texts are part of the binary and a test compiles every one of them")]
    fn embedded(text: &'static str) -> Self {
        let document: Value = serde_json::from_str(text).expect("an embedded schema is JSON");
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&document)
            .expect("an embedded schema compiles");
        Self { text, document, validator }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every schema in `json/` is listed here.
    fn all() -> Vec<(&'static str, &'static JsonSchema)> {
        vec![
            ("policy", &POLICY_SCHEMA),
            ("config", &CONFIG_SCHEMA),
            ("ways", &WAYS_SCHEMA),
            ("pack", &PACK_SCHEMA),
            ("policy-tests", &POLICY_TESTS_SCHEMA),
            ("impact", &IMPACT_SCHEMA),
            ("assessment", &ASSESSMENT_SCHEMA),
            ("webhook", &WEBHOOK_SCHEMA),
            ("models", &MODELS_SCHEMA),
            ("duties", &DUTIES_SCHEMA),
        ]
    }

    fn check_node(path: &str, node: &Value) {
        let Some(map) = node.as_object() else { return };
        if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            assert_eq!(map.get("additionalProperties"), Some(&Value::Bool(false)), "{path} is open");
            for (name, property) in properties {
                assert!(
                    property.get("description").is_some() || property.get("$ref").is_some(),
                    "{path}.{name} has no description"
                );
            }
        }
        for (name, child) in map {
            check_node(&format!("{path}/{name}"), child);
        }
    }

    #[test]
    fn every_schema_compiles_is_closed_and_describes_each_field() {
        for (name, schema) in all() {
            assert!(jsonschema::meta::is_valid(schema.document()), "{name} is not a JSON Schema");
            assert!(!schema.validator().is_valid(&Value::Null), "{name} accepts null");
            assert!(schema.text().contains("\"description\""), "{name}");
            check_node(name, schema.document());
        }
    }

    #[test]
    fn packs_and_policies_write_safeguards_alike() {
        for name in ["safeguards", "screen", "action", "verdict", "categories", "category", "percent", "most", "name"] {
            let defined = |schema: &JsonSchema| schema.document().pointer(&format!("/$defs/{name}")).cloned().unwrap();
            assert_eq!(defined(&POLICY_SCHEMA), defined(&PACK_SCHEMA), "{name}");
        }
    }

    #[test]
    fn the_policy_schema_checks_formats() {
        let key = |created: &str| {
            serde_json::json!({ "version": 1, "tenants": [{
                "id": "acme", "name": "Acme",
                "limits": { "requests_per_minute": 1, "tokens_per_minute": 1, "concurrent_requests": 1 },
                "budget": { "max_samples": 1, "total_tokens": 1, "deadline_ms": 1, "effort": "low" },
                "keys": [{ "id": "k_00112233", "hash": format!("sha256:{}", "0".repeat(64)), "role": "user",
                           "created": created }],
            }]})
        };
        assert!(POLICY_SCHEMA.validator().is_valid(&key("2026-11-23T10:00:00Z")));
        assert!(!POLICY_SCHEMA.validator().is_valid(&key("last tuesday")));
    }
}

//! The closed vocabulary in which a request says what it is for, and a rule says whom it binds.
//!
//! A word of an operator's own begins with `x-` and matches only rules that name it. Anything else that is not listed here is
//! refused: a slip such as `emotion_inferrence` would quietly escape the rule that was meant.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::suggest::nearest;

/// More characters than a name of an operator's own may have.
const MAX_OWN: usize = 64;

/// A word that is not in the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what} that is known; {mend}")]
pub struct UnknownWord {
    /// What kind of word was expected, such as `purpose`.
    pub what: &'static str,
    /// What was found.
    pub word: String,
    /// What to write instead.
    pub mend: String,
}

impl UnknownWord {
    fn new(what: &'static str, word: &str, known: &[&'static str]) -> Self {
        let guess = nearest(word, known.iter().copied());
        let guess = guess.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let mend = format!("{guess}write one of {}, or a name of your own that begins with `x-`", known.join(", "));
        Self { what, word: word.chars().take(MAX_OWN).collect(), mend }
    }
}

/// `x-` and 1 to 62 of a-z, 0-9, `_` and `-`.
fn is_own(word: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let named = word.strip_prefix("x-").is_some_and(|name| !name.is_empty() && name.chars().all(fits));
    named && word.len() <= MAX_OWN
}

macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident, $what:literal: $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
            /// A word of the operator's own, with its `x-`.
            Own(Arc<str>),
        }

        impl $name {
            /// Every word that is known, without those of operators' own.
            pub const WORDS: &'static [&'static str] = &[$($text,)+];

            /// The word as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Own(word) => word,
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($text => Ok(Self::$variant),)+
                    own if is_own(own) => Ok(Self::Own(own.into())),
                    other => Err(UnknownWord::new($what, other, Self::WORDS)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                word.parse().map_err(D::Error::custom)
            }
        }
    };
}

words! {
    /// What a request is for. `EU` stands for Regulation (EU) 2024/1689, `CO` for Colorado SB 26-189, `TX` for Texas HB 149.
    Purpose, "purpose":
    /// Help with whatever comes, without a more special purpose below.
    Assistance = "assistance",
    /// A text is made shorter, without a score, ranking or recommendation about a person.
    Summarisation = "summarisation",
    /// A text that exists is corrected or translated.
    Editing = "editing",
    /// Programs are written or read.
    SoftwareDevelopment = "software_development",
    /// Science.
    Research = "research",
    /// Goods and services are offered.
    Advertising = "advertising",
    /// Fraud is looked for; not a credit score (EU Annex III 5(b)).
    FraudDetection = "fraud_detection",
    /// Text that informs the public on matters of public interest (EU Art. 50(4)).
    Publication = "publication",
    /// Likenesses of real persons, places or events that could pass as real (EU Art. 50(4)).
    DeepFake = "deep_fake",
    /// Bias of a system is looked for and mended (EU Art. 4a).
    BiasDetection = "bias_detection",
    /// Persons are identified by their bodies, at a distance and later (EU Annex III 1(a); TX § 552.054).
    BiometricIdentification = "biometric_identification",
    /// The same as it happens, in public (EU Art. 5(1)(h), Annex III 1(a)).
    RealtimeBiometricIdentification = "realtime_biometric_identification",
    /// Persons are put into classes by their bodies, not by what [`Self::SensitiveBiometricCategorisation`] names (EU Annex
    /// III 1(b), Art. 50(3)).
    BiometricCategorisation = "biometric_categorisation",
    /// Race, politics, union, religion or sex life is inferred from bodies (EU Art. 5(1)(g)).
    SensitiveBiometricCategorisation = "sensitive_biometric_categorisation",
    /// Emotions are inferred from bodies (EU Annex III 1(c), Art. 5(1)(f), 50(3)).
    EmotionInference = "emotion_inference",
    /// Roads, water, gas, heat, power, digital networks are run (EU Annex III 2).
    CriticalInfrastructure = "critical_infrastructure",
    /// Admission, marks, watch over tests (EU Annex III 3; CO).
    Education = "education",
    /// Hiring, promotion, dismissal, tasks, watch over work (EU Annex III 4; CO).
    Employment = "employment",
    /// Public benefits and services (EU Annex III 5(a); CO essential government services).
    PublicBenefits = "public_benefits",
    /// Creditworthiness and loans (EU Annex III 5(b); CO finance and lending).
    Credit = "credit",
    /// Risk and price of life and health insurance (EU Annex III 5(c); CO insurance).
    LifeHealthInsurance = "life_health_insurance",
    /// Any other insurance (CO insurance; not EU Annex III).
    OtherInsurance = "other_insurance",
    /// Emergency calls are ranked, help is sent (EU Annex III 5(d)).
    EmergencyTriage = "emergency_triage",
    /// Police and prosecution (EU Annex III 6).
    LawEnforcement = "law_enforcement",
    /// Migration, asylum, borders (EU Annex III 7).
    Migration = "migration",
    /// Courts, elections (EU Annex III 8).
    Justice = "justice",
    /// A dwelling is let or sold (CO housing).
    Housing = "housing",
    /// Care and treatment (CO health care; TX § 552.051(f)).
    HealthCare = "health_care",
    /// Behaviour is distorted by techniques below awareness, or by deceit, with harm (EU Art. 5(1)(a)).
    Manipulation = "manipulation",
    /// Age, disability, a social or economic situation is exploited (EU Art. 5(1)(b)).
    ExploitingVulnerability = "exploiting_vulnerability",
    /// Persons are scored by behaviour or traits, with unjustified or unrelated detriment (EU Art. 5(1)(c); TX § 552.053).
    SocialScoring = "social_scoring",
    /// Crime of a person is predicted from a profile alone (EU Art. 5(1)(d)).
    CrimePrediction = "crime_prediction",
    /// A database of faces is made by untargeted scraping (EU Art. 5(1)(e)).
    FaceScraping = "face_scraping",
    /// Realistic intimate pictures of a person that can be identified (EU Art. 5(1)(ba)).
    IntimateImagery = "intimate_imagery",
    /// Sexual abuse of children is shown (EU Art. 5(1)(bb); TX § 552.057(1)).
    ChildAbuseMaterial = "child_abuse_material",
    /// Sexual talk in the person of a child (TX § 552.057(2)).
    SexualisedChildPersona = "sexualised_child_persona",
    /// A deep fake that another law forbids (TX § 552.057(1)).
    UnlawfulDeepFake = "unlawful_deep_fake",
    /// Self-harm, harm to others or crime is incited (TX § 552.052).
    IncitingHarm = "inciting_harm",
    /// The sole intent is to impair rights under the Constitution of the United States (TX § 552.055).
    ImpairingRights = "impairing_rights",
    /// The intent is to discriminate unlawfully against a protected class (TX § 552.056).
    UnlawfulDiscrimination = "unlawful_discrimination",
}

words! {
    /// Where the service is used. A hospital as an employer is in two.
    Sector, "sector":
    /// An agency of a government.
    Government = "government",
    /// Police and those who act for it.
    LawEnforcement = "law_enforcement",
    /// A public university (TX § 552.053 leaves it out).
    PublicUniversity = "public_university",
    /// A hospital district (TX § 552.053 leaves it out).
    HospitalDistrict = "hospital_district",
    /// A private body that provides public services (EU Art. 27).
    PublicService = "public_service",
    /// Schools, universities, training.
    Education = "education",
    /// A place of work: the use is about those who work there or want to.
    Workplace = "workplace",
    /// Providers of health care.
    HealthCare = "health_care",
    /// Banks, lenders, brokers.
    Finance = "finance",
    /// Insurers.
    Insurance = "insurance",
    /// Landlords, agents.
    Housing = "housing",
    /// Press, broadcast, publishers.
    Media = "media",
    /// Energy, water, transport, networks.
    Utilities = "utilities",
    /// Courts and law firms.
    Legal = "legal",
    /// Shops.
    Retail = "retail",
    /// Makers of software and hardware.
    Technology = "technology",
}

words! {
    /// What kinds of data a request carries.
    DataClass, "data class":
    /// About a person who is, or can be, identified.
    Personal = "personal",
    /// Special categories: health, religion, politics, origin, sex life, union (Regulation (EU) 2016/679 Art. 9).
    SpecialCategory = "special_category",
    /// Measures of a body that tell who a person is: face, voice, iris, finger (EU Art. 5; TX § 503.001).
    Biometric = "biometric",
    /// About health.
    Health = "health",
    /// About children.
    Children = "children",
    /// A consumer report.
    ConsumerReport = "consumer_report",
    /// About money.
    Financial = "financial",
    /// About crimes.
    Criminal = "criminal",
    /// What an organisation keeps to itself, without persons.
    Confidential = "confidential",
    /// Open to everybody.
    Public = "public",
}

words! {
    /// Who talks with the service.
    Interaction, "interaction":
    /// Members of the public, themselves.
    Consumer = "consumer",
    /// Patients, or who speaks for them.
    Patient = "patient",
    /// Only people who work for the organisation.
    Workforce = "workforce",
    /// Nobody: a program asks, and a program reads.
    Program = "program",
}

words! {
    /// What an answer does in a decision about a person, such as on a job, a loan or a flat.
    Decision, "decision":
    /// Nothing.
    None = "none",
    /// It is a factor that counts: a score, a rank, a class, a recommendation (CO: "materially influences").
    Assists = "assists",
    /// Nobody decides but the program.
    Decides = "decides",
}

words! {
    /// What is on file for a use, or claimed for a request; whoever claims an exception must be able to show it.
    Ground, "ground":
    /// The person's consent.
    Consent = "consent",
    /// The person's explicit consent (EU Art. 5(1)(ba); Regulation (EU) 2016/679 Art. 22).
    ExplicitConsent = "explicit_consent",
    /// It is obvious to people that they talk with a machine (EU Art. 50(1)).
    Obvious = "obvious",
    /// For medical reasons or for safety (EU Art. 5(1)(f)).
    MedicalOrSafety = "medical_or_safety",
    /// It supports a person's assessment that rests on facts (EU Art. 5(1)(d)).
    FactualAssessment = "factual_assessment",
    /// Standard editing, or no substantial change of what was put in (EU Art. 50(2)).
    StandardEditing = "standard_editing",
    /// The system was placed on the market before 2026-08-02 (EU Art. 111(4)).
    LegacySystem = "legacy_system",
    /// A person reviewed the text and somebody answers for it as an editor (EU Art. 50(4)).
    EditorialResponsibility = "editorial_responsibility",
    /// The use was assessed as not high-risk and does not profile persons (EU Art. 6(3)).
    NotHighRisk = "not_high_risk",
    /// The safeguards for special categories in the search for bias are in place, deletion too (EU Art. 4a).
    BiasSafeguards = "bias_safeguards",
    /// The log notes use, reference database, input and who verified (EU Art. 12(3)).
    BiometricLog = "biometric_log",
    /// Overseers are competent, trained and authorised, and named (EU Art. 26(2)).
    TrainedOverseers = "trained_overseers",
    /// Workers and their representatives were informed (EU Art. 26(7)).
    WorkersInformed = "workers_informed",
    /// The use is registered in the EU's database (EU Art. 26(8), 49).
    EuRegistration = "eu_registration",
    /// A fundamental rights impact assessment is on file (EU Art. 27).
    FundamentalRightsAssessment = "fundamental_rights_assessment",
    /// The person gets a notice of another law that the law at hand lets do (CO C.R.S. 6-1-1704(6), (9)).
    EquivalentNotice = "equivalent_notice",
    /// An exception that the law itself lists, examined and written down for this use.
    StatutoryException = "statutory_exception",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_is_told_apart() {
        fn check<W: FromStr<Err = UnknownWord> + fmt::Display>(words: &[&str]) {
            for word in words {
                assert_eq!(word.parse::<W>().unwrap().to_string(), *word);
                assert!(!is_own(word), "{word}");
            }
            let mut sorted = words.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), words.len());
        }
        check::<Purpose>(Purpose::WORDS);
        check::<Sector>(Sector::WORDS);
        check::<DataClass>(DataClass::WORDS);
        check::<Interaction>(Interaction::WORDS);
        check::<Decision>(Decision::WORDS);
        check::<Ground>(Ground::WORDS);
    }

    #[test]
    fn own_words_have_a_form() {
        let check = |word: &str, expected| assert_eq!(word.parse::<Purpose>().is_ok(), expected, "{word}");
        check("x-loan_screening-2", true);
        check(&format!("x-{}", "a".repeat(62)), true);
        check(&format!("x-{}", "a".repeat(63)), false);
        check("x-", false);
        check("x-Loans", false);
        check("x-é", false);
        check("loans", false);
        check("Employment", false);
        check("", false);
    }

    #[test]
    fn a_slip_is_told_its_mend() {
        let error = "emotion_inferrence".parse::<Purpose>().unwrap_err().to_string();
        assert!(
            error.starts_with("`emotion_inferrence` is no purpose that is known; did you mean `emotion_inference`?"),
            "{error}"
        );
    }
}

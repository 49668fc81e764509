//! What safeguards find.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal in $group:ident,)+) => {
        /// A kind of thing that a safeguard finds in a text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in policies, records and placeholders.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it belongs to.
            #[must_use]
            pub const fn group(self) -> Group {
                match self {
                    $(Self::$name => Group::$group,)+
                }
            }
        }
    };
}

/// What kinds have in common; a policy may name a group in place of all its kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// What tells who a person is.
    Pii,
    /// What opens doors.
    Secret,
    /// What the organisation does not want to be said.
    Phrase,
    /// Text that people do not see.
    Hidden,
    /// Instructions that a model should not have.
    Injection,
    /// What is said of a text as a whole.
    Whole,
}

kinds! {
    /// An address for mail.
    Email = "email" in Pii,
    /// A telephone number.
    Phone = "phone" in Pii,
    /// A payment card's number.
    Card = "card" in Pii,
    /// An international bank account number.
    Iban = "iban" in Pii,
    /// A bank account or routing number that is named as such.
    BankAccount = "bank_account" in Pii,
    /// A US social security number.
    UsSsn = "us_ssn" in Pii,
    /// A US taxpayer number.
    UsItin = "us_itin" in Pii,
    /// A driving licence that is named as such.
    DriverLicence = "driver_licence" in Pii,
    /// A passport that is named as such.
    Passport = "passport" in Pii,
    /// A UK national insurance number.
    UkNino = "uk_nino" in Pii,
    /// A number of the UK's health service.
    UkNhs = "uk_nhs" in Pii,
    /// A UK taxpayer reference.
    UkUtr = "uk_utr" in Pii,
    /// A German tax id.
    DeTaxId = "de_tax_id" in Pii,
    /// A German pension number.
    DePension = "de_pension" in Pii,
    /// A German identity card.
    DeIdCard = "de_id_card" in Pii,
    /// A French social security number.
    FrNir = "fr_nir" in Pii,
    /// An Italian tax code.
    ItFiscal = "it_fiscal" in Pii,
    /// A Spanish identity number.
    EsNif = "es_nif" in Pii,
    /// A Dutch citizen service number.
    NlBsn = "nl_bsn" in Pii,
    /// A Polish identity number.
    PlPesel = "pl_pesel" in Pii,
    /// A Belgian national number.
    BeNational = "be_national" in Pii,
    /// A Portuguese tax number.
    PtNif = "pt_nif" in Pii,
    /// A Swedish identity number.
    SePersonal = "se_personal" in Pii,
    /// An Austrian insurance number.
    AtInsurance = "at_insurance" in Pii,
    /// An Irish public service number.
    IePps = "ie_pps" in Pii,
    /// A date that is named as that of a birth.
    DateOfBirth = "date_of_birth" in Pii,
    /// An address of a host in the internet, of version 4 or 6.
    IpAddress = "ip_address" in Pii,
    /// An address of a network card.
    MacAddress = "mac_address" in Pii,
    /// The name of a host within an organisation.
    InternalHost = "internal_host" in Pii,
    /// A wallet of a cryptocurrency.
    Wallet = "wallet" in Pii,
    /// A key of a provider's interface.
    ApiKey = "api_key" in Secret,
    /// A signed token.
    Token = "token" in Secret,
    /// A private key.
    PrivateKey = "private_key" in Secret,
    /// A password that is named as such, or stands in an address.
    Password = "password" in Secret,
    /// A phrase of a deny list.
    Phrase = "phrase" in Phrase,
    /// Characters that nobody sees and that carry text.
    HiddenText = "hidden_text" in Hidden,
    /// Signs that a text gives a model instructions that it should not have; looked for in whole texts that are asked.
    Injection = "injection" in Injection,
    /// A language that is not allowed.
    Language = "language" in Whole,
    /// A length that is not allowed.
    Length = "length" in Whole,
    /// A topic that is not allowed.
    Topic = "topic" in Whole,
    /// An answer that is not what it must be.
    Contract = "contract" in Whole,
    /// A violation that a classifier model tells.
    Classifier = "classifier" in Whole,
    /// A text that a classifier model should have judged and did not.
    ClassifierFailed = "classifier_failed" in Whole,
}

impl Kind {
    /// What of this kind was found, in words; `list` is the deny list, the topic or the classifier that it is of.
    #[must_use]
    pub fn named(self, list: Option<&str>) -> String {
        match (self, list) {
            (Self::Topic, Some(topic)) => format!("the topic `{topic}`"),
            (Self::Classifier, Some(id)) => format!("the classifier `{id}`"),
            (Self::ClassifierFailed, Some(id)) => format!("the classifier `{id}`, which could not judge it"),
            (_, Some(list)) => format!("the deny list `{list}`"),
            (Self::Language, None) => "a language that is not allowed".to_owned(),
            (Self::Length, None) => "its length".to_owned(),
            (Self::Contract, None) => "that it is not what its contract says".to_owned(),
            (kind, None) => format!("something of the kind `{}`", kind.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}

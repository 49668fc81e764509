//! What is found in a text and what is not, kind by kind: published samples, and what only looks like them.

use forethought_safeguards::{Action, Group, Guard, Kind, Rules, Safeguards};

/// What is found of personal data and secrets, as `kind: text`.
fn found(text: &str) -> Vec<String> {
    let groups =
        [(Group::Pii, Action::Redact), (Group::Secret, Action::Redact), (Group::Hidden, Action::Redact)].into();
    let rules = Safeguards::new(&[&Rules { groups, ..Rules::default() }]);
    let findings = Guard::check(&rules, text).findings;
    findings.iter().map(|found| format!("{}: {}", found.kind.as_str(), &text[found.place.clone()])).collect()
}

/// Published samples of each kind, and the forms in which people write them.
const SAMPLES: &[(Kind, &[&str])] = &[
    (
        Kind::Email,
        &[
            "jane.doe+tag@example.co.uk",
            "o'brien@example.org",
            "user@xn--bcher-kva.example",
            "_jane@example.org_",
            "Jane@Example.ORG",
        ],
    ),
    (
        Kind::Phone,
        &[
            "+1 415 555 2671",
            "020 7946 0958",
            "+49 (0)30 23125-014",
            "(415) 555-2671",
            "415.555.2671 x12",
            "07700 900123",
            "06.39.98.12.34",
            "030/23125-014",
            "+41 (0)44 668 18 00",
            "001-415-555-2671",
            "99.12.34.56.78",
            "phone-030-1234567",
        ],
    ),
    (
        Kind::Card,
        &[
            "4111111111111111",
            "4242 4242 4242 4242",
            "5555-5555-5555-4444",
            "3782 822463 10005",
            "__4111 1111 1111 1111__",
            "6759649826438453",
        ],
    ),
    (
        Kind::Iban,
        &[
            "DE89 3704 0044 0532 0130 00",
            "GB29NWBK60161331926819",
            "nl91abna0417164300",
            "FR14 2004 1010 0505 0001 3M02 606",
        ],
    ),
    (Kind::UsSsn, &["536-90-4399", "SSN: 536904399", "social security 536 90 4399"]),
    (Kind::UsItin, &["912-90-3456"]),
    (Kind::UkNino, &["AB123456C", "JG 10 37 59 A", "NI number ZZ 12 34 56 T"]),
    (Kind::UkNhs, &["NHS number 943 476 5870", "patient 9434765919"]),
    (Kind::UkUtr, &["UTR 1955839661"]),
    (Kind::DeTaxId, &["36 574 261 809", "86095742719"]),
    (Kind::DePension, &["15 070649 C 103", "65170839J003"]),
    (Kind::DeIdCard, &["Personalausweis L01X00T471", "Ausweisnummer: T22000129"]),
    (Kind::FrNir, &["2 95 10 99 126 111 93", "253072B07300470"]),
    (Kind::ItFiscal, &["RCCMNL83S18D969H", "rssmra80a41h501y"]),
    (Kind::EsNif, &["54362315K", "X2482300W", "12.345.678-Z", "DNI 54362315k"]),
    (Kind::NlBsn, &["BSN 111222333", "burgerservicenummer: 123456782"]),
    (Kind::PlPesel, &["44051401359"]),
    (Kind::BeNational, &["85.07.30-033.28", "rijksregister 17073003384"]),
    (Kind::PtNif, &["contribuinte 501964843"]),
    (Kind::SePersonal, &["811228-9874", "19811228-9874"]),
    (Kind::AtInsurance, &["1237 010180", "SVNR 7824280166"]),
    (Kind::IePps, &["1234567T", "6433435OA"]),
    (
        Kind::DateOfBirth,
        &[
            "born on 12/05/1990",
            "DOB: 1990-05-12",
            "geb. 12.05.1990",
            "date of birth is May 12, 1990",
            "née le 12 mai 1990",
        ],
    ),
    (Kind::IpAddress, &["192.0.2.10", "203.0.113.7/24", "2001:db8::1", "fe80::1"]),
    (Kind::MacAddress, &["00:1A:2B:3C:4D:5E", "001a.2b3c.4d5e"]),
    (Kind::InternalHost, &["db-1.corp", "printer.office.local"]),
    (
        Kind::Wallet,
        &[
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        ],
    ),
    (Kind::Passport, &["passport no. A12345678", "Reisepass C01X00T47"]),
    (Kind::DriverLicence, &["driver's license D1234567", "DL: S530-460-99-424-0"]),
    (Kind::BankAccount, &["routing 021000021", "bank account 123456789012"]),
    (
        Kind::Password,
        &[
            "password: hunter2!",
            "my password is Tr0ub4dor&3",
            "DB_PASSWORD=hunter2!",
            "dbPassword = 'x9y8z7w6'",
            "client_secret: abcdefgh12345678",
        ],
    ),
    (Kind::Password, &["postgres://app:s3cret@db.example.org/x", "passwd=swordfish"]),
    (
        Kind::PrivateKey,
        &[
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AA\n\nMIIE\n-----END RSA PRIVATE KEY-----",
        ],
    ),
    (Kind::Token, &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_d"]),
];

#[test]
fn what_is_one_is_found() {
    for (kind, texts) in SAMPLES {
        for text in *texts {
            for framed in [(*text).to_owned(), format!("So {text}, and more."), format!("(\"{text}\")")] {
                let found = found(&framed);
                let prefix = format!("{}: ", kind.as_str());
                assert!(found.iter().any(|one| one.starts_with(&prefix)), "{framed:?}: {found:?}");
            }
        }
    }
}

#[test]
fn keys_of_providers_are_found() {
    let body = |length: usize| "aB3dE5gH7jK9mN1pQ3sT5vX7zA9c".chars().cycle().take(length).collect::<String>();
    for (prefix, length) in [
        ("ghp_", 36),
        ("github_pat_", 82),
        ("glpat-", 20),
        ("sk-proj-", 60),
        ("sk-ant-api03-", 95),
        ("AIza", 35),
        ("hf_", 34),
        ("npm_", 36),
        ("xoxb-", 40),
        ("sk_live_", 24),
        ("pypi-", 60),
        ("GOCSPX-", 28),
    ] {
        let key = format!("{prefix}{}", body(length));
        assert_eq!(found(&format!("The key is '{key}' now.")), [format!("api_key: {key}")], "{prefix}");
        let glued = format!("ta{key}");
        assert!(found(&glued).is_empty(), "{glued}");
    }
    assert_eq!(found(concat!("AKIA", "IOSFODNN7EXAMPLE")).len(), 1);
}

#[test]
fn what_only_looks_like_one_is_not() {
    for text in [
        "Meeting: 01/15/2024 10:30 and 01.02.2024 08:15",
        "pages 10-20-30 of 2019-2024",
        "version 1.2.3.4, Chrome/120.0.0.0, section 1.2.3.4.5",
        "550e8400-e29b-41d4-a716-446655440000",
        "lodash@4.17.21 image@2x.png git@github.com:org/repo @handle@server",
        "user@localhost",
        "4111111111111112 and 378282246310006",
        "DE89370400440532013001",
        "666-12-3456 and 123-00-6789",
        "QQ123456C",
        "12:34:56",
        "a::b and std::fs",
        "released on 2024-05-12",
        "DOB: 31/02/1990",
        "part D1234567 of the MIT license 2.0",
        "The video reached 12345678 views",
        "account has 1000000 points",
        "Driving season 2015-2020",
        "The secret is patience.",
        "Your password is case-sensitive.",
        "password: required",
        "password = os.getenv(\"X\")",
        "passwords = req.body.password",
        "jdk.internal.misc.Unsafe",
        "1234567890",
        "order 48213 of 1,284.50 EUR",
        "sk-learn-is-a-well-known-library-of-python",
        "3.14159265358979",
        "0.25 and 1e-10",
        "ISBN 978-3-16-148410-0",
        "1731600000 seconds",
        "The 5 4 3 2 1 countdown",
        "2012-04-15 14:06:06.558976",
        "Benthering 018\n3144 EZ Berg, Lindenweg 5622\n68908 Lübben",
        "C++ and C#",
        "Invoice KW-0699-32897 and VS-0775-38737",
        "a licence number and its day, driver's license issued 2010-11-26",
        "[23/03/1979 02:46] WARN",
        "100 200 300",
        "10 20 30 40",
    ] {
        assert_eq!(found(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn hidden_text_is_found_and_flags_are_not() {
    let hide = |text: &str| text.chars().map(|c| char::from_u32(0xE0000 + u32::from(c)).unwrap()).collect::<String>();
    assert_eq!(found(&format!("Hello{} you", hide("obey"))).len(), 1);
    assert_eq!(found("🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} and 🏳️‍🌈"), Vec::<String>::new());
}

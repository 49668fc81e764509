//! What each kind looks like. A pattern reads folded text: ASCII, and `\x01` for any other letter.

use std::ops::Range;

use crate::{Kind, checks};

/// What is looked for, and when it counts.
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) pattern: &'static str,
    /// Whether what fits the pattern is one; and which part of it is.
    pub(super) check: Check,
    /// One of these words must stand a little before it; without any, none needs to.
    pub(super) after: &'static [&'static str],
    /// None of these may be the word before it.
    pub(super) not_after: &'static [&'static str],
    /// A number: other digits may not be joined to it by a sign.
    pub(super) number: bool,
    /// It may end within a word: what is longer than the pattern allows is cut.
    pub(super) cut: bool,
    /// Where the longest end is none, a shorter one is none.
    pub(super) longest: bool,
    /// What stands behind the pattern.
    pub(super) tail: Option<Tail>,
}

/// Symbols of one sort behind a pattern, as many as there are. In the pattern itself each of them would be a state, and
/// another one for each place where the pattern could have begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) of: fn(u8) -> bool,
    pub(super) least: usize,
    pub(super) most: usize,
}

/// The value that a name is given.
const VALUE: Tail = Tail { of: |byte| !matches!(byte, b' ' | b'\n' | b'"' | b'\'' | b',' | b';'), least: 4, most: 512 };

/// Which part of what fits is what is looked for, if any; in bytes of the folded text.
pub(super) type Check = fn(&str) -> Option<Range<usize>>;

const NONE: &[&str] = &[];

const PHONE: &[&str] = &[
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "call",
    "fax",
    "whatsapp",
    "contact",
    "dial",
    "ring",
    "text me",
    "sms",
    "reach me",
    "reach us",
    "reach him",
    "reach her",
    "telefon",
    "handy",
    "mobil",
    "rufnummer",
    "portable",
    "telefono",
    "movil",
    "cellulare",
    "telefoon",
    "komorka",
    "hotline",
    "ext",
];
const BIRTH: &[&str] = &[
    "born",
    "birth",
    "dob",
    "d.o.b",
    "birthday",
    "birthdate",
    "geb",
    "geboren",
    "geburtsdatum",
    "nee le",
    "ne le",
    "naissance",
    "nacido",
    "nacida",
    "nacimiento",
    "nato il",
    "nata il",
    "nascita",
    "geboortedatum",
    "urodzony",
    "urodzona",
    "urodzenia",
];
const SSN: &[&str] = &["ssn", "social security", "ss#", "taxpayer", "socials"];
const BANK: &[&str] = &[
    "account number",
    "account no",
    "account:",
    "account #",
    "bank account",
    "acct",
    "a/c",
    "routing",
    "aba",
    "kontonummer",
    "cuenta",
    "rekening",
];
const LICENCE: &[&str] = &[
    "driver's licen",
    "drivers licen",
    "driver licen",
    "driving licen",
    "driver_licen",
    "licence number",
    "license number",
    "dl",
    "dln",
    "fuhrerschein",
    "permis de conduire",
];
const PASSPORT: &[&str] =
    &["passport", "reisepass", "passeport", "pasaporte", "passaporto", "paspoort", "paszport", "travel document"];
const MONTH: &str = "(?i:jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|fevrier|mar(?:ch|s|zo)?|marz|apr(?:il)?|avril|abril|may|mai|mayo|maggio|mei|maja|jun(?:e|i|io)?|juin|giugno|jul(?:y|i|io)?|juillet|luglio|aug(?:ust|ustus)?|aout|agosto|sep(?:t|tember|tembre|tiembre)?|oct(?:ober|obre|ubre)?|okt(?:ober)?|nov(?:ember|embre|iembre)?|dec(?:ember|embre)?|dez(?:ember)?|diciembre)";

const fn rule(kind: Kind, pattern: &'static str, check: Check) -> Rule {
    Rule { kind, pattern, check, after: NONE, not_after: NONE, number: true, cut: false, longest: false, tail: None }
}

impl Rule {
    const fn after(mut self, words: &'static [&'static str]) -> Self {
        self.after = words;
        self
    }

    const fn not_after(mut self, words: &'static [&'static str]) -> Self {
        self.not_after = words;
        self
    }

    /// What is longer than its pattern is cut.
    const fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// Only the longest is asked whether it is one.
    const fn longest(mut self) -> Self {
        self.longest = true;
        self
    }

    /// So much more belongs to it.
    const fn tail(mut self, tail: Tail) -> Self {
        self.tail = Some(tail);
        self
    }

    /// Its neighbours may be signs and digits.
    const fn word(mut self) -> Self {
        self.number = false;
        self
    }
}

fn whole(text: &str, is: bool) -> Option<Range<usize>> {
    is.then_some(0..text.len())
}

fn any(text: &str) -> Option<Range<usize>> {
    whole(text, true)
}

macro_rules! digits {
    ($check:path) => {
        |text| whole(text, $check(&checks::digits(text)))
    };
}

macro_rules! text {
    ($check:path) => {
        |text| whole(text, $check(text))
    };
}

/// All rules. Of two that fit equally much the earlier one counts.
pub(super) fn rules() -> Vec<Rule> {
    let mut all = pii();
    all.extend(dates());
    all.extend(secrets());
    all
}

fn pii() -> Vec<Rule> {
    vec![
        rule(Kind::Email, r"[A-Za-z0-9\x01](?:\.?[-A-Za-z0-9_%+'&\x01]){0,63}@(?:[A-Za-z0-9\x01](?:[-A-Za-z0-9\x01]{0,61}[A-Za-z0-9\x01])?\.){1,8}(?:xn--[-A-Za-z0-9]{1,59}|[A-Za-z\x01]{2,24})", email).word(),
        rule(Kind::Iban, r"[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,29}", text!(checks::iban)),
        rule(Kind::Wallet, r"[13][1-9A-HJ-NP-Za-km-z]{25,34}", text!(checks::base58)).word(),
        rule(Kind::Wallet, r"(?i:bc1)[02-9ac-hj-np-zAC-HJ-NP-Z]{11,71}", text!(checks::bech32)).word(),
        rule(Kind::Wallet, r"0x[0-9A-Fa-f]{40}", any).word(),
        rule(Kind::Card, r"[0-9](?:[ -]?[0-9]){11,18}", digits!(checks::card)),
        rule(Kind::FrNir, r"[1-478][ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[0-9][0-9ABab][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{2}", text!(checks::fr_nir)),
        rule(Kind::ItFiscal, r"[A-Za-z]{3} ?[A-Za-z]{3} ?[0-9LMNPQRSTUVlmnpqrstuv]{2}[A-Za-z][0-9LMNPQRSTUVlmnpqrstuv]{2} ?[A-Za-z][0-9LMNPQRSTUVlmnpqrstuv]{3}[A-Za-z]", text!(checks::it_fiscal)),
        rule(Kind::DePension, r"[0-9]{2} ?[0-9]{6} ?[A-Za-z] ?[0-9]{3}", text!(checks::de_pension)),
        rule(Kind::SePersonal, r"(?:19|20)?[0-9]{6}[-+][0-9]{4}", digits!(checks::se_personal)),
        rule(Kind::BeNational, r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", digits!(checks::be_national)),
        rule(Kind::BeNational, r"[0-9]{11}", digits!(checks::be_national)).after(&["rijksregister", "national number", "registre national", "nationaalnummer", "niss", "insz"]),
        rule(Kind::AtInsurance, r"[0-9]{4} ?[0-9]{6}", |text| whole(text, checks::at_insurance(&checks::digits(text)) && text.contains(' '))),
        rule(Kind::AtInsurance, r"[0-9]{10}", digits!(checks::at_insurance)).after(&["svnr", "sozialversicherung", "versicherungsnummer", "sv-nr"]),
        rule(Kind::DeTaxId, r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", digits!(checks::de_tax_id)),
        rule(Kind::PlPesel, r"[0-9]{11}", digits!(checks::pl_pesel)),
        rule(Kind::EsNif, r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}-?[A-Za-z]", text!(checks::es_nif)),
        rule(Kind::EsNif, r"(?:[0-9]{8}|[XYZKLM]-?[0-9]{7})-?[A-Z]", text!(checks::es_nif)),
        rule(Kind::EsNif, r"(?:[0-9]{8}|[xyzklmXYZKLM]-?[0-9]{7})-?[A-Za-z]", text!(checks::es_nif)).after(&["dni", "nif", "nie", "documento"]),
        rule(Kind::UkNino, r"[A-Za-z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]", text!(checks::uk_nino)),
        rule(Kind::UkNino, r"[A-Za-z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2}(?: ?[A-Za-z])?", any).after(&["nino", "national insurance", "ni number", "ni no"]),
        rule(Kind::UkNhs, r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", digits!(checks::uk_nhs)).after(&["nhs", "patient", "health service"]),
        rule(Kind::UkUtr, r"[0-9]{5} ?[0-9]{5}", digits!(checks::uk_utr)).after(&["utr", "unique taxpayer", "self assessment"]),
        rule(Kind::IePps, r"[0-9]{7}[A-W][ABHWTX]?", text!(checks::ie_pps)),
        rule(Kind::IePps, r"[0-9]{7}[A-Wa-w][ABHWTXabhwtx]?", text!(checks::ie_pps)).after(&["pps", "ppsn"]),
        rule(Kind::NlBsn, r"[0-9]{9}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}|[0-9]{3} [0-9]{3} [0-9]{3}", digits!(checks::nl_bsn)).after(&["bsn", "burgerservicenummer", "sofinummer"]),
        rule(Kind::PtNif, r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", digits!(checks::pt_nif)).after(&["nif", "contribuinte"]),
        rule(Kind::UsSsn, r"[0-9]{3}-[0-9]{2}-[0-9]{4}", digits!(checks::us_ssn)),
        rule(Kind::UsItin, r"9[0-9]{2}-[0-9]{2}-[0-9]{4}", digits!(checks::us_itin)),
        rule(Kind::UsSsn, r"[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4}", any).after(SSN),
        rule(Kind::DeIdCard, r"[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8} ?[0-9]?", |text| whole(text, checks::compact(text).len() == 9 || checks::de_document(text))).after(&["personalausweis", "ausweisnummer", "ausweis", "id-nr"]),
        rule(Kind::Passport, r"(?:[A-Za-z]{1,2}[0-9]{6,8}|[0-9]{9}|[0-9]{2}[A-Za-z]{2}[0-9]{5}|[CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8})", any).after(PASSPORT),
        rule(Kind::DriverLicence, r"[A-Za-z0-9*]{1,14}(?:-[A-Za-z0-9]{1,6}){0,4}", licence).after(LICENCE),
        rule(Kind::BankAccount, r"[0-9]{9}", digits!(checks::us_routing)).after(&["routing", "aba", "rtn"]),
        rule(Kind::BankAccount, r"[0-9]{6,17}", any).after(BANK),
        rule(Kind::IpAddress, r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}", |text| whole(text, text.parse::<std::net::Ipv4Addr>().is_ok())).not_after(&["version", "v", "release", "section", "chapter", "chrome", "firefox", "safari", "edge", "os"]),
        rule(Kind::IpAddress, r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{2,41}", ipv6).word(),
        rule(Kind::MacAddress, r"[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})", any),
        rule(Kind::MacAddress, r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}", |text| whole(text, text.contains(|c: char| c.is_ascii_alphabetic()))),
        rule(Kind::InternalHost, r"(?:[A-Za-z0-9][-A-Za-z0-9_]{0,62}\.){1,6}(?i:local|internal|intranet|lan|corp|localdomain|home\.arpa)", any).word(),
        // With a country's code.
        rule(Kind::Phone, r"\+ ?[1-9][0-9]{0,2}(?:[ ./()-]{0,3}[0-9]){6,13}(?: ?(?:x|ext\.? ?|#)[0-9]{1,6})?", phone),
        rule(Kind::Phone, r"(?:00|011[ -]?)[1-9](?:[ ./()-]{0,2}[0-9]){7,13}(?: ?(?:x|ext\.? ?|#)[0-9]{1,6})?", phone),
        // As numbers are grouped in North America.
        rule(Kind::Phone, r"(?:1[ .-]?)?(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}(?: ?(?:x|ext\.? ?|#)[0-9]{1,6})?", phone),
        rule(Kind::Phone, r"[0-9]{3}-[0-9]{7}", phone),
        rule(Kind::Phone, r"[0-9]{10}(?:x|ext\.? ?)[0-9]{1,6}", phone),
        // As elsewhere: a leading zero, or pairs.
        rule(Kind::Phone, r"\(?0[0-9]{1,5}\)?[ ./-]{1,3}[0-9]{2,9}(?:[ ./-]{1,2}[0-9]{2,5}){0,4}", phone),
        rule(Kind::Phone, r"\([0-9]{2,5}\)[ ./-]?[0-9]{3,5}[ ./-]?[0-9]{3,4}", phone),
        rule(Kind::Phone, r"0[0-9](?:[ .-]?[0-9]{2}){4}|[0-9]{2}(?:[ .-][0-9]{2}){4}", phone),
        rule(Kind::Phone, r"[0-9]{3,5}(?: [0-9]{2}){3}|[0-9]{2}-[0-9]{8}|[0-9]{4}-[0-9]{7}|[0-9]{3}-[0-9]{3}-[0-9]{3}", phone),
        // Anything that is called one.
        rule(Kind::Phone, r"[0-9(](?:[ ./()-]{0,2}[0-9]){6,14}(?: ?(?:x|ext\.? ?|#)[0-9]{1,6})?", phone).after(PHONE),
    ]
}

fn dates() -> Vec<Rule> {
    // The months' names are put in by `written`.
    vec![
        rule(
            Kind::DateOfBirth,
            r"[0-9]{1,2}[./-][0-9]{1,2}[./-](?:[0-9]{4}|[0-9]{2})|[0-9]{4}[./-][0-9]{1,2}[./-][0-9]{1,2}",
            date,
        )
        .after(BIRTH),
        rule(Kind::DateOfBirth, r"[0-9]{1,2}(?:st|nd|rd|th|\.)?(?: of)?[ -](?:de )?MONTH,?(?: de)?[ -][0-9]{4}", any)
            .after(BIRTH),
        rule(Kind::DateOfBirth, r"MONTH\.? [0-9]{1,2}(?:st|nd|rd|th)?,? [0-9]{4}", any).after(BIRTH),
    ]
}

fn secrets() -> Vec<Rule> {
    vec![
        rule(Kind::PrivateKey, r"-{5,16}BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:-{0,4}[^-])*(?:-----END [A-Z0-9 ]{0,40}-----)?", any).word().cut(),
        rule(Kind::PrivateKey, r"AGE-SECRET-KEY-1[0-9A-Z]{58}|PuTTY-User-Key-File-[23]: [A-Za-z0-9-]+", any).word(),
        rule(Kind::ApiKey, r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}", any).word(),
        rule(Kind::ApiKey, r"gh[pousr]_[A-Za-z0-9][-A-Za-z0-9._]{30,600}|github_pat_[A-Za-z0-9_]{50,100}", random).word().longest(),
        rule(Kind::ApiKey, r"gl(?:pat|dt|ft|rt|soat|ffct|imt|agent|oas|ptt)-[-A-Za-z0-9_.]{20,320}", random).word().longest(),
        rule(Kind::ApiKey, r"xox[abeoprs](?:\.xox[bp])?-[-A-Za-z0-9]{10,200}|xapp-[0-9]-[-A-Za-z0-9]{10,200}", random).word().longest(),
        rule(Kind::ApiKey, r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,200}", random).word().longest(),
        rule(Kind::ApiKey, r"(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,200}|whsec_[A-Za-z0-9+/=]{20,200}", any).word(),
        rule(Kind::ApiKey, r"AIza[-A-Za-z0-9_]{35}|GOCSPX-[-A-Za-z0-9_]{28}|ya29\.[-A-Za-z0-9_]{20,1024}", any).word(),
        rule(Kind::ApiKey, r"sk-(?:proj-|svcacct-|admin-|ant-[a-z0-9]{1,10}-)?[-A-Za-z0-9_]{20,260}", random).word().longest(),
        rule(Kind::ApiKey, r"hf_[A-Za-z0-9]{30,200}|npm_[A-Za-z0-9]{36}|pypi-[-A-Za-z0-9_]{50,200}|rubygems_[0-9a-f]{48}", any).word(),
        rule(Kind::ApiKey, r"SG\.[-A-Za-z0-9_]{16,200}\.[-A-Za-z0-9_]{30,200}|(?:SK|AC)[0-9a-f]{32}|key-[0-9a-f]{32}", any).word(),
        rule(Kind::ApiKey, r"do[opr]_v1_[0-9a-f]{64}|dapi[0-9a-f]{32}|hv[sb]\.[-A-Za-z0-9_]{24,200}|glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|gsk_[A-Za-z0-9]{40,200}|sntry[su]_[-A-Za-z0-9_=]{40,200}|dp\.pt\.[A-Za-z0-9]{40,200}|lin_api_[A-Za-z0-9]{40}|pul-[0-9a-f]{40}", any).word(),
        rule(Kind::ApiKey, r"ft-k_[0-9a-f]{8,32}-[-A-Za-z0-9_]{43}", any).word(),
        rule(Kind::ApiKey, r"AccountKey=[A-Za-z0-9+/]{80,200}={0,2}|sig=[A-Za-z0-9%+/]{40,200}(?:=|%3[dD])", any).word(),
        rule(Kind::Token, r"eyJ[-A-Za-z0-9_]{8,1000}\.eyJ[-A-Za-z0-9_]{8,3000}\.[-A-Za-z0-9_]{0,1000}", any).word().cut(),
        rule(Kind::Token, r"(?i:bearer) [-A-Za-z0-9_.~+/]{16,4096}=*", |text| random(text).map(|all| 7..all.end)).word().longest(),
        rule(Kind::Password, r"[A-Za-z][-A-Za-z0-9+.]{1,15}://[^ \n/@:]{0,64}:[^ \n/@]{3,512}@", in_url).word(),
        rule(Kind::Password, r#"[-A-Za-z0-9_]{0,40}(?i:pass(?:word|wd|phrase|wort|code)|contrasena|mot de passe|pwd|secret|(?:api|access|secret|private|account)[_ -]?key|(?:auth|access|refresh)[_-]?token)["']? ?(?:=>|:=|[=:]|is) ?["']?"#, named).word().cut().tail(VALUE),
    ]
}

/// The pattern as the automaton takes it.
pub(super) fn written(rule: &Rule) -> String {
    rule.pattern.replace("MONTH", MONTH)
}

fn email(text: &str) -> Option<Range<usize>> {
    let (local, domain) = text.split_once('@')?;
    // `git@github.com:owner/name` is a place of programs.
    if local.len() > 64 || local == "git" || text.len() > 254 {
        return None;
    }
    let last = domain.rsplit_once('.')?.1;
    // `image@2x.png` is a file.
    let file = ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "service"];
    let file = file.iter().any(|name| last.eq_ignore_ascii_case(name));
    whole(text, !file && last.len() < 64 && !last.ends_with('-'))
}

fn ipv6(text: &str) -> Option<Range<usize>> {
    // The cheapest first: a row of colons is asked about at each of them.
    let digits = || text.bytes().any(|byte| byte.is_ascii_digit());
    let groups = || text.split(':').filter(|group| !group.is_empty()).nth(1).is_some();
    let is = !text.ends_with(':') && digits() && groups() && text.parse::<std::net::Ipv6Addr>().is_ok();
    whole(text, is)
}

/// A number that is no date, no year span, and not one digit all through.
fn phone(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let main = bytes.iter().position(|byte| matches!(byte, b'x' | b'e' | b'#')).unwrap_or(bytes.len());
    let main = text.get(..main)?;
    let count = |sign: char| text.matches(sign).count();
    let digits = checks::digits(main);
    let varied = digits.windows(2).any(|pair| matches!(pair, [a, b] if a != b));
    // A date with a time behind it is no number to call.
    let dated = || main.split_once(' ').is_some_and(|(day, _)| date(day).is_some()) || date(main).is_some();
    let parts = || main.as_bytes().split(|byte| matches!(byte, b' ' | b'.'));
    let steps = || parts().nth(4).is_none() && parts().all(|part| part.len() == 2);
    let address = || main.parse::<std::net::Ipv4Addr>().is_ok();
    let is = (7..=15).contains(&digits.len()) && varied && count('(') == count(')');
    whole(text, is && !dated() && !rest_of_date(main) && !steps() && !address())
}

/// A day with its month and year in digits.
fn date(text: &str) -> Option<Range<usize>> {
    let mut parts = text.as_bytes().splitn(4, |byte| matches!(byte, b'.' | b'/' | b'-' | b' '));
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (one, two, three) = (number(first)?, number(second)?, number(third)?);
    let is_year = |year| (1800..=2100).contains(&year);
    let either = checks::is_day(one, two) || checks::is_day(two, one);
    let is = match (first.len(), second.len(), third.len()) {
        (4, 1..=2, 1..=2) => is_year(one) && checks::is_day(three, two),
        (1..=2, 1..=2, 2) => either,
        (1..=2, 1..=2, 4) => is_year(three) && either,
        _ => false,
    };
    whole(text, is)
}

/// A number of at most four digits, with the plus sign that a telephone's may have before it.
fn number(digits: &[u8]) -> Option<u32> {
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    let all = (1..=4).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    all.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

/// A month with its year, and an hour: the rest of a date of which the day stands before.
fn rest_of_date(text: &str) -> bool {
    let parts = text.split_once(['/', '.']).and_then(|(month, rest)| Some((month, rest.split_once(' ')?)));
    let Some((month, (year, hour))) = parts else { return false };
    let within = |text: &str, length: usize, range: std::ops::RangeInclusive<u32>| {
        text.len() == length && number(text.as_bytes()).is_some_and(|number| range.contains(&number))
    };
    within(month, 2, 1..=12) && within(year, 4, 1800..=2100) && within(hour, 2, 0..=24)
}

/// A licence has at least six digits or letters, three digits among them, and is no date.
fn licence(text: &str) -> Option<Range<usize>> {
    let signs = text.bytes().filter(u8::is_ascii_alphanumeric).count();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    whole(text, (6..=20).contains(&signs) && digits >= 3 && date(text).is_none())
}

/// Chance made it: a digit is in it.
fn random(text: &str) -> Option<Range<usize>> {
    whole(text, text.bytes().any(|byte| byte.is_ascii_digit()))
}

/// The user and password in an address.
fn in_url(text: &str) -> Option<Range<usize>> {
    let start = text.find("://")? + 3;
    let (_, password) = text.get(start..)?.split_once(':')?;
    (!is_placeholder(password.trim_end_matches('@'))).then_some(start..text.len() - 1)
}

/// What stands behind the name of a password.
fn named(text: &str) -> Option<Range<usize>> {
    let written = text.bytes().position(|byte| matches!(byte, b'=' | b':'));
    let said = text.get(..written.unwrap_or(text.len()))?.find(" is ").map(|at| (at + 4, true));
    let (start, in_sentence) = said.or(written.map(|at| (at + 1, false)))?;
    let rest = text.get(start..)?;
    let start = text.len() - rest.trim_start_matches([' ', '"', '\'', '=', ':', '>']).len();
    let value = text.get(start..)?.trim_end_matches(['.', '!', '?']);
    // In a sentence nearly anything follows "the password is"; in a program it may be a call or a name.
    let telling = value.contains(|c: char| c.is_ascii_digit() || (c.is_ascii_punctuation() && c != '-'));
    let code = value.contains('(') && value.contains(['.', ')']) || value.contains("()") || is_path(value);
    let good = value.len() >= 5 && (telling || !in_sentence) && !code && !is_placeholder(value);
    good.then_some(start..text.len())
}

/// `req.body.password`.
fn is_path(value: &str) -> bool {
    value.contains('.')
        && value.split('.').all(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_'))
}

fn is_placeholder(value: &str) -> bool {
    let value = value.trim_matches(['.', '!', '?']);
    let first = value.chars().next();
    value.len() < 3
        || value.starts_with(['$', '<', '{', '%', '*', '[', '('])
        || value.chars().all(|c| Some(c) == first)
        || PLACEHOLDERS.contains(&value.to_ascii_lowercase().as_str())
}

/// What stands where a password would.
const PLACEHOLDERS: &[&str] = &[
    "password",
    "changeme",
    "example",
    "placeholder",
    "redacted",
    "required",
    "string",
    "optional",
    "false",
    "none",
    "null",
    "true",
    "incorrect",
    "invalid",
    "wrong",
    "missing",
    "empty",
];

//! Check digits. Each function takes the number's symbols without separators.

use std::ops::Deref;

use sha2::{Digest, Sha256};

/// Digits that a number may have at most; no pattern takes more, and no check would.
const MAX_DIGITS: usize = 32;

/// The digits of a number.
pub(crate) struct Digits {
    all: [u32; MAX_DIGITS],
    count: usize,
}

impl Deref for Digits {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        self.all.get(..self.count).unwrap_or_default()
    }
}

/// The digits of a text, without anything else.
pub(crate) fn digits(text: &str) -> Digits {
    let mut digits = Digits { all: [0; MAX_DIGITS], count: 0 };
    let found = text.bytes().filter(u8::is_ascii_digit);
    for (place, byte) in digits.all.iter_mut().zip(found) {
        *place = u32::from(byte - b'0');
        digits.count += 1;
    }
    digits
}

/// Letters and digits only, in upper case.
pub(crate) fn compact(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_uppercase()).collect()
}

fn number(digits: &[u32]) -> u64 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(*digit))
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// ISO/IEC 7812: from the right, every second digit is doubled.
pub(crate) fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let pairs = digits.iter().rev().enumerate();
    let sum: u32 = pairs.map(|(at, digit)| if at % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    digits.iter().any(|digit| *digit > 0) && sum.is_multiple_of(10)
}

/// A text of letters and digits as a number to base 36, digit by digit, modulo 97 (ISO 7064).
fn mod97(text: impl Iterator<Item = char>) -> Option<u32> {
    text.map(|character| character.to_digit(36)).try_fold(0, |sum, digit| {
        let digit = digit?;
        Some(if digit > 9 { (sum * 100 + digit) % 97 } else { (sum * 10 + digit) % 97 })
    })
}

/// Lengths of IBANs by country (the ISO 13616 registry).
const IBAN_LENGTHS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FK FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU MN XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
];

/// An IBAN of its country's length whose check digits are right.
pub(crate) fn iban(text: &str) -> bool {
    let text = compact(text);
    let (Some(country), Some(rest)) = (text.get(..2), text.get(4..)) else { return false };
    let known =
        |(length, countries): &&(usize, &str)| *length == text.len() && countries.split(' ').any(|c| c == country);
    let check = text.get(2..4).and_then(|check| check.parse::<u32>().ok());
    check.is_some_and(|check| (2..=98).contains(&check))
        && IBAN_LENGTHS.iter().any(|entry| known(&entry))
        && mod97(rest.chars().chain(text.chars().take(4))) == Some(1)
}

/// A payment card's prefix, with the lengths that go with it.
pub(crate) fn card(digits: &[u32]) -> bool {
    let prefix = |n: usize| digits.get(..n).map_or(0, number);
    let (two, three, four, six) = (prefix(2), prefix(3), prefix(4), prefix(6));
    let lengths: &[usize] = match () {
        () if (2221..=2720).contains(&four) || (51..=55).contains(&two) => &[16],
        () if matches!(two, 34 | 37) => &[15],
        () if matches!(four, 2131 | 1800) => &[15],
        // Only 3528 to 3589 are given out; what is made up for tests has any.
        () if two == 35 => &[16, 17, 18, 19],
        () if (300..=305).contains(&three) || four == 3095 || matches!(two, 36 | 38 | 39) => &[14, 16, 17, 18, 19],
        () if four == 6011 || two == 65 || (644..=649).contains(&three) || (622_126..=622_925).contains(&six) => {
            &[16, 17, 18, 19]
        }
        () if matches!(two, 62 | 81) => &[16, 17, 18, 19],
        () if matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6390 | 604 | 5019 | 4571)
            || (56..=58).contains(&two)
            || two == 67 =>
        {
            &[12, 13, 14, 15, 16, 17, 18, 19]
        }
        () if (2200..=2204).contains(&four) || four == 9792 || matches!(two, 60 | 82) || three == 508 => {
            &[16, 17, 18, 19]
        }
        () if two / 10 == 4 => &[13, 16, 19],
        () => &[],
    };
    lengths.contains(&digits.len()) && luhn(digits)
}

/// A US social security number: areas and groups that were never given out are none.
pub(crate) fn us_ssn(digits: &[u32]) -> bool {
    let (Some(area), Some(group), Some(serial)) = (digits.get(..3), digits.get(3..5), digits.get(5..9)) else {
        return false;
    };
    let (area, group, serial) = (number(area), number(group), number(serial));
    digits.len() == 9 && !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0
}

/// A US taxpayer number: 9xx, with the groups that the IRS gives out.
pub(crate) fn us_itin(digits: &[u32]) -> bool {
    let [9, _, _, d, e, ..] = digits else { return false };
    matches!(d * 10 + e, 50..=65 | 70..=88 | 90..=92 | 94..=99) && digits.len() == 9
}

/// A bank's routing number.
pub(crate) fn us_routing(digits: &[u32]) -> bool {
    let start = digits.get(..2).map_or(99, number);
    digits.len() == 9
        && matches!(start, 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// A UK national insurance number (HMRC NIM39110).
pub(crate) fn uk_nino(text: &str) -> bool {
    let text = compact(text);
    let mut letters = text.chars();
    let (Some(first), Some(second)) = (letters.next(), letters.next()) else { return false };
    !"DFIQUV".contains(first)
        && !"DFIQUVO".contains(second)
        && !matches!(text.get(..2), Some("BG" | "GB" | "KN" | "NK" | "NT" | "TN" | "ZZ"))
}

/// A number of the UK's health service.
pub(crate) fn uk_nhs(digits: &[u32]) -> bool {
    let Some((check, rest)) = digits.split_last().filter(|_| digits.len() == 10) else { return false };
    let sum = 11 - weighted(rest, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    sum != 10 && sum % 11 == *check && digits.iter().any(|digit| *digit > 0)
}

/// A UK taxpayer reference: the first digit checks the others.
pub(crate) fn uk_utr(digits: &[u32]) -> bool {
    let Some((check, rest)) = digits.split_first().filter(|_| digits.len() == 10) else { return false };
    let place = weighted(rest, &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11;
    [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1].get(place as usize) == Some(check)
}

/// ISO 7064 MOD 11,10.
fn mod11_10(rest: &[u32]) -> u32 {
    let product = rest.iter().fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10
}

/// A German tax id: among the first ten digits one stands twice or three times, the others at most once.
pub(crate) fn de_tax_id(digits: &[u32]) -> bool {
    let Some((check, rest)) = digits.split_last().filter(|_| digits.len() == 11) else { return false };
    let count = |wanted: u32| rest.iter().filter(|digit| **digit == wanted).count();
    let repeated: Vec<usize> = (0..10).map(count).filter(|count| *count > 1).collect();
    let thrice = rest.windows(3).any(|three| matches!(three, [a, b, c] if a == b && b == c));
    rest.first() != Some(&0) && matches!(repeated.as_slice(), [2 | 3]) && !thrice && mod11_10(rest) == *check
}

/// A German pension number: its letter stands for two digits.
pub(crate) fn de_pension(text: &str) -> bool {
    let text = compact(text);
    let mut all = Vec::new();
    for (at, character) in text.chars().enumerate() {
        match (at, character) {
            (8, 'A'..='Z') => all.extend([(character as u32 - 64) / 10, (character as u32 - 64) % 10]),
            (8, _) => return false,
            _ => all.extend(character.to_digit(10)),
        }
    }
    let [_, _, d1, d2, m1, m2, ..] = all.as_slice() else { return false };
    let (day, month) = ((d1 * 10 + d2) % 50, m1 * 10 + m2);
    let Some((check, rest)) = all.split_last().filter(|_| all.len() == 13) else { return false };
    let products = rest.iter().zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]).map(|(digit, weight)| digit * weight);
    let sum: u32 = products.map(|product| product / 10 + product % 10).sum();
    is_day(day, month) && sum % 10 == *check
}

/// The number on a German identity card or passport, with its check digit.
pub(crate) fn de_document(text: &str) -> bool {
    let text = compact(text);
    let values: Option<Vec<u32>> = text.chars().map(|character| character.to_digit(36)).collect();
    let Some(values) = values.filter(|values| values.len() == 10) else { return false };
    let Some((check, rest)) = values.split_last() else { return false };
    weighted(rest, &[7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10 == *check
}

/// A French social security number with its key; departments of Corsica count as 19 and 18.
pub(crate) fn fr_nir(text: &str) -> bool {
    let text = compact(text);
    let month = text.get(3..5).and_then(|month| month.parse::<u32>().ok());
    let known = month.is_some_and(|month| matches!(month, 1..=12 | 20 | 30..=42 | 50..=99));
    let plain = text.replacen("2A", "19", 1);
    let plain = if text.get(5..7) == Some("2A") { plain } else { text.replacen("2B", "18", 1) };
    let plain = if matches!(text.get(5..7), Some("2A" | "2B")) { plain } else { text };
    let (Some(rest), Some(key)) = (plain.get(..13), plain.get(13..15)) else { return false };
    let (Ok(rest), Ok(key)) = (rest.parse::<u64>(), key.parse::<u64>()) else { return false };
    known && plain.len() == 15 && 97 - rest % 97 == key
}

/// An Italian tax code.
pub(crate) fn it_fiscal(text: &str) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let text = compact(text);
    let place = |character: char| character.to_digit(10).or_else(|| character.to_digit(36).map(|value| value - 10));
    let values: Option<Vec<u32>> = text.chars().map(place).collect();
    let Some((check, rest)) = values.as_ref().and_then(|values| values.split_last()).filter(|_| text.len() == 16)
    else {
        return false;
    };
    let odd = |value: &u32| ODD.get(*value as usize).copied().unwrap_or(0);
    let sum: u32 = rest.iter().enumerate().map(|(at, value)| if at % 2 == 0 { odd(value) } else { *value }).sum();
    sum % 26 == *check && text.ends_with(|character: char| character.is_ascii_uppercase())
}

/// A Spanish identity number of a citizen or a foreigner.
pub(crate) fn es_nif(text: &str) -> bool {
    let text = compact(text);
    let Some((body, letter)) = text.split_at_checked(text.len().saturating_sub(1)) else { return false };
    let body = match body.chars().next() {
        Some(first @ ('X' | 'Y' | 'Z')) => {
            format!("{}{}", first as u32 - 'X' as u32, body.get(1..).unwrap_or_default())
        }
        Some('K' | 'L' | 'M') => body.get(1..).unwrap_or_default().to_owned(),
        _ => body.to_owned(),
    };
    let Ok(number) = body.parse::<usize>() else { return false };
    "TRWAGMYFPDXBNJZSQVHLCKE".get(number % 23..=number % 23) == Some(letter)
}

/// A Dutch citizen service number.
pub(crate) fn nl_bsn(digits: &[u32]) -> bool {
    let Some((last, rest)) = digits.split_last().filter(|_| digits.len() == 9) else { return false };
    let sum = weighted(rest, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum > 0 && sum >= *last && (sum - last).is_multiple_of(11)
}

/// A Polish identity number, with its date.
pub(crate) fn pl_pesel(digits: &[u32]) -> bool {
    let [_, _, m1, m2, d1, d2, _, _, _, _, check] = digits else { return false };
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    is_day(d1 * 10 + d2, (m1 * 10 + m2) % 20) && (10 - sum % 10) % 10 == *check
}

/// A Belgian national number, of those born before and after 2000.
pub(crate) fn be_national(digits: &[u32]) -> bool {
    let [_, _, m1, m2, d1, d2, _, _, _, _, _] = digits else { return false };
    let (month, day) = ((m1 * 10 + m2) % 20, d1 * 10 + d2);
    let (body, check) = (digits.get(..9).map_or(0, number), digits.get(9..).map_or(0, number));
    month <= 12 && day <= 31 && (97 - body % 97 == check || 97 - (2_000_000_000 + body) % 97 == check)
}

/// A Portuguese tax number.
pub(crate) fn pt_nif(digits: &[u32]) -> bool {
    let Some((check, rest)) = digits.split_last().filter(|_| digits.len() == 9) else { return false };
    let sum = 11 - weighted(rest, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    matches!(digits.first(), Some(1..=9)) && (if sum > 9 { 0 } else { sum }) == *check
}

/// A Swedish identity number.
pub(crate) fn se_personal(digits: &[u32]) -> bool {
    let ten = digits.get(digits.len().saturating_sub(10)..).unwrap_or_default();
    let [_, _, m1, m2, d1, d2, ..] = ten else { return false };
    ten.len() == 10 && is_day((d1 * 10 + d2) % 60, m1 * 10 + m2) && luhn(ten)
}

/// An Austrian insurance number, with its date.
pub(crate) fn at_insurance(digits: &[u32]) -> bool {
    let [first, _, _, check, d1, d2, m1, m2, ..] = digits else { return false };
    let month = m1 * 10 + m2;
    let sum = weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    digits.len() == 10 && *first > 0 && sum == *check && (is_day(d1 * 10 + d2, month) || (13..=15).contains(&month))
}

/// An Irish public service number.
pub(crate) fn ie_pps(text: &str) -> bool {
    let text = compact(text);
    let (Some(body), Some(letters)) = (text.get(..7), text.get(7..)) else { return false };
    let value = |letter: char| if letter == 'W' { 0 } else { letter as u32 - 64 };
    let mut letters = letters.chars();
    let (check, second) = (letters.next(), letters.next());
    let extra = second.filter(|letter| !"WTX".contains(*letter)).map_or(0, |letter| 9 * value(letter));
    let sum = weighted(&digits(body), &[8, 7, 6, 5, 4, 3, 2]) + extra;
    check.is_some_and(|letter| value(letter) == sum % 23)
}

/// A Bitcoin address in base 58: 25 bytes that end in their own digest.
pub(crate) fn base58(text: &str) -> bool {
    const ALPHABET: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0_u8; 25];
    for character in text.chars() {
        let Some(mut carry) = ALPHABET.find(character) else { return false };
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry % 256).unwrap_or_default();
            carry /= 256;
        }
        if carry > 0 {
            return false;
        }
    }
    let (body, check) = bytes.split_at(21);
    Sha256::digest(Sha256::digest(body)).starts_with(check) && matches!(body.first(), Some(0 | 5))
}

/// A Bitcoin address in bech32 or bech32m (BIP 173, BIP 350).
pub(crate) fn bech32(text: &str) -> bool {
    const CHARSET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let mixed = text.chars().any(char::is_lowercase) && text.chars().any(char::is_uppercase);
    let text = text.to_ascii_lowercase();
    let Some(data) = text.strip_prefix("bc1").filter(|_| !mixed) else { return false };
    let data: Option<Vec<usize>> = data.chars().map(|character| CHARSET.find(character)).collect();
    let Some(data) = data else { return false };
    let data = data.into_iter().filter_map(|value| u32::try_from(value).ok());
    let all = [3, 3, 0, 2, 3].into_iter().chain(data);
    let residue = all.fold(1_u32, |residue, value| {
        let top = residue >> 25;
        let next = (residue & 0x01ff_ffff) << 5 ^ value;
        (0..).zip(GENERATOR).fold(next, |next, (bit, factor)| if top >> bit & 1 == 1 { next ^ factor } else { next })
    });
    matches!(residue, 1 | 0x2bc8_30a3)
}

/// Whether there is such a day in such a month, of some year.
pub(crate) fn is_day(day: u32, month: u32) -> bool {
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        _ => return false,
    };
    (1..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&str) -> bool;

    /// Published samples, and the same with one thing wrong.
    const CASES: &[(&str, Check, &[&str], &[&str])] = &[
        (
            "card",
            |t| card(&digits(t)),
            &[
                "4111111111111111",
                "5555-5555-5555-4444",
                "2223003122003222",
                "3782 822463 10005",
                "6011111111111117",
                "3056 930902 5904",
                "3530111333300000",
                "6205500000000000004",
                "4222222222222",
                "6759649826438453",
                "501800000009",
            ],
            &["4111111111111112", "378282246310006", "0000000000000000", "7992739871300000"],
        ),
        (
            "iban",
            iban,
            &[
                "DE89 3704 0044 0532 0130 00",
                "GB29NWBK60161331926819",
                "FR14 2004 1010 0505 0001 3M02 606",
                "nl91abna0417164300",
                "IT60X0542811101000000123456",
                "IE29AIBK93115212345678",
                "BE71 0961 2345 6769",
            ],
            &["DE89370400440532013001", "GB29NWBK6016133192681", "NL91ABNA0417164301", "ZZ89370400440532013000"],
        ),
        (
            "us_ssn",
            |t| us_ssn(&digits(t)),
            &["536-90-4399", "219-09-9998", "899-99-9999"],
            &["666-12-3456", "123-00-6789", "900-12-3456", "000-12-3456"],
        ),
        (
            "us_itin",
            |t| us_itin(&digits(t)),
            &["912-90-3456", "900-70-0000", "999-88-9999"],
            &["912-93-4567", "912-89-4567", "812-70-1234"],
        ),
        ("us_routing", |t| us_routing(&digits(t)), &["021000021", "011401533", "111000025"], &["021000022"]),
        ("uk_nino", uk_nino, &["AB123456C", "JG 10 37 59 A", "CE123456D"], &["QQ123456C", "GB123456A", "AO123456A"]),
        (
            "uk_nhs",
            |t| uk_nhs(&digits(t)),
            &["943 476 5870", "943 476 5919", "999 000 0018"],
            &["943 476 5871", "123 456 7890", "987 654 4321"],
        ),
        (
            "uk_utr",
            |t| uk_utr(&digits(t)),
            &["1955839661", "2234567890", "5555555555"],
            &["2955839661", "1955839662", "195583966"],
        ),
        (
            "de_tax_id",
            |t| de_tax_id(&digits(t)),
            &["36574261809", "86095742719", "47036892816", "65929970489"],
            &["36574261890", "36554266806", "02476291358"],
        ),
        (
            "de_pension",
            de_pension,
            &["15 070649 C 103", "65170839J003", "65180539W001"],
            &["15070649C104", "65170839J002", "15071349C103"],
        ),
        (
            "de_document",
            de_document,
            &["L01X00T471", "LZ6311T475", "T220001293", "C01X00T478"],
            &["L01X00T470", "L01X00T4"],
        ),
        (
            "fr_nir",
            fr_nir,
            &["2 95 10 99 126 111 93", "255081416802538", "253072A07300443", "253072B07300470", "180126955222380"],
            &["295109912611199", "253072C07300443", "151024610204372"],
        ),
        (
            "it_fiscal",
            it_fiscal,
            &["RCCMNL83S18D969H", "RSSMRA85T10A562S", "rssmra80a41h501y", "MRTMTT91D08F20RE", "RSSMRAURTMLARSNL"],
            &["RSSMRA85T10A562T", "RCCMNL83S18D969"],
        ),
        (
            "es_nif",
            es_nif,
            &["54362315K", "12.345.678-Z", "X2482300W", "Y1234567X", "Z1234567R", "M1234567L"],
            &["54362315Z", "12345678A", "X2482300A", ""],
        ),
        (
            "nl_bsn",
            |t| nl_bsn(&digits(t)),
            &["111222333", "123456782", "999990019"],
            &["111222334", "123456789", "000000000"],
        ),
        (
            "pl_pesel",
            |t| pl_pesel(&digits(t)),
            &["44051401359", "02070803628", "02211307589"],
            &["44051401358", "02381307589", "92031512345"],
        ),
        (
            "be_national",
            |t| be_national(&digits(t)),
            &["85.07.30-033.28", "93.05.18-223.61", "17073003384", "98.47.28-997.65"],
            &["85.07.30-033.29", "12345678901", "85.13.30-033.28"],
        ),
        (
            "pt_nif",
            |t| pt_nif(&digits(t)),
            &["501964843", "287024008", "123456789"],
            &["501964842", "023456789", "50196484"],
        ),
        (
            "se_personal",
            |t| se_personal(&digits(t)),
            &["811228-9874", "670919-9530", "19811228-9874"],
            &["811328-9874", "811228-987"],
        ),
        (
            "at_insurance",
            |t| at_insurance(&digits(t)),
            &["1237 010180", "7824 280166", "5913 120683"],
            &["2237 010180", "7822 280166", "0237 010180"],
        ),
        ("ie_pps", ie_pps, &["1234567T", "6433435F", "6433435OA"], &["6433435E", "6433435VH", "3456789K"]),
        (
            "base58",
            base58,
            &["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"],
            &["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "1111"],
        ),
        (
            "bech32",
            bech32,
            &[
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            ],
            &["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"],
        ),
    ];

    #[test]
    fn numbers_are_right_or_wrong() {
        for (name, check, right, wrong) in CASES {
            for text in *right {
                assert!(check(text), "{name} {text}");
            }
            for text in *wrong {
                assert!(!check(text), "{name} {text}");
            }
        }
    }
}

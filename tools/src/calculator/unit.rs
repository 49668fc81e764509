//! Units, their names and their exact sizes.
//!
//! Sizes are exact by definition: SI Brochure (9th edition), NIST Special Publication 811, appendix B (international yard and
//! pound, US gallon), and the UK Weights and Measures Act 1985 (imperial gallon). Customary volumes are those of the US; imperial
//! ones begin with `imp_`.

use num_bigint::BigInt;

use super::{exact::Exact, exact::ten_to, problem::Problem, work::Work};

/// Powers of metre, kilogram, second, ampere, kelvin, mole, bit and calendar month.
pub(super) type Dimension = [i32; 8];

const LENGTH: Dimension = [1, 0, 0, 0, 0, 0, 0, 0];
const AREA: Dimension = [2, 0, 0, 0, 0, 0, 0, 0];
const VOLUME: Dimension = [3, 0, 0, 0, 0, 0, 0, 0];
const MASS: Dimension = [0, 1, 0, 0, 0, 0, 0, 0];
const TIME: Dimension = [0, 0, 1, 0, 0, 0, 0, 0];
const CURRENT: Dimension = [0, 0, 0, 1, 0, 0, 0, 0];
const TEMPERATURE: Dimension = [0, 0, 0, 0, 1, 0, 0, 0];
const AMOUNT: Dimension = [0, 0, 0, 0, 0, 1, 0, 0];
const DATA: Dimension = [0, 0, 0, 0, 0, 0, 1, 0];
/// A month has no fixed number of days.
const CALENDAR: Dimension = [0, 0, 0, 0, 0, 0, 0, 1];
const SPEED: Dimension = [1, 0, -1, 0, 0, 0, 0, 0];
const FREQUENCY: Dimension = [0, 0, -1, 0, 0, 0, 0, 0];
const DATA_RATE: Dimension = [0, 0, -1, 0, 0, 0, 1, 0];
const FORCE: Dimension = [1, 1, -2, 0, 0, 0, 0, 0];
const PRESSURE: Dimension = [-1, 1, -2, 0, 0, 0, 0, 0];
const ENERGY: Dimension = [2, 1, -2, 0, 0, 0, 0, 0];
const POWER: Dimension = [2, 1, -3, 0, 0, 0, 0, 0];
const VOLTAGE: Dimension = [2, 1, -3, -1, 0, 0, 0, 0];
const RESISTANCE: Dimension = [2, 1, -3, -2, 0, 0, 0, 0];
const CHARGE: Dimension = [0, 0, 1, 1, 0, 0, 0, 0];

/// What people call a dimension.
const DIMENSIONS: &[(Dimension, &str)] = &[
    (LENGTH, "a length"),
    (AREA, "an area"),
    (VOLUME, "a volume"),
    (MASS, "a mass"),
    (TIME, "a time"),
    (CURRENT, "a current"),
    (TEMPERATURE, "a temperature"),
    (AMOUNT, "an amount of substance"),
    (DATA, "an amount of data"),
    (CALENDAR, "a time of calendar months, which have no fixed number of days"),
    (SPEED, "a speed"),
    (FREQUENCY, "a frequency"),
    (DATA_RATE, "a data rate"),
    (FORCE, "a force"),
    (PRESSURE, "a pressure"),
    (ENERGY, "an energy"),
    (POWER, "a power"),
    (VOLTAGE, "a voltage"),
    (RESISTANCE, "a resistance"),
    (CHARGE, "a charge"),
];

/// Names, the first of which is printed, and the size in the units of [`Dimension`]: a decimal, or a fraction of two.
type Row = (&'static str, &'static str);

#[rustfmt::skip]
const UNITS: &[(Dimension, &[Row])] = &[
    (LENGTH, &[
        ("m metre metres meter meters", "1"), ("km kilometre kilometres kilometer kilometers kms", "1000"),
        ("dm decimetre decimeter", "0.1"), ("cm centimetre centimetres centimeter centimeters", "0.01"),
        ("mm millimetre millimetres millimeter millimeters", "0.001"), ("um µm μm micrometre micrometer micron microns", "0.000001"),
        ("nm nanometre nanometer nanometers", "0.000000001"), ("in inch inches", "0.0254"), ("ft foot feet", "0.3048"),
        ("yd yard yards", "0.9144"), ("mi mile miles", "1609.344"), ("nmi", "1852"), ("ly lightyear lightyears", "9460730472580800"),
        ("au", "149597870700"),
    ]),
    (AREA, &[
        ("m2 sqm", "1"), ("km2 sqkm", "1000000"), ("cm2 sqcm", "0.0001"), ("mm2", "0.000001"), ("ha hectare hectares", "10000"),
        ("acre acres", "4046.8564224"), ("ft2 sqft", "0.09290304"), ("in2 sqin", "0.00064516"), ("mi2 sqmi", "2589988.110336"),
    ]),
    (VOLUME, &[
        ("L l litre litres liter liters", "0.001"), ("mL ml millilitre millilitres milliliter milliliters", "0.000001"),
        ("cL cl", "0.00001"), ("dL dl", "0.0001"), ("hL hl", "0.1"), ("m3", "1"), ("cm3 cc", "0.000001"), ("mm3", "0.000000001"),
        ("ft3", "0.028316846592"), ("in3", "0.000016387064"), ("gal gallon gallons", "0.003785411784"),
        ("qt quart quarts", "0.000946352946"), ("pt pint pints", "0.000473176473"), ("cup cups", "0.0002365882365"),
        ("fl_oz floz", "0.0000295735295625"), ("tbsp tablespoon tablespoons", "0.00001478676478125"),
        ("tsp teaspoon teaspoons", "0.00000492892159375"), ("imp_gal", "0.00454609"), ("imp_pt", "0.00056826125"),
        ("imp_fl_oz", "0.0000284130625"),
    ]),
    (MASS, &[
        ("kg kilogram kilograms kilo kilos kgs", "1"), ("g gram grams", "0.001"), ("mg milligram milligrams", "0.000001"),
        ("ug µg μg microgram micrograms", "0.000000001"), ("t tonne tonnes", "1000"), ("lb lbs pound pounds", "0.45359237"),
        ("oz ounce ounces", "0.028349523125"), ("st stone stones", "6.35029318"), ("short_ton", "907.18474"),
        ("long_ton", "1016.0469088"),
    ]),
    (TIME, &[
        ("s sec secs second seconds", "1"), ("ms millisecond milliseconds", "0.001"), ("us µs μs microsecond microseconds", "0.000001"),
        ("ns nanosecond nanoseconds", "0.000000001"), ("min mins minute minutes", "60"), ("h hr hrs hour hours", "3600"),
        ("d day days", "86400"), ("week weeks wk", "604800"), ("fortnight fortnights", "1209600"),
    ]),
    (CALENDAR, &[("month months", "1"), ("year years yr yrs", "12"), ("decade decades", "120"), ("century centuries", "1200")]),
    (CURRENT, &[("A amp amps ampere amperes", "1"), ("mA", "0.001")]),
    (TEMPERATURE, &[("K kelvin", "1"), ("degC C celsius °C", "1"), ("degF F fahrenheit °F", "5/9")]),
    (AMOUNT, &[("mol mole moles", "1"), ("mmol", "0.001")]),
    (DATA, &[
        ("bit bits", "1"), ("B byte bytes", "8"), ("kB", "8000"), ("MB", "8000000"), ("GB", "8000000000"), ("TB", "8000000000000"),
        ("PB", "8000000000000000"), ("KiB", "8192"), ("MiB", "8388608"), ("GiB", "8589934592"), ("TiB", "8796093022208"),
        ("PiB", "9007199254740992"), ("kbit", "1000"), ("Mbit", "1000000"), ("Gbit", "1000000000"), ("Tbit", "1000000000000"),
    ]),
    (DATA_RATE, &[("bps", "1"), ("kbps", "1000"), ("Mbps", "1000000"), ("Gbps", "1000000000")]),
    (SPEED, &[("kmh kph", "5/18"), ("mph", "0.44704"), ("kn knot knots", "463/900")]),
    (FREQUENCY, &[
        ("Hz hertz", "1"), ("kHz", "1000"), ("MHz", "1000000"), ("GHz", "1000000000"), ("rpm", "1/60"),
    ]),
    (FORCE, &[("N newton newtons", "1"), ("kN", "1000"), ("lbf", "4.4482216152605")]),
    (PRESSURE, &[
        ("Pa pascal pascals", "1"), ("hPa", "100"), ("kPa", "1000"), ("MPa", "1000000"), ("bar bars", "100000"), ("mbar", "100"),
        ("atm", "101325"), ("psi", "4.4482216152605/0.00064516"), ("mmHg", "133.322387415"),
    ]),
    (ENERGY, &[
        ("J joule joules", "1"), ("kJ", "1000"), ("MJ", "1000000"), ("GJ", "1000000000"), ("cal calorie calories", "4.184"),
        ("kcal", "4184"), ("Wh", "3600"), ("kWh", "3600000"), ("MWh", "3600000000"), ("GWh", "3600000000000"),
        ("BTU", "1055.05585262"), ("eV", "0.0000000000000000001602176634"),
    ]),
    (POWER, &[
        ("W watt watts", "1"), ("mW", "0.001"), ("kW", "1000"), ("MW", "1000000"), ("GW", "1000000000"),
        ("hp horsepower", "745.69987158227022"),
    ]),
    (VOLTAGE, &[("V volt volts", "1"), ("mV", "0.001"), ("kV", "1000")]),
    (RESISTANCE, &[("ohm ohms Ω", "1"), ("kohm", "1000")]),
    (CHARGE, &[("Ah", "3600"), ("mAh", "3.6")]),
];

/// A unit: so many of the units of its dimension, and from where it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) name: &'static str,
    pub(super) dimension: Dimension,
    pub(super) size: Exact,
    /// Kelvin at its zero, where that is not zero.
    pub(super) zero: Option<Exact>,
}

/// What a word means as a unit.
pub(super) enum Named {
    Unit(Unit),
    /// It may mean several, which are named.
    Unclear(&'static str),
    Unknown,
}

/// The unit of a name. Where no name is written just so, capitals do not matter as long as that leaves one unit.
pub(super) fn named(name: &str, work: &Work) -> Result<Named, Problem> {
    if let Some(choice) = unclear(name) {
        return Ok(Named::Unclear(choice));
    }
    let row = rows().find(|(_, row)| names(row).any(|known| known == name)).or_else(|| loosely(name));
    row.map_or(Ok(Named::Unknown), |(dimension, row)| unit(dimension, row, work).map(Named::Unit))
}

/// Whether a word is a unit's name, clear or not.
pub(super) fn is_unit(name: &str) -> bool {
    unclear(name).is_some() || rows().any(|(_, row)| names(row).any(|known| known == name)) || loosely(name).is_some()
}

/// What to write in the place of a name that different people mean differently.
fn unclear(name: &str) -> Option<&'static str> {
    Some(match name {
        "ton" | "tons" => "tonne (1000 kg), short_ton (2000 lb) or long_ton (2240 lb)",
        "kb" | "Kb" => "kB for bytes or kbit for bits",
        "Mb" => "MB for bytes or Mbit for bits",
        "Gb" => "GB for bytes or Gbit for bits",
        "Tb" => "TB for bytes or Tbit for bits",
        "NM" => "nmi for nautical miles or nm for nanometres",
        "Cal" => "cal or kcal",
        _ => return None,
    })
}

/// What people call a dimension, if they do.
pub(super) fn dimension_name(dimension: &Dimension) -> Option<&'static str> {
    DIMENSIONS.iter().find(|(known, _)| known == dimension).map(|(_, name)| *name)
}

fn rows() -> impl Iterator<Item = (Dimension, &'static Row)> {
    UNITS.iter().flat_map(|(dimension, rows)| rows.iter().map(|row| (*dimension, row)))
}

fn names(row: &'static Row) -> impl Iterator<Item = &'static str> {
    row.0.split(' ')
}

/// Not for single letters: people write 5M for millions.
fn loosely(name: &str) -> Option<(Dimension, &'static Row)> {
    if name.chars().count() < 2 {
        return None;
    }
    let mut found = rows().filter(|(_, row)| names(row).any(|known| known.eq_ignore_ascii_case(name)));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn unit(dimension: Dimension, row: &'static Row, work: &Work) -> Result<Unit, Problem> {
    let name = names(row).next().unwrap_or_default();
    let zero = match name {
        "degC" => Some(size("273.15", work)?),
        "degF" => Some(size("459.67/1.8", work)?),
        _ => None,
    };
    Ok(Unit { name, dimension, size: size(row.1, work)?, zero })
}

fn size(text: &str, work: &Work) -> Result<Exact, Problem> {
    match text.split_once('/') {
        None => decimal(text, work),
        Some((over, under)) => decimal(over, work)?.over(&decimal(under, work)?, work),
    }
}

/// A number of digits with at most one point.
pub(super) fn decimal(text: &str, work: &Work) -> Result<Exact, Problem> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    work.take_square(text.len() as u64 * 10 / 3)?;
    let digits: BigInt = format!("0{whole}{decimals}").parse().map_err(|_| Problem::reading("this is no number"))?;
    Exact::ratio(digits, ten_to(decimals.len() as u64, work)?, work)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_stands_for_one_unit_of_a_positive_size() {
        let work = Work::new();
        let mut seen = BTreeSet::new();
        for (dimension, row) in rows() {
            let size = unit(dimension, row, &work).unwrap().size;
            assert!(!size.is_zero() && !size.is_negative(), "{row:?}");
            assert!(dimension_name(&dimension).is_some(), "{row:?}");
            for name in names(row) {
                assert!(seen.insert(name), "{name} stands here twice");
            }
        }
    }

    #[test]
    fn capitals_matter_only_where_they_tell_units_apart() {
        let check = |name: &str, expected: Option<&str>| {
            let found = match named(name, &Work::new()).unwrap() {
                Named::Unit(unit) => Some(unit.name),
                Named::Unclear(_) | Named::Unknown => None,
            };
            assert_eq!(found, expected, "{name}");
        };
        check("KM", Some("km"));
        check("Hours", Some("h"));
        check("mW", Some("mW"));
        check("MW", Some("MW"));
        check("mw", None);
        check("ton", None);
        check("Mb", None);
        check("mb", Some("MB"));
        check("M", None);
        check("furlong", None);
    }
}

//! Sums that are right, wrong or hostile.

mod properties;

use super::*;

fn calculate(expression: &str) -> Result<String, String> {
    parse::evaluate(expression, &Work::new()).map_err(|problem| problem.to_string())
}

fn check(expression: &str, expected: &str) {
    assert_eq!(calculate(expression).as_deref(), Ok(expected), "{expression}");
}

fn refuse(expression: &str, expected: &str) {
    match calculate(expression) {
        Ok(result) => panic!("{expression} is {result}"),
        Err(told) => assert!(told.contains(expected), "{expression}: {told}"),
    }
}

#[test]
fn sums_are_exact() {
    check("1+1", "2");
    check("0.1 + 0.2", "0.3");
    check("1/3", "1/3 ≈ 0.333333333333");
    check("-2/3", "-2/3 ≈ -0.666666666667");
    check("1/8", "0.125");
    check("2 ** 100", "1267650600228229401496703205376");
    check("2^-3", "0.125");
    check("-2^2", "-4");
    check("(-2)^2", "4");
    check("2^3^2", "512");
    check("0^0", "1");
    check("5 × 3 ÷ 2 − 1", "6.5");
    check("6·7", "42");
    check("2³ + 2²", "12");
    check("1e3 + 2.5e-1", "1000.25");
    check(".5 + 5.", "5.5");
    check("5!", "120");
    check("1/3 + 1/6", "0.5");
    check("1e-9/7", "1/7000000000 ≈ 1.42857142857e-10");
    check("1e40/7", &format!("1{}/7 ≈ 1.42857142857e39", "0".repeat(40)));
    check("9007199254740993 - 9007199254740992", "1");
}

#[test]
fn sums_are_read_as_people_write_them() {
    check("1,200 + 3,400.50", "4600.5");
    check("$5 + $3", "8");
    check("€1,000.00 * 2", "2000");
    check("5+3 =", "8");
    check("5+3 = ?", "8");
    check("= 4*2", "8");
    check("7 mod 3", "1");
    check("7 % 3", "1");
    check("-7 mod 3", "2");
    check("7.5 % 2", "1.5");
    check("2(3+4)", "14");
    check("(2+3)(4+5)", "45");
    check("2 1/2 + 1", "3.5");
    check("2 1/2 * 2", "5");
    check("3 plus 4 times 2", "11");
    check("- - 2", "2");
    check("2 * -3", "-6");
}

#[test]
fn percentages_are_of_what_stands_before_them() {
    check("15% of 80", "12");
    check("80 + 15%", "92");
    check("80 - 15%", "68");
    check("80 + 15% - 2", "90");
    check("80 + 15% of 20", "83");
    check("10% + 5%", "0.15");
    check("50% * 3", "1.5");
    check("100 * 5%", "5");
    check("100 + (5%)", "100.05");
    check("15% of 80 kg", "12 kg");
    check("3/8 in %", "37.5%");
    check("37.5%", "0.375");
}

#[test]
fn functions_are_exact_where_they_can_be() {
    check("abs(-3)", "3");
    check("round(2.5)", "3");
    check("round(-2.5)", "-3");
    check("round(2.345, 2)", "2.35");
    check("round(1234, -2)", "1200");
    check("floor(-1.5)", "-2");
    check("ceil(-1.5)", "-1");
    check("trunc(-1.5)", "-1");
    check("min(3, 1/2, 7)", "0.5");
    check("max(1,200)", "200");
    check("sum(1, 2, 3)", "6");
    check("avg(1, 2, 4)", "7/3 ≈ 2.33333333333");
    check("gcd(12,180)", "12");
    check("lcm(4, 6)", "12");
    check("gcd(-12, 18, 8)", "2");
    check("sqrt(16/9)", "4/3 ≈ 1.33333333333");
    check("sqrt(2)", "≈ 1.41421356237309504880168872421");
    check("sqrt(2)^2 - 2", "≈ 0");
    check("sqrt(2) * sqrt(8) + 1", "≈ 5");
    check("cbrt(27)", "3");
    check("27^(1/3)", "3");
    check("(-8)^(1/3)", "-2");
    check("4^-0.5", "0.5");
    check("2^0.5", "≈ 1.41421356237309504880168872421");
    check("1.05^(1/12)", "≈ 1.00407412378364830160541960267");
    check("pi", "≈ 3.14159265358979323846264338328");
    check("e", "≈ 2.71828182845904523536028747135");
    check("2 pi", "≈ 6.28318530717958647692528676656");
    check("floor(pi * 100)", "314");
    check("factorial(20)", "2432902008176640000");
    check("max(sqrt(2), 1)", "≈ 1.41421356237309504880168872421");
}

#[test]
fn units_are_converted_exactly() {
    check("3 km + 200 m in m", "3200 m");
    check("3 km + 200 m", "3.2 km");
    check("5 ft to cm", "152.4 cm");
    check("90 km/h in m/s", "25 m/s");
    check("2 h 30 min in min", "150 min");
    check("5 ft 3 in in cm", "160.02 cm");
    check("5 in to cm", "12.7 cm");
    check("10 in in cm", "25.4 cm");
    check("1 kg in lb", "(100000000/45359237) lb ≈ 2.20462262185 lb");
    check("(1/3) km", "(1/3) km ≈ 0.333333333333 km");
    check("1/2 cup in mL", "118.29411825 mL");
    check("-1/2 km", "-0.5 km");
    check("2 * 1/2 cup", "1 cup");
    check("2 1/2 ft in in", "30 in");
    check("10 km / 2 km/h", "5 h");
    check("100 km / 2 h", "50 km/h");
    check("5 kg m/s^2 in N", "5 N");
    check("(2 m)^3 in L", "8000 L");
    check("5 m² in cm²", "50000 cm^2");
    check("sqrt(9 m^2)", "3 m");
    check("6 km / 2 m", "3000");
    check("2 kWh / 1 h in W", "2000 W");
    check("100 Mbps * 10 s in MB", "125 MB");
    check("60 miles per hour in km/h", "96.56064 km/h");
    check("1 psi in Pa", "(8896443230521/1290320000) Pa ≈ 6894.75729317 Pa");
    check("2 years in months", "24 month");
    check("round(1/3 km, 2)", "0.33 km");
    check("max(1 mi, 1.6 km) in m", "1609.344 m");
    check("3 m^-1 * 2 m", "6");
}

#[test]
fn temperatures_are_places_on_a_scale() {
    check("20 degC in degF", "68 degF");
    check("-40 C in F", "-40 degF");
    check("300 K in C", "26.85 degC");
    check("100 °F in °C", "(340/9) degC ≈ 37.7777777778 degC");
    check("25 degC - 20 degC", "5 K");
    check("25 degC - 68 degF", "5 K");
    refuse("20 degC + 5 degC", "calculate in K");
    refuse("2 * (20 degC)", "calculate in K");
}

#[test]
fn what_is_wrong_is_told_with_place_and_mend() {
    refuse("", "the expression is empty");
    refuse("1 +", "at character 4: a number is missing at the end");
    refuse("(1 + 2", "at character 7: `)` is missing at the end");
    refuse("1 + 2)", "at character 6: this `)` has no `(` before it");
    refuse("1 / 0", "at character 3: division by zero");
    refuse("1 mod 0", "division by zero");
    refuse("0^-1", "division by zero");
    refuse("1/(sqrt(2)^2 - 2)", "may be zero");
    refuse("3 x 4", "write `*` to multiply");
    refuse("3 4", "an operator such as `+` or `*` is missing before this number");
    refuse("2 foo", "`foo` is not known");
    refuse("1.2.3", "two points");
    refuse("1,20", "a comma can only separate thousands");
    refuse("1,2000", "a comma can only separate thousands");
    refuse("max(1,200, 300)", "unclear which commas");
    refuse("abs(1,200)", "within a function a comma separates");
    refuse("$5 + €3", "two currencies");
    refuse("6/2(3)", "unclear what is divided");
    refuse("3 = 3", "not an equation");
    refuse("3 km + 2 kg", "at character 6: km (a length) does not fit to kg (a mass)");
    refuse("3 km + 200", "km (a length) does not fit to a number without a unit");
    refuse("5 km to kg", "km (a length) cannot be converted to kg (a mass)");
    refuse("2 years in days", "no fixed number of days");
    refuse("1 ton in kg", "`ton` is unclear");
    refuse("sqrt(9 m)", "no such root");
    refuse("sqrt(-1)", "root of a negative number");
    refuse("gcd(1.5, 2)", "only whole numbers");
    refuse("2^pi", "exact number");
    refuse("2^(1/65)", "at most 64");
    refuse("(-3)!", "no factorial");
    refuse("sqrt 4", "`(` is missing behind `sqrt`");
    refuse("[1]", "round parentheses");
    refuse("1/3 ≈ 0.333", "use the exact number");
    refuse("sin(1)", "`sin` is not known");
}

#[test]
fn what_would_take_too_long_is_refused_before_it_begins() {
    let check = |expression: &str, expected: &str, at_most: u64| {
        let work = Work::new();
        let told = parse::evaluate(expression, &work).unwrap_err().to_string();
        assert!(told.contains(expected), "{expression}: {told}");
        assert!(work.taken() <= at_most, "{expression}: {} steps", work.taken());
    };
    check("9^9^9", "more than 10000 digits", 10_000);
    check("9^9^9^9", "more than 10000 digits", 10_000);
    check("9^-9^9", "more than 10000 digits", 10_000);
    check("1e99999", "more than 10000 digits", 10_000);
    check("1e-99999", "more than 10000 digits", 10_000);
    check("1e99999999999999999999", "more than 10000 digits", 10_000);
    check("100000!", "more than 10000 digits", 1_000_000);
    check("3!!!!!!", "more than 10000 digits", 1_000_000);
    check("2^(10^5)", "more than 10000 digits", 10_000);
    check(&"(".repeat(200), "within each other", 10_000);
    check(&"-".repeat(1000), "within each other", 10_000);
    check(&format!("2{}", "^2".repeat(500)), "within each other", 1_000_000);
    check(&"1".repeat(1025), "1024 are the most", 10_000);
    let halves: Vec<_> = (1..60).map(|place| format!("1/(7^3000+{place})")).collect();
    check(&halves.join("+"), "", work::MAX_STEPS);
    let roots: Vec<_> = (1..60).map(|place| format!("(1e500+{place})^(1/64)")).collect();
    check(&roots.join("+"), "", work::MAX_STEPS);
}

#[test]
fn the_longest_results_are_still_there() {
    assert_eq!(calculate("10^9999").unwrap().len(), 10_000);
    assert_eq!(calculate("3248!").unwrap().len(), 9_998);
    assert_eq!(calculate("1/2^1000").unwrap().len(), 1002);
}

#[test]
fn schemas_let_nothing_through_but_sums() {
    let arguments = |expression: &str| json!({ "expression": expression });
    let (full, plain) = (Calculator::new(), Calculator::plain());
    assert_eq!(full.spec().name(), plain.spec().name());
    assert_ne!(full.spec().digest(), plain.spec().digest());
    for expression in ["15% of 80", "90 km/h in m/s", "5! × 3², −2", "€5 + 3 = ?", "fl_oz"] {
        assert!(full.spec().check(&arguments(expression)).is_ok(), "{expression}");
        assert!(plain.spec().check(&arguments(expression)).is_err(), "{expression}");
    }
    assert!(plain.spec().check(&arguments("(3 + 4) * 2 / 1.5")).is_ok());
    for expression in ["3", ".3 + 4", "3 +", "3 + + 4", "3  + 4"] {
        assert!(plain.spec().check(&arguments(expression)).is_err(), "{expression}");
    }
    for expression in ["", "\"", "{", "a\nb", &"1".repeat(201)] {
        assert!(full.spec().check(&arguments(expression)).is_err(), "{expression}");
    }
}

#[tokio::test]
async fn a_number_is_never_cut() {
    let call = async |bytes| {
        let limits = crate::Limits { bytes, ..crate::Limits::default() };
        let arguments = json!({ "expression": "2^100" });
        Calculator::new().call(Invocation { tenant: "t".to_owned(), arguments, limits }).await
    };
    assert!(matches!(call(30).await, Err(ToolError::Exhausted(_))));
    assert_eq!(call(31).await.map(|reply| reply.text), Ok("1267650600228229401496703205376".to_owned()));
}

#[tokio::test]
async fn a_very_small_model_reads_the_whole_equation() {
    let call = async |expression: &str| {
        let arguments = json!({ "expression": expression });
        let invocation = Invocation { tenant: "t".to_owned(), arguments, limits: crate::Limits::default() };
        Calculator::plain().call(invocation).await.unwrap().text
    };
    assert_eq!(call("21 + 49").await, "21 + 49 = 70");
    assert_eq!(call("1 / 3").await, "1 / 3 = 1/3 ≈ 0.333333333333");
}

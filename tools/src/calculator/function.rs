//! Functions by name.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::{Signed, Zero};

use super::{
    exact::{Exact, gcd, ten_to},
    problem::Problem,
    quantity::Quantity,
    work::{MAX_BITS, Work, too_long, words},
};

/// All names, for messages.
pub(super) const NAMES: &[&str] =
    &["abs", "round", "floor", "ceil", "trunc", "min", "max", "sum", "avg", "gcd", "lcm", "sqrt", "cbrt", "factorial"];
/// Decimals that a number can be rounded to.
const MAX_DECIMALS: i64 = 1000;

type Answer = Result<Quantity, Problem>;

/// Whether a word can be called.
pub(super) fn is_function(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Calls a function.
pub(super) fn call(name: &str, arguments: &[Quantity], work: &Work) -> Answer {
    match (name, arguments) {
        (_, []) => Err(Problem::reading(format!("`{name}` needs a number, such as `{name}(2)`"))),
        ("min", [first, rest @ ..]) => extreme(first, rest, Ordering::Less, work),
        ("max", [first, rest @ ..]) => extreme(first, rest, Ordering::Greater, work),
        ("sum", [first, rest @ ..]) => sum(first, rest, work),
        ("avg", [first, rest @ ..]) => {
            let count = Exact::from(BigInt::from(arguments.len()));
            sum(first, rest, work)?.over(&count.into(), work)
        }
        ("gcd", numbers) => fold(numbers, work, |left, right| gcd(left, right, work)),
        ("lcm", numbers) => fold(numbers, work, |left, right| lcm(left, right, work)),
        ("round", [number, decimals]) => round(number, decimals, work),
        (_, [number]) => one(name, number, work),
        _ => Err(Problem::reading(format!(
            "`{name}` takes one number, not {}: within a function a comma separates, so write 1200 and not 1,200",
            arguments.len()
        ))),
    }
}

fn one(name: &str, number: &Quantity, work: &Work) -> Answer {
    let stepped = |rule: &dyn Fn(&Exact) -> Result<BigInt, Problem>| {
        Ok(number.with(number.number.step(|exact| Ok(rule(exact)?.into()))?))
    };
    match name {
        "abs" => Ok(number.with(number.number.abs()?)),
        "round" => stepped(&|exact| exact.round(work)),
        "floor" => stepped(&|exact| exact.floor(work)),
        "ceil" => stepped(&|exact| exact.ceil(work)),
        "trunc" => stepped(&|exact| if exact.is_negative() { exact.ceil(work) } else { exact.floor(work) }),
        "sqrt" => number.root(2, work),
        "cbrt" => number.root(3, work),
        "factorial" => factorial(number, work),
        _ => Err(Problem::reading(format!("`{name}` cannot be called: {} can", NAMES.join(", ")))),
    }
}

fn extreme(first: &Quantity, rest: &[Quantity], wanted: Ordering, work: &Work) -> Answer {
    first.no_scale()?;
    let mut found = first;
    for next in rest {
        if next.compare(found, work)? == wanted {
            found = next;
        }
    }
    Ok(found.clone())
}

fn sum(first: &Quantity, rest: &[Quantity], work: &Work) -> Answer {
    rest.iter().try_fold(first.clone(), |sum, next| sum.plus(next, work))
}

fn fold(numbers: &[Quantity], work: &Work, rule: impl Fn(&BigInt, &BigInt) -> Result<BigInt, Problem>) -> Answer {
    let mut folded: Option<BigInt> = None;
    for number in numbers {
        let number = whole(number)?;
        folded = Some(folded.map_or_else(|| Ok(number.abs()), |folded| rule(&folded, number))?);
    }
    work.take(1)?;
    Ok(Exact::from(folded.unwrap_or_default()).into())
}

fn lcm(left: &BigInt, right: &BigInt, work: &Work) -> Result<BigInt, Problem> {
    if left.is_zero() || right.is_zero() {
        return Ok(BigInt::zero());
    }
    work.take_product(left, right)?;
    let multiple = left / gcd(left, right, work)? * right.abs();
    super::work::fits(&multiple).map(|()| multiple)
}

fn whole(number: &Quantity) -> Result<&BigInt, Problem> {
    let exact = number.plain()?.exact().filter(|exact| exact.is_integer());
    exact.map(Exact::numer).ok_or_else(|| Problem::meaning("only whole numbers can stand here"))
}

/// Rounded to so many decimals; halves go away from zero. Negative ones round to tens, hundreds and so on.
fn round(number: &Quantity, decimals: &Quantity, work: &Work) -> Answer {
    let decimals = decimals.plain()?.exact().and_then(Exact::small);
    let decimals = decimals.filter(|decimals| decimals.abs() <= MAX_DECIMALS).ok_or_else(|| {
        Problem::meaning(format!("`round` takes a whole number of decimals from -{MAX_DECIMALS} to {MAX_DECIMALS}"))
    })?;
    let power = Exact::from(ten_to(decimals.unsigned_abs(), work)?);
    let scale = if decimals < 0 { Exact::one().over(&power, work)? } else { power };
    let rounded =
        number.number.step(|exact| Exact::from(exact.times(&scale, work)?.round(work)?).over(&scale, work))?;
    Ok(number.with(rounded))
}

/// The product of all whole numbers up to one.
pub(super) fn factorial(number: &Quantity, work: &Work) -> Answer {
    let whole = whole(number)?;
    if whole.is_negative() {
        return Err(Problem::meaning("a negative number has no factorial"));
    }
    let last = u64::try_from(whole).map_err(|_| too_long())?;
    let mut product = BigInt::from(1);
    for factor in 2..=last {
        work.take(words(&product) + 16)?;
        product *= factor;
        if product.bits() > MAX_BITS {
            return Err(too_long());
        }
    }
    Ok(Exact::from(product).into())
}

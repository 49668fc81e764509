//! Numbers with units.

use std::cmp::Ordering;

use super::{
    exact::Exact,
    problem::Problem,
    span::Span,
    unit::{Dimension, Unit, dimension_name},
    work::Work,
};

/// The highest power of a unit.
const MAX_POWER: i32 = 100;

/// Powers of units. No two of them measure the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Units(Vec<(Unit, i32)>);

/// A number in its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quantity {
    pub(super) number: Span,
    pub(super) units: Units,
}

impl From<Unit> for Units {
    fn from(unit: Unit) -> Self {
        Self(vec![(unit, 1)])
    }
}

impl Units {
    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn dimension(&self) -> Dimension {
        let mut sum = Dimension::default();
        for (unit, power) in &self.0 {
            for (sum, part) in sum.iter_mut().zip(unit.dimension) {
                *sum = sum.saturating_add(part.saturating_mul(*power));
            }
        }
        sum
    }

    /// How it is written after a number, such as `km/h`.
    pub(super) fn label(&self) -> String {
        let power = |power: i32| if power == 1 { String::new() } else { format!("^{power}") };
        let (over, under): (Vec<_>, Vec<_>) = self.0.iter().partition(|(_, power)| *power > 0);
        let product = |units: &[&(Unit, i32)]| {
            units.iter().map(|(unit, of)| format!("{}{}", unit.name, power(*of))).collect::<Vec<_>>().join("·")
        };
        if over.is_empty() {
            return product(&under);
        }
        let under = under.iter().map(|(unit, of)| format!("/{}{}", unit.name, power(-of)));
        product(&over) + &under.collect::<Vec<_>>().concat()
    }

    /// In words: what it is, and what that measures.
    fn told(&self) -> String {
        match dimension_name(&self.dimension()) {
            None if self.is_none() => "a number without a unit".to_owned(),
            None => self.label(),
            Some(name) => format!("{} ({name})", self.label()),
        }
    }

    /// The unit alone, where it is one that is not counted from zero.
    fn scale(&self) -> Option<&Unit> {
        self.0.iter().map(|(unit, _)| unit).find(|unit| unit.zero.is_some())
    }

    /// How many of the basic units it is.
    fn size(&self, work: &Work) -> Result<Exact, Problem> {
        let mut size = Exact::one();
        for (unit, power) in &self.0 {
            size = size.times(&unit.size.power(&(*power).into(), work)?, work)?;
        }
        Ok(size)
    }

    /// Its power: of every unit.
    pub(super) fn power(&self, power: i32) -> Result<Self, Problem> {
        let raised = |(unit, of): &(Unit, i32)| {
            let power = of.checked_mul(power).filter(|power| power.abs() <= MAX_POWER);
            power.map(|power| (unit.clone(), power)).ok_or_else(|| Problem::size("the power of a unit is too high"))
        };
        let units: Result<Vec<_>, _> = self.0.iter().filter(|_| power != 0).map(raised).collect();
        units.map(Self)
    }

    fn root(&self, root: i32) -> Option<Self> {
        let drawn = |(unit, of): &(Unit, i32)| (of % root == 0).then(|| (unit.clone(), of / root));
        self.0.iter().map(drawn).collect::<Option<Vec<_>>>().map(Self)
    }
}

impl From<Span> for Quantity {
    fn from(number: Span) -> Self {
        Self { number, units: Units::default() }
    }
}

impl From<Exact> for Quantity {
    fn from(number: Exact) -> Self {
        Span::from(number).into()
    }
}

impl Quantity {
    pub(super) fn negated(&self) -> Self {
        Self { number: self.number.negated(), units: self.units.clone() }
    }

    pub(super) fn with(&self, number: Span) -> Self {
        Self { number, units: self.units.clone() }
    }

    /// The number, where there is no unit.
    pub(super) fn plain(&self) -> Result<&Span, Problem> {
        if self.units.is_none() {
            return Ok(&self.number);
        }
        Err(Problem::meaning(format!("a number without a unit must stand here, not {}", self.units.told())))
    }

    pub(super) fn plus(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        self.no_scale().and_then(|()| other.no_scale())?;
        let other = other.in_units_of(self, work)?;
        Ok(self.with(self.number.plus(&other, work)?))
    }

    pub(super) fn minus(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        let (Some(_), Some(_)) = (self.units.scale(), other.units.scale()) else {
            return self.plus(&other.negated(), work);
        };
        // The difference of two temperatures is no temperature on their scale.
        let (left, right) = (self.in_base(work)?, other.in_base(work)?);
        let kelvin = Unit { name: "K", dimension: self.units.dimension(), size: Exact::one(), zero: None };
        Ok(Self { number: left.minus(&right, work)?, units: kelvin.into() })
    }

    pub(super) fn times(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        if self.units.is_none() && other.units.is_none() {
            return Ok(self.number.times(&other.number, work)?.into());
        }
        self.no_scale().and_then(|()| other.no_scale())?;
        let mut product = self.with(self.number.times(&other.number, work)?);
        for (unit, power) in &other.units.0 {
            product.multiply_by(unit, *power, work)?;
        }
        product.tidy(work)
    }

    pub(super) fn over(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        if self.units.is_none() && other.units.is_none() {
            return Ok(self.number.over(&other.number, work)?.into());
        }
        self.no_scale().and_then(|()| other.no_scale())?;
        let number = Span::from(Exact::one()).over(&other.number, work)?;
        self.times(&Self { number, units: other.units.power(-1)? }, work)
    }

    /// What is left of a division whose quotient is rounded down: it has the sign of the divisor.
    pub(super) fn modulo(&self, other: &Self, work: &Work) -> Result<Self, Problem> {
        self.no_scale().and_then(|()| other.no_scale())?;
        let divisor = other.in_units_of(self, work)?;
        let quotient = self.number.over(&divisor, work)?.step(|number| Ok(number.floor(work)?.into()))?;
        Ok(self.with(self.number.minus(&quotient.times(&divisor, work)?, work)?))
    }

    pub(super) fn power(&self, exponent: &Self, work: &Work) -> Result<Self, Problem> {
        let exponent = exponent.plain()?;
        if self.units.is_none() {
            return Ok(self.number.power(exponent, work)?.into());
        }
        self.no_scale()?;
        let whole = exponent.exact().and_then(Exact::small).and_then(|whole| i32::try_from(whole).ok());
        let whole = whole.ok_or_else(|| Problem::meaning("a unit can only be raised to a whole power"))?;
        Ok(Self { number: self.number.power(exponent, work)?, units: self.units.power(whole)? })
    }

    pub(super) fn root(&self, root: u8, work: &Work) -> Result<Self, Problem> {
        self.no_scale()?;
        let units = self.units.root(i32::from(root));
        let units = units.ok_or_else(|| Problem::meaning(format!("{} has no such root", self.units.told())))?;
        Ok(Self { number: self.number.root(u32::from(root), work)?, units })
    }

    pub(super) fn compare(&self, other: &Self, work: &Work) -> Result<Ordering, Problem> {
        self.no_scale().and_then(|()| other.no_scale())?;
        self.number.compare(&other.in_units_of(self, work)?, work)
    }

    /// The same in another unit.
    pub(super) fn converted(&self, units: Units, work: &Work) -> Result<Self, Problem> {
        if self.units.dimension() != units.dimension() {
            return Err(misfit(&self.units, &units, "cannot be converted to"));
        }
        let base = self.in_base(work)?;
        let base = match units.scale().and_then(|unit| unit.zero.clone()) {
            Some(zero) => base.minus(&zero.into(), work)?,
            None => base,
        };
        Ok(Self { number: base.over(&units.size(work)?.into(), work)?, units })
    }

    fn in_base(&self, work: &Work) -> Result<Span, Problem> {
        let number = self.number.times(&self.units.size(work)?.into(), work)?;
        match self.units.scale().and_then(|unit| unit.zero.clone()) {
            Some(zero) => number.plus(&zero.into(), work),
            None => Ok(number),
        }
    }

    /// The number in the units of another, which need not be the same.
    fn in_units_of(&self, other: &Self, work: &Work) -> Result<Span, Problem> {
        if self.units == other.units {
            return Ok(self.number.clone());
        }
        if self.units.dimension() != other.units.dimension() {
            return Err(misfit(&other.units, &self.units, "does not fit to"));
        }
        Ok(self.converted(other.units.clone(), work)?.number)
    }

    /// Degrees Celsius and Fahrenheit are places on a scale, which cannot be added or multiplied.
    pub(super) fn no_scale(&self) -> Result<(), Problem> {
        match self.units.scale() {
            None => Ok(()),
            Some(unit) => Err(Problem::meaning(format!(
                "a temperature in {0} can only be converted, such as `20 {0} in K`, or taken from another: calculate in K",
                unit.name
            ))),
        }
    }

    /// Brings a unit in. What measures the same is counted in the unit that is there already.
    fn multiply_by(&mut self, unit: &Unit, power: i32, work: &Work) -> Result<(), Problem> {
        let same = self.units.0.iter_mut().find(|(known, _)| known.dimension == unit.dimension);
        let Some((known, sum)) = same else {
            self.units.0.push((unit.clone(), power));
            return Ok(());
        };
        if known.size != unit.size {
            let ratio = unit.size.over(&known.size, work)?.power(&power.into(), work)?;
            self.number = self.number.times(&ratio.into(), work)?;
        }
        *sum = sum
            .checked_add(power)
            .filter(|sum| sum.abs() <= MAX_POWER)
            .ok_or_else(|| Problem::size("the power of a unit is too high"))?;
        Ok(())
    }

    /// Without units that have gone, or that make a plain number together, such as `h·Hz`.
    fn tidy(mut self, work: &Work) -> Result<Self, Problem> {
        self.units.0.retain(|(_, power)| *power != 0);
        if self.units.is_none() || self.units.dimension() != Dimension::default() {
            return Ok(self);
        }
        Ok(self.in_base(work)?.into())
    }
}

fn misfit(left: &Units, right: &Units, verb: &str) -> Problem {
    Problem::meaning(format!("{} {verb} {}", left.told(), right.told()))
}

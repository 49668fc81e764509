//! Units in expressions, and conversions to them.

use super::{
    super::{
        exact::Exact,
        function,
        lex::Token,
        quantity::{Quantity, Units},
        show,
        span::Span,
        unit::{Named, is_unit, named},
    },
    Parsed, Parser, Part, is_constant,
};

impl Parser<'_> {
    pub(super) fn conversion(&mut self, value: &Quantity) -> Parsed<String> {
        let place = self.place();
        self.at += 1;
        if self.sign(0) == Some('%') || matches!(self.word(0), Some("percent" | "%")) {
            self.at += 1;
            self.end()?;
            let hundred = Exact::from(100).into();
            let number = value.plain().and_then(|number| number.times(&hundred, self.work));
            return show::written(&number.map_err(|problem| problem.at(place))?, "%", self.work);
        }
        let Some(units) = self.units()? else { return self.wrong("a unit is missing here, such as km or kg") };
        self.end()?;
        let label = units.label();
        let value = value.converted(units, self.work).map_err(|problem| problem.at(place))?;
        show::written(&value.number, &label, self.work)
    }

    /// `1/2 cup`, which is half a cup and not one over two cups.
    pub(super) fn fraction_of_unit(&mut self) -> Parsed<Option<Part>> {
        let (Some(over), Some('/'), Some(under)) = (self.number(0), self.sign(1), self.number(2)) else {
            return Ok(None);
        };
        if !self.is_unit(3) {
            return Ok(None);
        }
        let place = self.place();
        let number = over.over(under, self.work).map_err(|problem| problem.at(place))?;
        self.at += 3;
        Ok(Some(self.measured(number.into())?.into()))
    }

    /// A number with the units behind it, and smaller parts such as those of `5 ft 3 in`.
    pub(super) fn measured(&mut self, number: Quantity) -> Parsed<Quantity> {
        let place = self.place();
        let Some(units) = self.units()? else { return Ok(number) };
        let one = Quantity { number: Span::from(Exact::one()), units: units.clone() };
        // What is counted on a scale cannot be multiplied with, but a bare number can be on it.
        let bare = number.units.is_none();
        let mut value = if bare { Quantity { number: number.number, units } } else { number.times(&one, self.work)? };
        while let (Some(part), true) = (self.number(0).cloned(), self.is_unit(1)) {
            self.at += 1;
            let Some(units) = self.units()? else { break };
            let part = Quantity { number: part.into(), units };
            value = value.plus(&part, self.work).map_err(|problem| problem.at(place))?;
        }
        Ok(value)
    }

    /// Units one after the other, such as `kg m/s^2`.
    fn units(&mut self) -> Parsed<Option<Units>> {
        let mut units: Option<Quantity> = None;
        loop {
            let joined = matches!(self.sign(0), Some('*' | '/')) || self.word(0) == Some("per");
            let under = joined && self.sign(0) != Some('*');
            let joined = usize::from(joined && units.is_some());
            if !self.is_unit(joined) {
                break;
            }
            self.at += joined;
            let place = self.place();
            let unit = self.unit(under)?;
            units = Some(match units {
                None => unit,
                Some(units) => units.times(&unit, self.work).map_err(|problem| problem.at(place))?,
            });
        }
        Ok(units.map(|units| units.units))
    }

    fn unit(&mut self, under: bool) -> Parsed<Quantity> {
        let place = self.place();
        let name = self.word(0).unwrap_or_default();
        let unit = match named(name, self.work)? {
            Named::Unit(unit) => unit,
            Named::Unclear(choice) => return self.wrong(format!("`{name}` is unclear: write {choice}")),
            Named::Unknown => return self.unknown(name),
        };
        self.at += 1;
        let power = self.unit_power()?.unwrap_or(1);
        let units = if power == 1 && !under {
            Ok(unit.into())
        } else {
            Units::from(unit).power(if under { -power } else { power })
        };
        Ok(Quantity { number: Exact::one().into(), units: units.map_err(|problem| problem.at(place))? })
    }

    fn unit_power(&mut self) -> Parsed<Option<i32>> {
        if self.sign(0) != Some('^') {
            return Ok(None);
        }
        let negative = usize::from(self.sign(1) == Some('-'));
        let power = self.number(1 + negative).and_then(Exact::small).and_then(|power| i32::try_from(power).ok());
        let Some(power) = power.filter(|power| *power != 0) else {
            return self.wrong("the power of a unit must be a whole number, such as m^2");
        };
        self.at += 2 + negative;
        Ok(Some(if negative == 1 { -power } else { power }))
    }

    /// Whether a unit is meant here. `in` is one only where no other unit, to which it would convert, comes behind it.
    pub(super) fn is_unit(&self, ahead: usize) -> bool {
        match self.word(ahead) {
            None | Some("mod" | "of" | "per" | "to" | "as") => false,
            Some("in") => self.is_inch(ahead),
            Some(word) if is_constant(word) => false,
            Some(word) if self.sign(ahead + 1) == Some('(') && function::is_function(word) => false,
            Some(word) => is_unit(word),
        }
    }

    fn is_inch(&self, ahead: usize) -> bool {
        match self.peek(ahead + 1) {
            Some(Token::Sign('%')) => false,
            Some(Token::Word(word)) if word == "percent" => false,
            _ => !self.is_unit(ahead + 1),
        }
    }
}

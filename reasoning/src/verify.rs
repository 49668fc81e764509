//! Verifiers: what can be found wrong with a sample without asking a model.

mod arithmetic;

pub use arithmetic::{Equation, equations};

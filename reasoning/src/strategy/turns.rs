//! In which order samples are counted. It is the same in every run, whatever ends first.

use serde::{Deserialize, Serialize};

/// In which order a vote counts its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As they were drawn: each waits for those before it, so one that rambles holds up all that come after.
    #[default]
    Drawn,
    /// As they would end if each running one had a token in each step, whatever really ends first: short ones first, and
    /// no long one is waited for. That short answers are at least as often right is what short-m@k builds on
    /// (arXiv 2505.17813).
    Shortest,
}

impl Order {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drawn => "drawn",
            Self::Shortest => "shortest",
        }
    }
}

/// Where a sample stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not begun.
    Waiting,
    /// It is drawn or judged.
    Running,
    /// It has come to its end, or failed for good.
    Ended,
}

/// Steps at which a sample began and up to which it has come. While it runs, it ends no earlier than that.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    began: u64,
    reached: u64,
    counted: bool,
}

/// Whose turn it is to be counted. Time is in steps; in each of them every sample that is not counted yet has a token.
#[derive(Debug)]
pub(super) struct Turns {
    order: Order,
    courses: Vec<Course>,
    counted: Vec<usize>,
    /// The step at which the last one that was counted ended.
    now: u64,
    /// How many were counted when others last might begin.
    settled: Option<usize>,
}

impl Turns {
    pub(super) fn new(order: Order, samples: usize) -> Self {
        Self { order, courses: vec![Course::default(); samples], counted: Vec::new(), now: 0, settled: None }
    }

    /// A sample begins. A second try of it is the same one.
    pub(super) fn begin(&mut self, index: usize) {
        if let Some(course) = self.courses.get_mut(index) {
            (course.began, course.reached) = (self.now, self.now);
        }
    }

    /// A sample has come to so many tokens. What a try before it had reached stays, since others may be counted by it.
    pub(super) fn reach(&mut self, index: usize, tokens: u32) {
        if let Some(course) = self.courses.get_mut(index) {
            course.reached = course.reached.max(course.began + u64::from(tokens));
        }
    }

    /// Counts the sample whose turn it is, if it has ended.
    pub(super) fn count(&mut self, stage: impl Fn(usize) -> Stage) -> Option<usize> {
        let next = match self.order {
            Order::Drawn => self.counted.len(),
            // Of one that runs it is not known how much further it comes, so none behind it is counted.
            Order::Shortest => self.in_flight(&stage).min_by_key(|index| (self.reached(*index), *index))?,
        };
        if next >= self.courses.len() || stage(next) != Stage::Ended {
            return None;
        }
        let course = self.courses.get_mut(next)?;
        course.counted = true;
        self.now = course.reached;
        self.counted.push(next);
        Some(next)
    }

    /// Whether more samples may begin: all that end at the step of the last one that was counted are counted, and it was
    /// not said before for this step. In the order drawn it does not matter when others begin.
    pub(super) fn settles(&mut self, stage: impl Fn(usize) -> Stage) -> bool {
        if self.order == Order::Drawn {
            return true;
        }
        let settled = self.settled != Some(self.counted.len())
            && self.in_flight(stage).all(|index| self.reached(index) > self.now);
        if settled {
            self.settled = Some(self.counted.len());
        }
        settled
    }

    /// Those that were counted, in their order.
    pub(super) fn counted(&self) -> &[usize] {
        &self.counted
    }

    /// All that have ended: first those that were counted, then the others in their order.
    pub(super) fn ended(&self, stage: impl Fn(usize) -> Stage) -> Vec<usize> {
        let mut others: Vec<usize> = self.in_flight(&stage).filter(|index| stage(*index) == Stage::Ended).collect();
        if self.order == Order::Shortest {
            others.sort_by_key(|index| (self.reached(*index), *index));
        }
        self.counted.iter().copied().chain(others).collect()
    }

    /// Those that began and are not counted yet.
    pub(super) fn in_flight(&self, stage: impl Fn(usize) -> Stage) -> impl Iterator<Item = usize> {
        let courses = self.courses.iter().enumerate();
        let open = courses.filter(move |(index, course)| !course.counted && stage(*index) != Stage::Waiting);
        open.map(|(index, _)| index)
    }

    /// How many in flight have run at least as long as the median of these that were counted.
    pub(super) fn late(&self, counted: impl Iterator<Item = usize>, stage: impl Fn(usize) -> Stage) -> usize {
        let courses = counted.filter_map(|index| self.courses.get(index));
        let mut lengths: Vec<u64> = courses.map(|course| course.reached - course.began).collect();
        lengths.sort_unstable();
        let Some(median) = lengths.get(lengths.len() / 2) else { return 0 };
        let age = |index: &usize| self.courses.get(*index).map_or(0, |course| self.now - course.began);
        self.in_flight(stage).filter(|index| age(index) >= *median).count()
    }

    fn reached(&self, index: usize) -> u64 {
        self.courses.get(index).map_or(0, |course| course.reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: [usize; 0] = [];

    fn stage(ended: &[bool]) -> impl Fn(usize) -> Stage {
        |index| match ended.get(index) {
            None => Stage::Waiting,
            Some(false) => Stage::Running,
            Some(true) => Stage::Ended,
        }
    }

    /// Counts all whose turn it is; `true` has ended.
    fn count(turns: &mut Turns, ended: &[bool]) -> Vec<usize> {
        std::iter::from_fn(|| turns.count(stage(ended))).collect()
    }

    fn begun(order: Order, reached: &[u32]) -> Turns {
        let mut turns = Turns::new(order, 8);
        for (index, tokens) in reached.iter().enumerate() {
            turns.begin(index);
            turns.reach(index, *tokens);
        }
        turns
    }

    #[test]
    fn in_the_order_drawn_each_waits_for_those_before() {
        let mut turns = begun(Order::Drawn, &[90, 10, 20]);
        assert_eq!(count(&mut turns, &[false, true, true]), NOBODY);
        assert_eq!(count(&mut turns, &[true, true, true]), [0, 1, 2]);
    }

    #[test]
    fn a_short_one_is_counted_once_no_other_can_end_before_it() {
        let mut turns = begun(Order::Shortest, &[9, 10, 20]);
        assert_eq!(count(&mut turns, &[false, true, true]), NOBODY, "the first may still end at 9");
        turns.reach(0, 10);
        assert_eq!(count(&mut turns, &[false, true, true]), NOBODY, "or at 10, and goes before");
        turns.reach(0, 11);
        assert_eq!(count(&mut turns, &[false, true, true]), [1]);
        turns.reach(0, 30);
        assert_eq!(count(&mut turns, &[false, true, true]), [2]);
    }

    #[test]
    fn one_that_begins_later_ends_later() {
        let mut turns = begun(Order::Shortest, &[10, 30]);
        assert_eq!(count(&mut turns, &[true, false]), [0]);
        turns.begin(2);
        turns.reach(2, 15);
        assert_eq!(count(&mut turns, &[true, true, false]), NOBODY, "it may end at 10 + 15");
        turns.reach(2, 25);
        assert_eq!(count(&mut turns, &[true, true, true]), [1, 2], "it ended at 10 + 25");
    }

    #[test]
    fn what_a_broken_try_had_reached_stays_reached() {
        let mut turns = begun(Order::Shortest, &[40, 30]);
        turns.reach(0, 2);
        assert_eq!(count(&mut turns, &[false, true]), [1]);
    }

    #[test]
    fn late_is_who_has_run_as_long_as_the_median() {
        let mut turns = begun(Order::Shortest, &[10, 20, 40, 90]);
        let ended = [true, true, false, false];
        assert_eq!(turns.late([].into_iter(), stage(&ended)), 0);
        assert_eq!(count(&mut turns, &ended), [0, 1]);
        assert_eq!(turns.late([0, 1].into_iter(), stage(&ended)), 2);
        turns.begin(4);
        let ended = [true, true, false, false, false];
        assert_eq!(turns.late([0, 1].into_iter(), stage(&ended)), 2, "the new one has only begun");
    }

    #[test]
    fn none_begins_while_others_may_still_end_at_this_step() {
        let mut turns = begun(Order::Shortest, &[10, 10]);
        assert!(turns.settles(stage(&[false, false])), "nothing has been counted");
        assert!(!turns.settles(stage(&[false, false])), "nor has anything changed");
        assert_eq!(count(&mut turns, &[true, false]), [0]);
        assert!(!turns.settles(stage(&[true, false])));
        turns.reach(1, 11);
        assert!(turns.settles(stage(&[true, false])));
    }

    #[test]
    fn at_the_end_what_was_counted_goes_first() {
        let mut turns = begun(Order::Shortest, &[10, 50, 40, 20]);
        let ended = [true, true, true, false];
        assert_eq!(count(&mut turns, &ended), [0]);
        assert_eq!(turns.ended(stage(&ended)), [0, 2, 1]);
    }
}

//! The arithmetic of delays and restart limits.

use super::*;
use crate::supervision::backoff::Delays;
use crate::supervision::restarts::RestartWindow;

fn delays(backoff: Backoff, seed: u64, count: usize) -> Vec<Duration> {
    let mut delays = Delays::new(backoff, seed);
    (0..count).map(|_| delays.next()).collect()
}

#[test]
fn delays_grow_to_the_longest_and_stay() {
    assert_eq!(delays(doubling(), 0, 6), [1, 2, 4, 8, 8, 8].map(secs));
    let endless = Backoff::new(secs(1), f64::MAX, Duration::MAX, 0.0).unwrap();
    assert_eq!(delays(endless, 0, 3), [secs(1), Duration::MAX, Duration::MAX]);
}

#[test]
fn jitter_comes_from_the_seed_and_stays_in_its_share() {
    let jittered = Backoff::new(secs(100), 1.0, secs(100), 0.5).unwrap();
    let drawn = delays(jittered, 7, 1_000);
    assert_eq!(drawn, delays(jittered, 7, 1_000), "same seed, same delays");
    assert_ne!(drawn, delays(jittered, 8, 1_000), "another seed, other delays");
    let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
    assert!(*least >= secs(50) && *least < secs(51), "{least:?}");
    assert!(*most <= secs(100) && *most > secs(99), "{most:?}");
    let all = Backoff::new(Duration::from_millis(1), 1.0, secs(1), 1.0).unwrap();
    assert!(delays(all, 7, 1_000).iter().all(|delay| *delay >= Duration::from_millis(1)), "others get a turn");
}

#[test]
fn a_backoff_out_of_range_is_refused() {
    let check = |initial, factor, max, jitter| Backoff::new(initial, factor, max, jitter).unwrap_err();
    assert_eq!(check(Duration::ZERO, 2.0, secs(1), 0.5), InvalidBackoff::TooShort(Duration::ZERO));
    assert_eq!(check(secs(2), 2.0, secs(1), 0.5), InvalidBackoff::MaxBelowInitial { initial: secs(2), max: secs(1) });
    assert_eq!(check(secs(1), 0.9, secs(1), 0.5), InvalidBackoff::Factor(0.9));
    assert!(matches!(check(secs(1), f64::NAN, secs(1), 0.5), InvalidBackoff::Factor(_)));
    assert!(matches!(check(secs(1), f64::INFINITY, secs(1), 0.5), InvalidBackoff::Factor(_)));
    assert_eq!(check(secs(1), 2.0, secs(1), 1.1), InvalidBackoff::Jitter(1.1));
    assert!(matches!(check(secs(1), 2.0, secs(1), f64::NAN), InvalidBackoff::Jitter(_)));
}

/// Restarts at `times` (seconds) are admitted as `expected` under two within ten seconds.
fn check_window(times: &[u64], expected: &[bool]) {
    universe(async {
        let mut window = RestartWindow::new(RestartLimit { max: 2, within: secs(10) });
        let began = Instant::now();
        let admitted: Vec<_> = times.iter().map(|at| window.admit(began + secs(*at))).collect();
        assert_eq!(admitted, expected, "{times:?}");
    });
}

#[test]
fn the_limit_counts_within_a_sliding_span() {
    check_window(&[0, 0, 0], &[true, true, false]);
    check_window(&[0, 5, 9], &[true, true, false]);
    check_window(&[0, 5, 10, 14, 15], &[true, true, true, false, true]);
}

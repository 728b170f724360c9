use super::*;
use proptest::prelude::*;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}

#[test]
fn ln_gamma_agrees_with_scipy() {
    // scipy.special.gammaln
    for (x, value) in [
        (0.1, 2.252_712_651_734_206),
        (0.5, 0.572_364_942_924_7),
        (1.0, 0.0),
        (2.5, 0.284_682_870_472_919_2),
        (10.0, 12.801_827_480_081_469),
        (101.0, 363.739_375_555_563_47),
        (5_001.0, 37_591.143_508_876_77),
    ] {
        assert!(near(ln_gamma(x), value), "{x}: {}", ln_gamma(x));
    }
}

#[test]
fn laws_agree_with_scipy() {
    // scipy.stats 1.17: with M = canaries + controls, h = hypergeom(M, canaries, failed) and
    // f = nchypergeom_fisher(M, canaries, failed, odds): h.logpmf(k), h.sf(k - 1),
    // ln f.pmf(k) - h.logpmf(k), f.var().
    for (canaries, controls, failed, k, odds, ln_p, tail, ln_ratio, variance) in [
        (
            51,
            973,
            1,
            1,
            10.0,
            -2.999_646_172_875_941_4,
            0.049_804_687_5,
            1.932_234_556_456_553_7,
            0.225_632_011_072_688,
        ),
        (
            51,
            973,
            7,
            3,
            8.0,
            -5.693_371_872_904_315,
            0.003_539_808_705_383_052,
            4.170_637_204_408_901_5,
            1.401_706_345_825_304,
        ),
        (
            5,
            101,
            30,
            5,
            64.0,
            -6.566_861_019_075_231,
            0.001_406_204_540_801_483_1,
            6.344_498_902_971_455,
            0.205_513_076_014_434_14,
        ),
        (
            20,
            20,
            10,
            8,
            2.0,
            -3.567_167_658_344_879_5,
            0.032_416_580_803_677_59,
            1.621_660_912_652_697,
            1.819_705_791_724_637,
        ),
        (
            300,
            700,
            120,
            30,
            4.0,
            -3.257_867_072_632_734_6,
            0.917_960_161_065_853,
            -31.660_395_275_152_19,
            24.883_965_120_605_524,
        ),
    ] {
        let draw = Draw { canaries, controls, failed };
        assert!(near(draw.ln_probability(k), ln_p), "{draw:?}");
        assert!(near(draw.at_least(k), tail), "{draw:?}");
        assert!(near(draw.ln_ratio(k, odds), ln_ratio), "{draw:?}");
        assert!((draw.variance(odds) - variance).abs() < 1e-6, "{draw:?} {}", draw.variance(odds));
    }
}

#[test]
fn one_failure_is_coxs_term() {
    let draw = Draw { canaries: 51, controls: 973, failed: 1 };
    let share = 51.0 / 1_024.0;
    let total: f64 = 8.0 * share + (1.0 - share);
    assert!(near(draw.ln_ratio(1, 8.0), (8.0 / total).ln()));
    assert!(near(draw.ln_ratio(0, 8.0), (1.0 / total).ln()));
}

proptest! {
    #[test]
    fn the_ratio_has_mean_one(canaries in 0_u64..40, controls in 0_u64..200, failed in 1_u64..60,
                              odds in 0.01_f64..100.0) {
        prop_assume!(failed <= canaries + controls);
        let draw = Draw { canaries, controls, failed };
        let mean: f64 =
            draw.support().map(|k| (draw.ln_probability(k) + draw.ln_ratio(k, odds)).exp()).sum();
        prop_assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        prop_assert!((draw.at_least(0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_first_significant_is_the_first(canaries in 1_u64..40, controls in 0_u64..200,
                                          failed in 1_u64..60) {
        prop_assume!(failed <= canaries + controls);
        let draw = Draw { canaries, controls, failed };
        match draw.first_significant(0.01) {
            Some(from) => {
                prop_assert!(draw.at_least(from) < 0.01);
                prop_assert!(from == *draw.support().start() || draw.at_least(from - 1) >= 0.01);
            }
            None => prop_assert!(draw.at_least(*draw.support().end()) >= 0.01),
        }
    }
}

//! With whom canaries are compared, when some hosts rebooted onto the kernel they ran already.
//!
//! A reboot alone changes a host: empty caches, fresh fragmentation, other interrupts. What
//! placebo hosts show too must not be blamed on the kernel.
//!
//! - From eight placebo hosts on, and at least as many as canaries: they alone are the reference.
//! - From three on: if an exact two-sided test at 20 % does not tell them from the controls, both
//!   together are the reference; else the controls, moved by the upper 90 % bound of the reboot's
//!   effect. In both cases canaries must stand out from the placebo hosts as well (10 %).
//! - One or two: the controls, moved by as much as the worse of them lies above the best control.
//! - None: the controls; then a reboot's effect and a kernel's cannot be told apart.

use super::ranksum::Nulls;
use super::robust::sorted;
use super::shift::upper_bound;

const PLACEBO_ALONE: usize = 8;
const PLACEBO_FEW: usize = 3;
const AGREE_LEVEL: f64 = 0.2;
const STAND_OUT_LEVEL: f64 = 0.1;

/// Whom canaries are compared with.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// Sorted; a reboot's effect is already in it.
    pub(crate) scores: Vec<f64>,
    /// Sorted placebo scores from which canaries must stand out too.
    also: Vec<f64>,
    pub(crate) says: &'static str,
}

impl Reference {
    pub(crate) fn of(nulls: &mut Nulls, n: usize, controls: &[f64], placebo: &[f64]) -> Self {
        let (controls, placebo) = (sorted(controls), sorted(placebo));
        let count = placebo.len();
        if count == 0 {
            return Self {
                scores: controls,
                also: vec![],
                says: "controls; no placebo: a reboot's own effect is not taken out",
            };
        }
        if (count >= PLACEBO_ALONE && count >= n) || controls.is_empty() {
            return Self { scores: placebo, also: vec![], says: "placebo hosts" };
        }
        let moved = |by: f64, also: Vec<f64>, says| {
            let scores = controls.iter().map(|c| c + by.max(0.0)).collect();
            Self { scores, also, says }
        };
        if count < PLACEBO_FEW {
            // One reboot may have met a host on its best day.
            let most = placebo[count - 1] - controls[0];
            return moved(most, vec![], "controls, moved by the most a placebo reboot can mean");
        }
        let worse = nulls.upper(&placebo, &controls, AGREE_LEVEL).p;
        let better = nulls.upper(&controls, &placebo, AGREE_LEVEL).p;
        if 2.0 * worse.min(better) > AGREE_LEVEL {
            let scores = sorted(&[controls, placebo.clone()].concat());
            return Self { scores, also: placebo, says: "controls and placebo hosts, which agree" };
        }
        let most = upper_bound(nulls, &placebo, &controls, 0.1)
            .unwrap_or(placebo[count - 1] - controls[0]);
        moved(most, placebo, "controls, moved by the upper bound of the reboot's own effect")
    }

    /// Evidence that sorted `canaries` are worse than the reference; values far above `level`
    /// may be approximate.
    pub(crate) fn upper(&self, nulls: &mut Nulls, canaries: &[f64], level: f64) -> f64 {
        let p = nulls.upper(canaries, &self.scores, level).p;
        let stands_out = self.also.is_empty()
            || nulls.upper(canaries, &self.also, STAND_OUT_LEVEL).p <= STAND_OUT_LEVEL;
        if stands_out { p } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::simulate::Noise;

    fn normals(noise: &mut Noise, n: usize, shift: f64) -> Vec<f64> {
        (0..n).map(|_| noise.normal() + shift).collect()
    }

    #[test]
    fn a_reboot_effect_is_not_blamed_on_the_kernel() {
        let mut noise = Noise::new(3);
        for placebos in [1, 3, 5, 10] {
            let mut blamed = 0;
            for _ in 0..300 {
                let controls = normals(&mut noise, 40, 0.0);
                let placebo = normals(&mut noise, placebos, 4.0);
                let canaries = sorted(&normals(&mut noise, 5, 4.0));
                let mut nulls = Nulls::new();
                let reference = Reference::of(&mut nulls, 5, &controls, &placebo);
                blamed += usize::from(reference.upper(&mut nulls, &canaries, 0.01) <= 0.01);
            }
            assert!(blamed <= 6, "{placebos} placebos: {blamed} of 300");
        }
    }

    #[test]
    fn a_kernel_effect_is_found_beside_placebos_that_changed_nothing() {
        let mut noise = Noise::new(4);
        let controls = normals(&mut noise, 40, 0.0);
        let placebo = normals(&mut noise, 3, 0.0);
        let canaries = sorted(&normals(&mut noise, 5, 6.0));
        let mut nulls = Nulls::new();
        let reference = Reference::of(&mut nulls, 5, &controls, &placebo);
        assert!(reference.upper(&mut nulls, &canaries, 0.01) < 1e-4, "{}", reference.says);
    }
}

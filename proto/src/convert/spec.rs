//! What operators want: the rollout's specification.

use wavegate_common::judge::{Goal, JudgeRule, MetricRule};
use wavegate_common::spec::{
    Bound, Budget, CanaryRule, GateRule, Limits, RollbackRule, RolloutSpec, SignalRule, Waiver,
};
use wavegate_common::window::{DayTime, Weekday, Window};

use super::field::OnWire;
use super::invalid::{At, Invalid, NAME};
use super::shape::{choice, enumeration, record};

choice!(Bound in bound { Count(count), Share(share) });
choice!(Budget in budget {
    PerDomain { key[NAME], max_down },
    Selected { selector, max_down },
});
record!(Waiver = Waiver { class, by[NAME], reason });
record!(CanaryRule = CanaryRule { per_class, at_least, waive });
record!(GateRule = GateRule { canary_failures, class_failures, failures, reporting });
enumeration!(Weekday { Mon, Tue, Wed, Thu, Fri, Sat, Sun });

impl OnWire<u32> for DayTime {
    fn read(wire: u32, at: &At<'_>) -> Result<Self, Invalid> {
        match u16::try_from(wire) {
            Ok(minutes) if minutes <= 24 * 60 => Ok(Self(minutes)),
            _ => Err(at.invalid(format!("{wire} minutes are more than a day has"))),
        }
    }
    fn write(&self) -> u32 {
        self.0.into()
    }
}

record!(Window = Window { days, from, to, zone[NAME] });
record!(Limits = Limits { drain, boot, verify, soak, order });
record!(SignalRule = SignalRule { source[NAME], margin, min_exposure, max_wait });
enumeration!(RollbackRule { Manual, OnGateFailure });
enumeration!(Goal { Lower, Higher });
record!(MetricRule = MetricRule { name, better, min_effect, margin });
record!(JudgeRule = JudgeRule { metrics, alpha, looks, warm_up, max_wait });
record!(RolloutSpec = RolloutSpec {
    name[NAME], release, selector, canary, waves, holdback, bake, gate, judge, budgets, windows,
    method, limits, rollback, signals,
});

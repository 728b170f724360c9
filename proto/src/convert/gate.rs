//! What the gate's statistics say.

use wavegate_common::assess::{Assessment, ClassAssessment, MetricAssessment, Says};
use wavegate_common::view::{AcceptedClass, GateView, ReplayView, ReplayedClass, ReplayedVerdict};

use super::invalid::{EVIDENCE, HOSTS, LONG, NAME, PAGE};
use super::shape::{enumeration, record};

enumeration!(Says { Pass, Fail, Extend, Inconclusive });
record!(MetricAssessment = MetricAssessment {
    metric, says, effect_ppm, interval_ppm, detectable_ppm, hosts_used, controls_used,
    decided_at_host, evidence[EVIDENCE], worst[HOSTS],
});
record!(ClassAssessment = ClassAssessment { class, verdict, metrics });
record!(Assessment = Assessment { at, evidence, classes });
record!(AcceptedClass = AcceptedClass { class, words[LONG] });
record!(GateView = GateView { rollout[NAME], accepted, assessment });
record!(ReplayedClass = ReplayedClass { class, stored[NAME], replayed[NAME] });
record!(ReplayedVerdict = ReplayedVerdict { at, evidence, identical, classes });
record!(ReplayView = ReplayView { rollout[NAME], verdicts[PAGE] });

//! The network between agents and controllers: loses, delays, doubles, reorders, partitions.

use wavegate_common::Millis;
use wavegate_simfleet::{Dice, Span};

/// How bad a network is. Shares are in millionths of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// Lost.
    pub loss_ppm: u32,
    /// Delivered a second time, later.
    pub double_ppm: u32,
    /// Late by minutes.
    pub late_ppm: u32,
    /// How long the others take.
    pub delay: Span,
}

impl Weather {
    /// A network as it should be.
    pub const FAIR: Self =
        Self { loss_ppm: 0, double_ppm: 0, late_ppm: 0, delay: Span::millis(1, 40) };
}

/// The network.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) weather: Weather,
    cut: Vec<bool>,
    dice: Dice,
}

impl Network {
    pub(super) fn new(weather: Weather, hosts: usize, dice: Dice) -> Self {
        Self { weather, cut: vec![false; hosts], dice }
    }

    /// Whether a host is cut off.
    pub(super) fn is_cut(&self, host: u32) -> bool {
        self.cut.get(host as usize).copied().unwrap_or(true)
    }

    pub(super) fn set_cut(&mut self, host: u32, cut: bool) {
        if let Some(place) = self.cut.get_mut(host as usize) {
            *place = cut;
        }
    }

    pub(super) fn mend(&mut self) {
        self.cut.iter_mut().for_each(|cut| *cut = false);
        self.weather = Weather::FAIR;
    }

    /// How long each copy of a message takes; none are left of a lost one.
    pub(super) fn delays(&mut self, host: u32) -> [Option<Millis>; 2] {
        if self.is_cut(host) || self.dice.chance(self.weather.loss_ppm) {
            return [None, None];
        }
        let first = self.one_delay();
        let second = self.dice.chance(self.weather.double_ppm).then(|| self.late());
        [Some(first), second]
    }

    fn one_delay(&mut self) -> Millis {
        if self.dice.chance(self.weather.late_ppm) {
            self.late()
        } else {
            self.weather.delay.sample(&mut self.dice)
        }
    }

    fn late(&mut self) -> Millis {
        // Half of the late ones by seconds, where races are; the others by up to a quarter hour.
        let span =
            if self.dice.chance(500_000) { Span::millis(100, 12_000) } else { Span::secs(10, 900) };
        span.sample(&mut self.dice)
    }
}

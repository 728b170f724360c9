use super::super::Courier;
use super::*;

const EVERY: Millis = Millis::secs(100);

fn secs(secs: u64) -> Millis {
    Millis::secs(secs)
}

#[test]
fn nothing_is_sent_to_a_controller_that_does_not_ask_for_it() {
    let mut courier = Courier::default();
    courier.news(secs(1), 7);
    assert_eq!(courier.due(), None, "no stream");
    courier.up(Millis(0), secs(1), 7);
    courier.news(secs(1), 7);
    assert_eq!(courier.due(), None);
}

#[test]
fn hosts_spread_and_wait_for_the_answer() {
    let mut courier = Courier::default();
    courier.up(EVERY, secs(10), 30_000);
    assert_eq!(courier.due(), Some(secs(40)));
    courier.news(secs(11), 0);
    assert_eq!(courier.due(), Some(secs(40)), "news do not make it earlier");
    assert!(!courier.is_due(secs(39)) && courier.is_due(secs(40)));
    courier.sent(Some(5), secs(40));
    courier.acked(4, true, secs(41));
    courier.news(secs(41), 0);
    assert_eq!(courier.due(), Some(secs(440)), "the answer that is waited for has not come");
    courier.acked(5, true, secs(42));
    assert_eq!(courier.due(), Some(secs(142)), "more follows in the next span");
    courier.sent(Some(9), secs(142));
    courier.acked(9, false, secs(143));
    assert_eq!(courier.due(), None);
    courier.news(secs(300), 100_000);
    assert_eq!(courier.due(), Some(secs(400)));
    courier.sent(None, secs(400));
    assert_eq!(courier.due(), None);
}

#[test]
fn without_an_answer_it_is_sent_again_and_a_lost_stream_ends_all() {
    let mut courier = Courier::default();
    courier.up(Millis::secs(1), secs(0), 0);
    courier.sent(Some(5), secs(0));
    assert!(!courier.is_due(secs(59)) && courier.is_due(secs(60)));
    courier.down();
    assert_eq!(courier.due(), None);
    courier.acked(5, true, secs(61));
    assert_eq!(courier.due(), None, "the answer of a stream that is gone");
}

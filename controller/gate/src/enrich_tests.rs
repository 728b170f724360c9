use super::*;
use proptest::prelude::*;

fn host(bad: bool, attributes: &[(&str, &str)]) -> Exposed {
    let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Exposed { bad, attributes }
}

/// Sixty hosts in four classes, two drivers, three firmwares; `bad` picks the bad ones.
fn fleet(bad: impl Fn((usize, &str, &str, &str)) -> bool) -> Vec<Exposed> {
    (0..60)
        .map(|k| {
            let class = ["web", "db", "cache", "build"][k % 4];
            let driver = if k % 4 < 2 { "ice" } else { "mlx5" };
            let firmware = ["1.0", "1.1", "2.0"][(k / 4) % 3];
            let all = [("class", class), ("driver", driver), ("firmware", firmware), ("os", "12")];
            host(bad((k, class, driver, firmware)), &all)
        })
        .collect()
}

fn name(hosts: &[Exposed]) -> Option<String> {
    explain(hosts).map(|e| format!("{}={}", e.attributes[0].0, e.attributes[0].1))
}

#[test]
fn finds_the_narrowest_attribute() {
    assert_eq!(name(&fleet(|(_, class, ..)| class == "db")).unwrap(), "class=db");
    assert_eq!(name(&fleet(|(_, _, driver, _)| driver == "mlx5")).unwrap(), "driver=mlx5");
    assert_eq!(name(&fleet(|(_, _, _, fw)| fw == "2.0")).unwrap(), "firmware=2.0");
    // Four of the fifteen hosts of a class, nobody else: the driver covers them too, but spares
    // fewer good hosts.
    let some = explain(&fleet(|(k, class, ..)| class == "db" && k < 17)).unwrap();
    assert_eq!(some.attributes, [("class".to_owned(), "db".to_owned())]);
    assert_eq!((some.covered, some.bad, some.good), (4, 4, 11));
    // scipy.stats.hypergeom(60, 15, 4).sf(3) = 0.002799224830, of 9 values that not all hosts have.
    assert!((some.chance - 9.0 * 0.002_799_224_830).abs() < 1e-8, "{}", some.chance);
}

#[test]
fn without_structure_nothing_is_blamed() {
    assert_eq!(name(&fleet(|(k, ..)| k % 7 == 0)), None);
    assert_eq!(name(&fleet(|_| true)), None);
    assert_eq!(name(&fleet(|(k, ..)| k == 5)), None);
    assert_eq!(name(&fleet(|_| false)), None);
    assert_eq!(explain(&[]), None);
}

#[test]
fn a_host_that_fails_anyway_does_not_hide_the_cause() {
    let e = explain(&fleet(|(k, class, ..)| class == "cache" || k == 0)).unwrap();
    assert_eq!(e.attributes, [("class".to_owned(), "cache".to_owned())]);
    assert_eq!((e.covered, e.bad, e.good), (15, 16, 0));
}

#[test]
fn attributes_of_the_same_hosts_are_named_together() {
    let hosts: Vec<Exposed> = (0..40)
        .map(|k| {
            let own = k % 8 == 0;
            let value = if own { "x" } else { "y" };
            host(own, &[("board", value), ("bios", value)])
        })
        .collect();
    let e = explain(&hosts).unwrap();
    let names: Vec<&str> = e.attributes.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(names, ["bios", "board"]);
}

proptest! {
    #[test]
    fn the_order_of_hosts_does_not_matter(
        flags in prop::collection::vec((any::<bool>(), 0_u8..3, 0_u8..4), 2..40),
        turn in 0_usize..40,
    ) {
        let mut hosts: Vec<Exposed> = flags
            .iter()
            .map(|(bad, a, b)| host(*bad, &[("a", &a.to_string()), ("b", &b.to_string())]))
            .collect();
        let first = explain(&hosts);
        let by = turn % hosts.len();
        hosts.rotate_left(by);
        prop_assert_eq!(first, explain(&hosts));
    }
}

use jiff::SignedDuration;

use super::*;
use crate::tls::{Pair, load_pair};

const NAME: &str = "portcullis.guard.svc";

fn names() -> Vec<String> {
    vec![NAME.to_owned()]
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn start() -> Timestamp {
    at("2026-05-01T00:00:00Z")
}

/// A Secret, and everything that it has held.
struct Life {
    lifetimes: Lifetimes,
    now: Timestamp,
    written: Vec<(Timestamp, Contents)>,
    changes: Vec<(Timestamp, Change)>,
    /// How much later than the Secret the registration is; None where nobody knows of it.
    registrar_lags: Option<Duration>,
    /// How much later than the Secret others serve what is in it.
    replica_lags: Duration,
}

impl Life {
    fn new(lifetimes: Lifetimes, registrar_lags: Option<Duration>, replica_lags: Duration) -> Self {
        let written = vec![(Timestamp::MIN, Contents::default())];
        Self { lifetimes, now: start(), written, changes: Vec::new(), registrar_lags, replica_lags }
    }

    fn contents(&self) -> &Contents {
        &self.written.last().unwrap().1
    }

    /// What the Secret held so long ago.
    fn before(&self, lag: Duration) -> &Contents {
        let then = minus(self.now, lag);
        &self.written.iter().rev().find(|(since, _)| *since <= then).unwrap_or(&self.written[0]).1
    }

    fn bundle(&self) -> Bundle {
        let lag = self.registrar_lags.unwrap_or(self.lifetimes.settling() / 2);
        Bundle::read(&self.before(lag).ca_crt).0
    }

    fn held(&self) -> Held {
        Held::read(self.contents(), None, &names(), self.now)
    }

    /// Does everything that is due; until when there is nothing more.
    fn act(&mut self) -> Timestamp {
        for _ in 0..10 {
            let held = self.held();
            let registered = self.registrar_lags.map(|_| self.bundle().pem());
            match next(&held, &self.lifetimes, registered.as_deref(), self.now) {
                Step::Wait(until) => return until,
                Step::Take(change) => self.take(change, &held),
            }
        }
        panic!("it never comes to rest: {:?}", self.changes);
    }

    fn take(&mut self, change: Change, held: &Held) {
        let contents = take(change, held, &self.lifetimes, &names(), self.now).unwrap();
        if change == Change::Switch {
            // INVARIANT: it was published before.
            let published = &self.before(self.lifetimes.settling() / 2).ca_crt;
            let signing = Authority::read(&contents.ca_crt).unwrap();
            assert!(Bundle::read(published).0.holds(&signing.der), "{}: signs with an unpublished CA", self.now);
        }
        self.changes.push((self.now, change));
        self.written.push((self.now, contents));
    }

    /// Whoever serves what is in the Secret, now or a while ago, is believed by whoever heard of the CAs now or a while ago.
    fn assert_believed(&self) {
        let begun = self.written[1].0 + SignedDuration::try_from(self.replica_lags * 2).unwrap();
        if self.now
            < begun.max(plus(self.written[1].0, self.registrar_lags.unwrap_or_default() + self.lifetimes.settling()))
        {
            return;
        }
        for lag in [Duration::ZERO, self.replica_lags] {
            let served = pair(self.before(lag), self.now);
            for bundle in [self.bundle(), Bundle::read(&self.contents().ca_crt).0] {
                served.is_signed_by(&bundle, self.now).unwrap_or_else(|why| {
                    panic!("{}: served {lag:?} late: {why}: {:?}", self.now, self.changes.last())
                });
            }
        }
    }

    fn live_until(&mut self, end: Timestamp, most: Duration) {
        while self.now < end {
            let until = self.act();
            assert!(until > self.now, "{}: nothing until {until}", self.now);
            self.assert_believed();
            self.now = until.min(plus(self.now, most)).max(plus(self.now, Duration::from_secs(1)));
            self.assert_believed();
        }
    }

    fn count(&self, change: Change) -> usize {
        self.changes.iter().filter(|(_, made)| *made == change).count()
    }
}

fn pair(contents: &Contents, now: Timestamp) -> Pair {
    load_pair(contents.tls_crt.as_bytes(), contents.tls_key.as_bytes(), now)
        .unwrap_or_else(|why| panic!("{now}: {why}"))
}

#[test]
fn twenty_years_pass_and_whatever_is_served_is_believed() {
    let day = made::days(1);
    for (registrar_lags, replica_lags) in [
        (Some(day), day * 15),
        (Some(day * 100), Duration::ZERO),
        // Nobody knows what callers were told: they hear of it half as late as they may.
        (None, day * 15),
    ] {
        let mut life = Life::new(Lifetimes::default(), registrar_lags, replica_lags);
        life.live_until(at("2046-05-01T00:00:00Z"), day * 45);
        assert_eq!(life.count(Change::Begin), 1);
        // A CA that was published before it signed signs for forty months.
        assert_eq!(life.count(Change::Switch), 5, "{:?}", life.changes);
        assert_eq!((life.count(Change::Publish), life.count(Change::Forget)), (6, 5));
        let renewed = life.count(Change::Renew) + life.count(Change::Switch);
        assert!((180..195).contains(&renewed), "every forty days: {renewed}");
        assert!(life.written.iter().all(|(_, contents)| contents.ca_crt.matches("BEGIN").count() <= 2));
    }
}

#[test]
fn two_minute_certificates_live_as_long_ones_do() {
    let second = Duration::from_secs(1);
    let lifetimes = Lifetimes { ca: second * 600, leaf: second * 120 };
    for (registrar_lags, replica_lags) in
        [(Some(Duration::ZERO), Duration::ZERO), (Some(second * 30), second * 30), (None, second * 30)]
    {
        let mut life = Life::new(lifetimes, registrar_lags, replica_lags);
        life.live_until(start() + SignedDuration::from_hours(2), second * 5);
        assert_eq!(life.count(Change::Begin), 1);
        assert_eq!(life.count(Change::Switch), 17, "{:?}", life.changes);
    }
}

#[test]
fn a_ca_that_callers_were_not_told_of_signs_only_when_nothing_else_can() {
    let mut life = Life::new(Lifetimes::default(), Some(Duration::ZERO), Duration::ZERO);
    life.act();
    let first = life.contents().ca_crt.clone();
    let end = Authority::read(&first).unwrap().facts.not_after;
    let mut switched = None;
    while life.now < end {
        let held = life.held();
        match next(&held, &life.lifetimes, Some(&first), life.now) {
            Step::Wait(until) => life.now = until,
            Step::Take(change) => {
                life.changes.push((life.now, change));
                let contents = take(change, &held, &life.lifetimes, &names(), life.now).unwrap();
                life.written.push((life.now, contents));
                if change == Change::Switch {
                    switched = Some(life.now);
                    break;
                }
            }
        }
        let served = pair(life.contents(), life.now);
        served.is_signed_by(&Bundle::read(&first).0, life.now).unwrap();
    }
    let days_before_the_end = (end.as_second() - switched.unwrap().as_second()) / 60 / 60 / 24;
    assert!((0..20).contains(&days_before_the_end), "{days_before_the_end}");
}

#[test]
fn a_leader_that_comes_back_late_does_what_is_still_of_use() {
    let day = made::days(1);
    for (away, changes) in [
        // The leaf has expired; its CA has not.
        (day * 100, vec![Change::Renew]),
        // The next CA is late, but not too late.
        (day * 1600, vec![Change::Renew, Change::Publish]),
        (day * 2000, vec![Change::Begin]),
    ] {
        let mut life = Life::new(Lifetimes::default(), Some(Duration::ZERO), Duration::ZERO);
        life.act();
        life.now = plus(life.now, away);
        life.act();
        let done: Vec<_> = life.changes.iter().skip(1).map(|(_, change)| *change).collect();
        assert_eq!(done, changes, "after {away:?}");
    }
}

/// A life that has come to the middle of its first leaf.
fn begun() -> Life {
    let mut life = Life::new(Lifetimes::default(), Some(Duration::ZERO), Duration::ZERO);
    life.act();
    life.now = plus(life.now, made::days(20));
    life
}

fn garbage() -> String {
    "-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n".to_owned()
}

fn foreign() -> Contents {
    let mut other = Life::new(Lifetimes::default(), None, Duration::ZERO);
    other.act();
    other.contents().clone()
}

type Damage<'a> = Box<dyn Fn(&mut Contents) + 'a>;

/// What is done, one after the other, about contents that were damaged while the good ones were served, and what is so in the
/// end.
fn mended(damage: impl Fn(&mut Contents), remembers: bool) -> (Vec<Change>, Life, Contents) {
    let mut life = begun();
    let good = life.contents().clone();
    let mut damaged = good.clone();
    damage(&mut damaged);
    life.written.push((life.now, damaged));
    let mut changes = Vec::new();
    let mut served = remembers.then(|| good.clone());
    for _ in 0..5 {
        let held = Held::read(life.contents(), served.as_ref(), &names(), life.now);
        assert!(!changes.is_empty() || !held.problems.is_empty() || life.contents().is_empty(), "no problem is told");
        let registered = Bundle::read(&life.contents().ca_crt).0.pem();
        let Step::Take(change) = next(&held, &life.lifetimes, Some(&registered), life.now) else {
            life.now = plus(life.now, Duration::from_mins(1));
            continue;
        };
        changes.push(change);
        let contents = take(change, &held, &life.lifetimes, &names(), life.now).unwrap();
        let (pair, bundle) = contents.served(&names(), life.now).expect("what is written can be served");
        // Who still serves the good pair is believed.
        if remembers {
            self::pair(&good, life.now).is_signed_by(&bundle, life.now).expect("the old leaf is believed");
        }
        drop(pair);
        served = Some(contents.clone());
        life.written.push((life.now, contents));
    }
    (changes, life, good)
}

#[test]
fn what_is_broken_is_made_anew_and_what_is_good_is_kept() {
    let other = foreign();
    let cases: [(&str, Damage<'_>, &[Change], bool); 8] = [
        ("the leaf is garbage", Box::new(|it| it.tls_crt = garbage()), &[Change::Renew], true),
        ("the leaf is gone", Box::new(|it| it.tls_crt.clear()), &[Change::Renew], true),
        ("the key is of another pair", Box::new(|it| it.tls_key.clone_from(&other.tls_key)), &[Change::Renew], true),
        (
            "another CA's leaf",
            Box::new(|it| (it.tls_crt, it.tls_key) = (other.tls_crt.clone(), other.tls_key.clone())),
            &[Change::Renew],
            true,
        ),
        ("the CA is garbage", Box::new(|it| it.ca_crt = garbage()), &[Change::Restore], true),
        ("the CA's key is gone", Box::new(|it| it.ca_key.clear()), &[Change::Publish, Change::Switch], false),
        (
            "the CA's key is another's",
            Box::new(|it| it.ca_key.clone_from(&other.ca_key)),
            &[Change::Publish, Change::Switch],
            false,
        ),
        (
            "all is gone",
            Box::new(|it| *it = Contents::default()),
            &[Change::Restore, Change::Publish, Change::Switch],
            false,
        ),
    ];
    for (case, damage, expected, keeps_ca) in cases {
        let (changes, life, good) = mended(damage, true);
        assert_eq!(changes, expected, "{case}");
        assert_eq!(life.contents().ca_key == good.ca_key, keeps_ca, "{case}");
        assert!(Held::read(life.contents(), None, &names(), life.now).problems.is_empty(), "{case}");
    }
}

#[test]
fn who_remembers_nothing_begins_anew_only_where_nothing_can_be_kept() {
    let cases: [(&str, Damage<'_>, &[Change]); 3] = [
        ("the leaf is garbage", Box::new(|it| it.tls_crt = garbage()), &[Change::Renew]),
        ("the CA is garbage", Box::new(|it| it.ca_crt = garbage()), &[Change::Begin]),
        (
            "all but the CA's certificate is garbage",
            Box::new(|it| {
                *it = Contents { ca_crt: it.ca_crt.clone(), tls_key: garbage(), ..Contents::default() };
            }),
            &[Change::Begin],
        ),
    ];
    for (case, damage, expected) in cases {
        let (changes, life, good) = mended(damage, false);
        assert_eq!(changes, expected, "{case}");
        let first = Authority::read(&good.ca_crt).unwrap();
        let kept = Bundle::read(&life.contents().ca_crt).0.holds(&first.der);
        assert_eq!(kept, !case.starts_with("the CA is"), "{case}: what others may serve still is believed");
    }
}

#[test]
fn a_clock_that_is_behind_breaks_nothing() {
    let mut life = begun();
    life.now = at("2020-01-01T00:00:00Z");
    let held = life.held();
    assert_eq!(next(&held, &life.lifetimes, None, life.now), Step::Wait(at("2026-04-30T23:00:00Z")));
    assert!(
        held.problems.iter().any(|problem| problem.contains("by the clock of this machine")),
        "{:?}",
        held.problems
    );
}

#[test]
fn another_name_for_the_service_needs_another_leaf() {
    let life = begun();
    let names = vec!["portcullis.elsewhere.svc".to_owned()];
    let held = Held::read(life.contents(), Some(life.contents()), &names, life.now);
    assert_eq!(next(&held, &life.lifetimes, None, life.now), Step::Take(Change::Renew));
    let contents = take(Change::Renew, &held, &life.lifetimes, &names, life.now).unwrap();
    assert!(contents.served(&names, life.now).is_ok());
    assert_eq!(contents.ca_key, life.contents().ca_key);
}

#[test]
fn keys_are_never_shown() {
    let contents = foreign();
    assert_eq!(format!("{contents:?}"), r#"["ca.crt", "ca.key", "tls.crt", "tls.key"]"#);
    let held = Held::read(&contents, None, &names(), start());
    assert!(!format!("{held:?}").contains("PRIVATE KEY"));
}

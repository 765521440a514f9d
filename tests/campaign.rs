//! The campaign against a collector (`docs/campaign.md`): hostile requests of every kind, half of them by who has a
//! token, beside somebody who means well. A seed makes the same requests again.
//!
//! `PICOLLECT_CAMPAIGN` is how many requests each generator makes, `PICOLLECT_CAMPAIGN_SEED` the seed.

mod attacked;
mod bodies;
mod credentials;
mod damaged;
mod good_client;
mod hostile;
mod pages;
mod promql;
mod table;
mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use self::attacked::{Attacked, MOST_MIB};
use self::good_client::GoodClient;
use self::hostile::{Generator, Rng, post};
use self::table::{Table, Tally};
use self::wire::{Outcome, Wire};

/// Requests of each generator in the quick form.
const USUAL: usize = 30;
/// Attackers at once; more would measure how the machine shares its processors.
const ATTACKERS: usize = 4;
/// A generator that is dear makes one in so many in the quick form.
const DEAR: usize = 10;

fn generators() -> Vec<&'static Generator> {
    let all = [
        damaged::GENERATORS,
        credentials::GENERATORS,
        bodies::GENERATORS,
        promql::GENERATORS,
        pages::GENERATORS,
    ];
    all.into_iter().flatten().collect()
}

fn set_by(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// The request of a generator that has this number.
fn dice(seed: u64, generator: usize, number: usize) -> Rng {
    Rng::with_seed(seed ^ ((generator as u64) << 48) ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Takes numbers until none is left: of each generator its first request, then of each its second.
fn attack(attacked: &Attacked, next: &AtomicUsize, each: usize, seed: u64) -> Vec<Tally> {
    let generators = generators();
    let (secrets, mut wire) = (attacked.secrets(), Wire::new(attacked.address()));
    let mut tallies = vec![Tally::default(); generators.len()];
    loop {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        let (number, index) = (turn / generators.len(), turn % generators.len());
        if number >= each {
            return tallies;
        }
        let generator = generators[index];
        if generator.dear && each <= USUAL && number % DEAR != 0 {
            continue;
        }
        let hostile = (generator.make)(&mut dice(seed, index, number), &attacked.keys);
        let outcome = if hostile.may_close { wire.throw(&hostile.bytes) } else { wire.ask(&hostile.bytes) };
        tallies[index].count(&hostile, &outcome, &secrets);
    }
}

#[test]
fn hostile_requests_are_refused_and_a_good_client_is_served_meanwhile() {
    let seed = set_by("PICOLLECT_CAMPAIGN_SEED").unwrap_or_else(|| fastrand::u64(..));
    let each = set_by("PICOLLECT_CAMPAIGN").map_or(USUAL, |each| each.try_into().expect("a number"));
    println!("PICOLLECT_CAMPAIGN={each} PICOLLECT_CAMPAIGN_SEED={seed}");
    let attacked = Attacked::start();
    let mut first = Wire::new(attacked.address());
    let stored = first.ask(&post("/api/v2/write", Some(&attacked.keys.write), b"kept,host=good f=1"));
    assert!(matches!(stored, Outcome::Answered(204, _)), "{stored:?}");
    // What is open beside the one connection that was just answered.
    let (descriptors, sockets) = attacked.descriptors();
    let (descriptors, sockets) = (descriptors - 1, sockets - 1);
    drop(first);

    let (began, next) = (Instant::now(), AtomicUsize::new(0));
    let good = GoodClient::start(attacked.address(), &attacked.keys);
    let tallies = thread::scope(|scope| {
        let attackers: Vec<_> =
            (0..ATTACKERS).map(|_| scope.spawn(|| attack(&attacked, &next, each, seed))).collect();
        attackers.into_iter().map(|one| one.join().expect("an attacker")).collect::<Vec<_>>()
    });
    let served = good.served();
    let mut table: Vec<_> = generators().into_iter().map(|generator| (generator, Tally::default())).collect();
    for tallies in tallies {
        table.iter_mut().zip(tallies).for_each(|((_, sum), tally)| sum.add(tally));
    }
    let table = Table(table);
    attacked.wait_for_sockets(sockets);
    let (peak_mib, after) = (attacked.peak_mib(), attacked.descriptors().0);
    println!("{table}in {:.0} s; peak memory {peak_mib} MiB", began.elapsed().as_secs_f64());
    println!("descriptors before {descriptors}, after {after}; a good client: {served}");

    assert_eq!(table.wrong(), "", "seed {seed}");
    assert_eq!(served.wrong, Vec::<String>::new(), "seed {seed}");
    assert_eq!(attacked.hostile_series(), Vec::<String>::new(), "seed {seed}: it was stored");
    assert_eq!(attacked.panics(), "", "seed {seed}");
    assert!(peak_mib <= MOST_MIB, "seed {seed}: {peak_mib} MiB");
}

#[test]
fn there_are_at_least_sixty_generators_and_half_are_past_authentication() {
    let all = generators();
    let known = all.iter().filter(|generator| generator.known).count();
    assert!(all.len() >= 60 && 2 * known >= all.len(), "{} of {} come with a token", known, all.len());
    for (index, generator) in all.iter().enumerate() {
        assert!(
            all[..index].iter().all(|other| (other.name, other.kind) != (generator.name, generator.kind))
        );
    }
}

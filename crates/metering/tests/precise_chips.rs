//! An INA228 and its sisters on a bus: joules that are right, and a brown-out that is a gap and no zero.

use std::time::Duration;

use picollect_i2c_model::i2c_bus::SimulatedBus;
use picollect_i2c_model::ina219_model::Supply;
use picollect_i2c_model::ina228_model::Ina228Model;
use picollect_metering::bus::{BusMeters, group};
use picollect_metering::settings::MeterSettings;

const SHUNT_OHM: f64 = 0.01;
const SECOND: Duration = Duration::from_secs(1);

/// A load that steps every 0.7 s between 3 and 8 W.
fn load(at: Duration) -> Supply {
    let step = (at.as_millis() / 700) % 5;
    Supply { volts: 5.1, amps: 0.6 + 0.2 * f64::from(u32::try_from(step).unwrap()) }
}

fn reader(chip: &str, bus: &SimulatedBus) -> BusMeters {
    #[derive(serde::Deserialize)]
    struct File {
        meter: Vec<MeterSettings>,
    }
    let text = format!("[[meter]]\nchip = \"{chip}\"\naddress = 0x45\nshunt_ohm = {SHUNT_OHM}\n");
    let file: File = picollect_settings::parse(&text, "t").unwrap();
    let buses = group(&file.meter, None, |_| {
        let bus = bus.clone();
        Box::new(move || Ok(Box::new(bus.clone())))
    });
    buses.into_iter().next().unwrap()
}

fn run(bus: &SimulatedBus, reader: &mut BusMeters, until: Duration) {
    let clock = bus.time.clone();
    while clock.now() < until {
        reader.read_due(&|| clock.now());
        clock.pass_until(reader.next_due(clock.now()).min(until));
    }
}

#[test]
fn a_stepping_load_is_integrated_to_a_part_in_a_thousand_and_no_conversion_is_missed() {
    for chip in ["ina228", "ina238", "ina237"] {
        let bus = SimulatedBus::default();
        let model = Ina228Model::new(Box::new(load), SHUNT_OHM, Duration::ZERO);
        bus.plug_precise_chip(0x45, if chip == "ina228" { model } else { model.sixteen_bits() });
        let mut reader = reader(chip, &bus);
        run(&bus, &mut reader, 120 * SECOND);
        let point = reader.meters()[0].1.lock().unwrap().take().unwrap();
        assert!(point.metered_s > 119.5, "{chip}: {point:?}");
        let mean_w = point.joules / point.metered_s;
        let (exact, missed) = bus
            .with_precise_chip(0x45, |chip| {
                (chip.exact_joules_converted() / bus.time.now().as_secs_f64(), chip.missed_conversions())
            })
            .unwrap();
        assert!((mean_w / exact - 1.0).abs() < 0.002, "{chip}: {mean_w} W are not {exact} W");
        assert_eq!(missed, 0, "{chip}");
    }
}

#[test]
fn a_brown_out_is_a_gap_and_the_chip_is_configured_again() {
    let bus = SimulatedBus::default();
    let steady = Box::new(|_| Supply { volts: 5.0, amps: 1.0 });
    bus.plug_precise_chip(0x45, Ina228Model::new(steady, SHUNT_OHM, Duration::ZERO));
    let mut reader = reader("ina228", &bus);
    for round in 1..=20 {
        run(&bus, &mut reader, 2 * round * SECOND);
        bus.with_precise_chip(0x45, Ina228Model::brown_out);
    }
    run(&bus, &mut reader, 42 * SECOND);
    let point = reader.meters()[0].1.lock().unwrap().take().unwrap();
    assert!((point.joules - 5.0 * point.metered_s).abs() < 1e-3, "a false value: {point:?}");
    assert!((36.0..41.9).contains(&point.metered_s), "{point:?}");
}

//! Whatever a meter at the wall answers, Shelly, Tasmota or any other that speaks JSON, it is a power that can be with
//! a counter that can be, or a reason why there is none.

use std::cell::RefCell;

use crate::Answering;
use picollect_collector::wall::device::Device;
use picollect_config::Config;
use picollect_evaluate::wall_log::MAX_WATTS;

/// One of each kind.
fn devices(url: &str) -> Vec<Device> {
    let meters = [
        "kind = 'shelly-gen1'",
        "kind = 'shelly-gen2'",
        "kind = 'tasmota'",
        "kind = 'json'\nwatts_path = '/a/w'\nenergy_path = '/a/e'\nenergy_unit = 'Wh'",
    ];
    let section =
        |(number, kind): (usize, &&str)| format!("[[wall]]\nname = 'm{number}'\nurl = '{url}'\n{kind}\n");
    let text: String = meters.iter().enumerate().map(section).collect();
    let config: Config = picollect_settings::parse(&text, "wall").expect("a configuration");
    config.wall.into_iter().map(Device::new).collect()
}

thread_local! {
    static DEVICES: RefCell<(Answering, Vec<Device>)> = {
        let server = Answering::start();
        let devices = devices(&server.url);
        RefCell::new((server, devices))
    };
}

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    DEVICES.with_borrow_mut(|(server, devices)| {
        server.say(input);
        for device in devices {
            match device.read() {
                Ok(reading) => {
                    assert!(reading.watts.abs() <= MAX_WATTS, "{reading:?}");
                    assert!(reading.counter_j.is_none_or(|joules| joules.is_finite() && joules >= 0.0));
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    });
}

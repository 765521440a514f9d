//! Whatever a collector answers an agent, in headers and in the summary's JSON: it is read or refused, never believed
//! beyond its bounds, and the panel can show it.

use std::cell::RefCell;

use crate::Answering;
use picollect_agent::client::{Client, Proxy, Target, Token};
use picollect_lcd::Size;
use picollect_lcd::page::{Page, draw};
use picollect_lcd::pages::Facts;
use picollect_lcd::summary::{alarms, fill};

thread_local! {
    static AGENT: RefCell<(Answering, Client)> = {
        let server = Answering::start();
        let url = server.url.clone();
        let target = Target { url, token: Token::None, bucket: None, ca_file: None, proxy: Proxy::None };
        RefCell::new((server, Client::new(target).expect("a client")))
    };
}

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    AGENT.with_borrow_mut(|(server, client)| {
        server.say(input);
        let _read_or_refused = client.hello();
        let _read_or_refused = client.post(b"m f=1 1\n");
        let Ok(summary) = client.summary() else { return };
        let mut facts = Facts::default();
        let own = summary.clusters.last().map(|cluster| cluster.name.as_str());
        fill(&mut facts, &summary, own, Some(1_700_000_000_000));
        let _of_the_summary = alarms(&summary).count();
        for page in Page::USUAL {
            let frame = draw(page, &facts, &[], Size::LARGE);
            assert_eq!(frame.size(), Size::LARGE);
        }
    });
}

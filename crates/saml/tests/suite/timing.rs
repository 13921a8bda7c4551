//! How long one response takes. Run it by hand: `cargo test --release -p saml --test suite timing -- --ignored --nocapture`.

use std::time::Instant;

use saml::{EntityId, Expected, IdpMetadata, ServiceProvider, verify_response};
use url::Url;

use crate::bindings::base64;
use crate::setup::Setup;

#[test]
#[ignore = "a measurement, not a test"]
fn median_time_of_one_response() {
    for name in ["simplesamlphp/signed_assertion", "simplesamlphp/signed_response", "simplesamlphp/signed_both"] {
        let setup = Setup::capture(name);
        let idp = IdpMetadata::parse(setup.metadata.as_bytes(), None, setup.now).unwrap();
        let acs_url = Url::parse(&setup.acs).unwrap();
        let sp =
            ServiceProvider { entity_id: EntityId::parse(&setup.sp).unwrap(), acs_url: acs_url.clone(), slo_url: None, keys: Vec::new() };
        let expected = Expected::new(&idp, &sp, &acs_url, setup.request_id.as_deref(), setup.now);
        let message = base64(setup.xml.as_bytes());
        let mut times: Vec<_> = (0..2000)
            .map(|_| {
                let start = Instant::now();
                verify_response(message.as_bytes(), &expected).unwrap();
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("{name}: median {:?}, 99th percentile {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
    }
}

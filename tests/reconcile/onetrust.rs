//! Everybody in OneTrust, against Braze.

use privaflow::sandbox::onetrust::{self, ConsentChange, OneTrust};
use serde_json::json;

use crate::folder::{Braze, Folder, KEY, Shot};
use crate::people::{braze_holding, counts, report};

/// A OneTrust in the process of the test.
struct Portal {
    onetrust: OneTrust,
    _runtime: tokio::runtime::Runtime,
}

impl Portal {
    fn start() -> Portal {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let all = onetrust::ALL_SCOPES.map(str::to_owned).to_vec();
        let options = onetrust::Options { api_keys: vec![(KEY.to_owned(), all)], ..Default::default() };
        let onetrust = runtime.block_on(OneTrust::start(options)).unwrap();
        Portal { onetrust, _runtime: runtime }
    }

    /// The person `u-<number>` says something about the newsletter.
    fn says(&self, number: usize, transaction: &str) {
        assert!(self.onetrust.change_consent(ConsentChange {
            identifier: format!("u-{number}@marker.example"),
            purpose: "Newsletter".to_owned(),
            transaction: transaction.to_owned(),
            data_elements:
                [("Customer number".to_owned(), json!(format!("u-{number}")))].into_iter().collect(),
            ..ConsentChange::default()
        }));
    }
}

fn folder(braze: &Braze, portal: &Portal) -> Folder {
    let text = std::fs::read_to_string("workflows/consent-groups.yaml").unwrap();
    let commented =
        "  # onetrust_consent: { profile: onetrust-production, feed: profiles, identifier: email }";
    assert!(text.contains(commented), "the shipped workflow reads otherwise now");
    let trigger = "  onetrust_consent: { profile: onetrust-production, identifier: email, \
                   data_elements: { external_id: Customer number } }";
    let folder = Folder::to(braze.sandbox.address(), &text.replacen(commented, trigger, 1));
    folder.settings(
        braze.sandbox.address(),
        &format!(
            "token: {{ env: PRIVAFLOW_TEST_KEY }}\n  onetrust-production:\n    system: onetrust\n    scheme: http\n    \
             host: {}\n    token: {{ env: PRIVAFLOW_TEST_KEY }}\n",
            portal.onetrust.address()
        ),
    );
    folder
}

fn reconcile(folder: &Folder, more: &[&str]) -> Shot {
    folder.run(&[&["reconcile", "flow.yaml", "--output", "json"], more].concat())
}

#[test]
fn everybody_whom_onetrust_knows_is_compared_and_repaired() {
    let braze = braze_holding("consent-groups", 120, []);
    let portal = Portal::start();
    (0..120).for_each(|number| portal.says(number, if number % 3 == 0 { "WITHDRAWN" } else { "CONFIRMED" }));
    let here = folder(&braze, &portal);

    let before = reconcile(&here, &["--repair", "all"]);
    let after = reconcile(&here, &[]);
    portal.says(1, "WITHDRAWN");
    let later = reconcile(&here, &["--repair"]);

    assert_eq!((before.code, counts(&before)), (0, [0, 40, 80, 0, 0, 0]), "{}", before.stderr);
    assert_eq!((after.code, counts(&after)), (0, [0, 0, 0, 120, 0, 0]), "{}", after.stderr);
    assert_eq!((later.code, counts(&later)), (0, [1, 0, 0, 119, 0, 0]), "{}", later.stderr);
    assert!(![before, after, later].iter().any(|shot| shot.stdout.contains("marker")));
}

#[test]
fn a_sample_of_everybody_is_a_few_of_them() {
    let braze = braze_holding("consent-groups", 70, []);
    let portal = Portal::start();
    (0..70).for_each(|number| portal.says(number, "WITHDRAWN"));
    let here = folder(&braze, &portal);

    let shot = reconcile(&here, &["--sample", "7"]);

    assert_eq!((shot.code, counts(&shot)), (1, [0, 7, 0, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(report(&shot)["sample"]["of"], 70);
}

#[test]
fn a_onetrust_that_refuses_is_exit_code_three() {
    let braze = braze_holding("consent-groups", 1, []);
    let portal = Portal::start();
    let here = folder(&braze, &portal);
    let settings = here.read("privaflow.yaml");
    let (before, last) = settings.rsplit_once("token: { env: PRIVAFLOW_TEST_KEY }").unwrap();
    here.write("privaflow.yaml", format!("{before}token: {{ env: PATH }}{last}"));

    let shot = reconcile(&here, &[]);

    assert_eq!((shot.code, report(&shot)["is_complete"].clone()), (3, false.into()), "{}", shot.stderr);
    assert!(shot.stderr.contains("onetrust-production"), "{}", shot.stderr);
}

#[test]
fn without_settings_the_sandbox_shows_how_it_goes() {
    let folder = Folder::with(&std::fs::read_to_string("workflows/consent-groups.yaml").unwrap());

    let shot = reconcile(&folder, &["--sandbox", "--repair", "all"]);

    assert_eq!((shot.code, counts(&shot)), (0, [0, 10, 10, 0, 0, 0]), "{}{}", shot.stdout, shot.stderr);
    assert_eq!(shot.lines()[1]["done"], 20);
}

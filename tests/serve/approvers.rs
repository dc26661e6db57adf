//! Who may say yes, as `serve` learns it from OneTrust by itself.

use privaflow::sandbox::OneTrust;
use privaflow::sandbox::onetrust::{Credential, Limits, Options};

use crate::folder::{ERASE, Folder};
use crate::server::Server;
use crate::serving::Serving;

#[test]
fn a_workflow_that_asks_nobody_who_may_sign_in_is_warned_of_and_not_approved() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scopes = ["USER", "ORGANIZATION"];
    let credentials = vec![Credential::new("id", "secret", &scopes)];
    let options = Options { credentials, limits: Limits::off(), staff: 30, ..Options::default() };
    let onetrust = runtime.block_on(OneTrust::start(options)).unwrap();
    let asking =
        |who: &str| ERASE.replace("steps:", &format!("steps:\n  - approve: {{ approvers: [\"{who}\"] }}"));
    let folder = Folder::to(Server::accepting().address, &asking("gone@example.com"));
    folder.write("id", "id");
    folder.write("secret", "secret");
    let settings = folder.read("privaflow.yaml").replace(
        "profiles:\n",
        &format!(
            "directory: {{ every: 1d }}\nprofiles:\n  ot: {{ system: onetrust, host: \"{}\", scheme: http, oauth2: {{ client_id: {{ file: id }}, client_secret: {{ file: secret }} }} }}\n",
            onetrust.address()
        ),
    );
    folder.write("privaflow.yaml", settings);

    let serving = Serving::start(&folder);

    serving.running.says("the directory of ot was read: 30 users");
    serving.running.says("workflow erase asks 1 of OneTrust by which nobody is meant");
    folder.write("flow.yaml", asking("not.there@example.com"));
    serving.running.says("workflow erase was changed");
    let refused = folder.run(&["workflows", "approve", "erase"]);
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(refused.stderr.contains("nobody"), "{}", refused.stderr);
    folder.write("flow.yaml", asking("robin.approver@example.com"));
    let taken = folder.run(&["workflows", "approve", "erase"]);
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    assert_eq!(serving.stop().0, 0);
}

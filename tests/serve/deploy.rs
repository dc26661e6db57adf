//! The files of `deploy/` name options, exit codes and settings that exist.

use std::path::Path;

use crate::folder::Folder;

fn deployed(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).unwrap()
}

/// The options of every command line of `privaflow` in a text.
fn options(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| {
        let is_call = line.contains("bin/privaflow ") || line.contains("\"serve\"");
        is_call && !line.starts_with('#')
    });
    let words = lines.flat_map(|line| line.split([' ', ',', '"', '[', ']', '`']));
    words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned).collect()
}

#[test]
fn the_unit_and_the_container_file_name_options_that_exist() {
    let folder = Folder::with("");
    let help = folder.run(&["serve", "--help"]).stdout;
    let of_podman =
        ["--interval", "--timeout", "--start-period", "--retries", "--from", "--chown", "--chmod"];

    for name in ["privaflow.service", "Containerfile"] {
        let text = deployed(name);
        let options = options(&text);
        assert!(options.len() >= 2, "{name}: {options:?}");
        for option in options.iter().filter(|option| !of_podman.iter().any(|other| option.starts_with(other)))
        {
            assert!(
                help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")),
                "{name}: {option}"
            );
        }
    }
    let unit = deployed("privaflow.service");
    for fact in
        ["SuccessExitStatus=130", "RestartPreventExitStatus=2", "KillSignal=SIGTERM", "NoNewPrivileges=yes"]
    {
        assert!(unit.contains(fact), "{fact}");
    }
    assert!(deployed("Containerfile").contains("USER nonroot"));
}

#[test]
fn the_settings_are_right_and_their_port_is_the_one_that_is_exposed() {
    let folder = Folder::with("");
    folder.write("privaflow.yaml", deployed("privaflow.yaml"));

    let listed = folder.run(&["profiles", "list"]);

    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let port = deployed("privaflow.yaml").split("0.0.0.0:").nth(1).unwrap()[..4].to_owned();
    assert!(deployed("Containerfile").contains(&format!("EXPOSE {port}")));
}

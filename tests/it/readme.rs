//! What the README says is printed is printed.

use std::process::Command;

#[test]
fn the_output_in_the_readme_is_the_output() {
    let root = env!("CARGO_MANIFEST_DIR");
    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- printed by: ").expect("a marker in the README");
    let (arguments, rest) = rest.split_once(" -->\n```text\n").expect("the command and its output");
    let (shown, _) = rest.split_once("\n```").expect("the end of the output");
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.args(arguments.split(' ')).current_dir(root).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    for part in shown.split("\n\n").filter(|part| part.trim() != "…") {
        assert!(printed.contains(part.trim()), "not printed:\n{part}\n\nprinted:\n{printed}");
    }
}

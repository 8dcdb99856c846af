//! A file of an operator's, whatever is in it: an `include` names the same file again.

use crate::obeyed;
use lvs_matrix_model::scenario::load;
use lvs_matrix_setup::{Lab, Role, Source, begun, read};

/// Of so many services a lab is made.
const LABS: usize = 2;
/// No file brings more text than this into a scenario.
const MOST_TEXT: usize = 1 << 20;

pub(crate) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    // A file may have a name that would clear the screen.
    let source = Source {
        name: "file\u{1b}[2J".to_owned(),
        text,
    };
    let mut included = 0;
    let setup = read(&[(Role::Director, source.clone())], &mut |_| {
        included += 1;
        Ok(if included < 4 {
            vec![source.clone()]
        } else {
            Vec::new()
        })
    });
    let Ok(setup) = setup else { return };
    assert!(!setup.services.is_empty(), "a set-up without a service");
    for note in setup.notes() {
        assert!(!note.places.is_empty(), "lost, and nobody knows where");
        assert_eq!(obeyed(&note.to_string()), None);
    }
    for service in setup.services.iter().take(LABS) {
        let Ok(lab) = Lab::of(&setup, Some(&service.listen.to_string())) else {
            continue;
        };
        let text = begun(&lab, "own-set-up").expect("a lab makes a scenario that is accepted");
        assert_eq!(obeyed(&text), None);
        assert!(text.len() < MOST_TEXT, "{} bytes of text", text.len());
        assert!(load(&text).is_ok(), "{text}");
    }
}

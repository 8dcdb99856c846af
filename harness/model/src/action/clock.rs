//! What the clock does.

use super::entry::actions;
use crate::duration::Human;
use std::time::Duration;

actions! {
    $ clock_actions;

    /// Something that happens without anybody.
    ClockAction {
        /// Nothing is done for this long.
        "wait" Wait(Duration) says {
            (time) => en("wait {}", Human(*time)) zh("等待 {}", Human(*time));
        }
    }
}

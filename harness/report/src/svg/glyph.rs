//! The signs of all drawings. Each outcome has a shape of its own, so that nothing is told by colour alone.

use super::{Px, Svg};

/// A sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Glyph {
    /// A diamond: somebody changed something.
    Step,
    /// A diamond that is crossed out: it could not be done.
    FailedStep,
    /// A ring: the client begins to wait.
    Begun,
    /// A disc with a tick: it has what it waited for.
    Answered,
    /// A square with a cross: it has an error.
    Error,
    /// An arrowhead without an end: it still waits.
    Waiting,
    /// A question mark: not known.
    Unknown,
    /// A cross: a packet ends here.
    Cross,
}

impl Glyph {
    /// The class of its text.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Step | Self::FailedStep => "lm-change",
            Self::Begun => "lm-text",
            Self::Answered => "lm-good",
            Self::Error => "lm-bad",
            Self::Waiting | Self::Cross => "lm-hang",
            Self::Unknown => "lm-muted",
        }
    }

    /// Draws it around `at`, within 7 pixels of it. `hang` says that an outcome came after a hang; its colour
    /// is then the hang's.
    pub(crate) fn draw(self, svg: &mut Svg, at: (f64, f64), hang: bool) {
        let (x, y) = (Px(at.0), Px(at.1));
        let outcome = |own| if hang { "lm-hang" } else { own };
        match self {
            Self::Step => svg.path(
                "lm-change",
                &format!("M{x} {y}m-6.5 0l6.5 -6.5 6.5 6.5 -6.5 6.5z"),
            ),
            Self::FailedStep => {
                svg.path(
                    "lm-change",
                    &format!("M{x} {y}m-6.5 0l6.5 -6.5 6.5 6.5 -6.5 6.5z"),
                );
                svg.path("lm-cross", &format!("M{x} {y}m-7 -7l14 14m0 -14l-14 14"));
            }
            Self::Begun => svg.path(
                "lm-event",
                &format!("M{x} {y}m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z"),
            ),
            Self::Answered => {
                svg.path(
                    "lm-event",
                    &format!("M{x} {y}m-6.5 0a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0 -13 0z"),
                );
                svg.path(outcome("lm-good"), &format!("M{x} {y}m-3.5 0l2.5 3 4.5 -6"));
            }
            Self::Error => {
                svg.path("lm-event", &format!("M{x} {y}m-6 -6h12v12h-12z"));
                svg.path(outcome("lm-bad"), &format!("M{x} {y}m-3 -3l6 6m0 -6l-6 6"));
            }
            Self::Waiting => svg.path("lm-hang", &format!("M{x} {y}m-6 -6l6 6 -6 6m6 -12l6 6 -6 6")),
            Self::Unknown => {
                svg.path(
                    "lm-event",
                    &format!("M{x} {y}m-6.5 0a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0 -13 0z"),
                );
                svg.path(
                    "lm-unknown",
                    &format!("M{x} {y}m-2.2 -1.6c0 -3 4.4 -3 4.4 0c0 1.6 -2.2 1.4 -2.2 3m0 2v0.8"),
                );
            }
            Self::Cross => svg.path("lm-cross", &format!("M{x} {y}m-5 -5l10 10m0 -10l-10 10")),
        }
    }
}

//! Keys in the form of the DevTools protocol.

use serde_json::{Value, json};

/// A key that tests press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Moves to the next control.
    Tab,
    /// Activates links and buttons.
    Enter,
    /// Activates buttons.
    Space,
    /// Moves to the previous choice in a group.
    Left,
    /// Moves to the next choice in a group.
    Right,
}

impl Key {
    /// The events for key down and key up.
    pub(super) fn events(self) -> [Value; 2] {
        let (key, code, number, text) = match self {
            Self::Tab => ("Tab", "Tab", 9, ""),
            Self::Enter => ("Enter", "Enter", 13, "\r"),
            Self::Space => (" ", "Space", 32, " "),
            Self::Left => ("ArrowLeft", "ArrowLeft", 37, ""),
            Self::Right => ("ArrowRight", "ArrowRight", 39, ""),
        };
        ["keyDown", "keyUp"].map(|kind| {
            let text = if kind == "keyDown" { text } else { "" };
            json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text })
        })
    }
}

//! The screens and themes that pages are tested with, and screenshots of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The device of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// 1440 × 900.
    Desktop,
    /// 390 × 844, with touch.
    Phone,
}

/// The preference of the user's system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A screen and a theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The device of the user.
    pub screen: Screen,
    /// The preference of the user's system.
    pub theme: Theme,
}

/// A screenshot of the page.
#[derive(Clone, Debug)]
pub struct Screenshot {
    /// The PNG file.
    pub png: Vec<u8>,
}

impl Screen {
    /// Width and height in pixels.
    #[must_use]
    pub fn size(self) -> (u32, u32) {
        match self {
            Self::Desktop => (1440, 900),
            Self::Phone => (390, 844),
        }
    }
}

impl Look {
    /// All combinations.
    pub const ALL: [Self; 4] = [
        Self { screen: Screen::Desktop, theme: Theme::Light },
        Self { screen: Screen::Desktop, theme: Theme::Dark },
        Self { screen: Screen::Phone, theme: Theme::Light },
        Self { screen: Screen::Phone, theme: Theme::Dark },
    ];

    /// `light-desktop`, for file names.
    #[must_use]
    pub fn name(self) -> String {
        format!("{:?}-{:?}", self.theme, self.screen).to_lowercase()
    }

    /// The commands that apply it.
    pub(super) fn settings(self) -> [(&'static str, Value); 2] {
        let (width, height) = self.screen.size();
        let mobile = self.screen == Screen::Phone;
        let theme = json!({ "name": "prefers-color-scheme", "value": format!("{:?}", self.theme).to_lowercase() });
        // Animations are off while a screenshot is taken.
        let motion = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        [
            (
                "Emulation.setDeviceMetricsOverride",
                json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile }),
            ),
            ("Emulation.setEmulatedMedia", json!({ "features": [theme, motion] })),
        ]
    }
}

impl Screenshot {
    pub(super) fn from_base64(text: &str) -> Self {
        Self { png: STANDARD.decode(text).expect("a screenshot is base64") }
    }

    /// Width and height in pixels, from the header of the file.
    ///
    /// # Panics
    /// If the file is not a PNG.
    #[track_caller]
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        assert!(self.png.starts_with(b"\x89PNG\r\n\x1a\n"), "a screenshot is a PNG");
        let number = |at: usize| {
            let bytes = self.png.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            u32::from_be_bytes(bytes.expect("a PNG begins with its header"))
        };
        (number(16), number(20))
    }
}

//! The screens and tastes that pages are tested with, and pictures of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The device of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// 1440 × 900.
    Desktop,
    /// 390 × 844, touched.
    Phone,
}

/// What the person's system prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A screen and a taste.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The device of the person.
    pub screen: Screen,
    /// What the person's system prefers.
    pub theme: Theme,
}

/// A picture of the page.
#[derive(Clone, Debug)]
pub struct Screenshot {
    /// The file.
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
    /// Every one there is.
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

    /// The commands that make it so.
    pub(super) fn settings(self) -> [(&'static str, Value); 2] {
        let (width, height) = self.screen.size();
        let mobile = self.screen == Screen::Phone;
        let theme = json!({ "name": "prefers-color-scheme", "value": format!("{:?}", self.theme).to_lowercase() });
        // Nothing moves while a picture is taken.
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

    /// Width and height in pixels, as the file says.
    ///
    /// # Panics
    /// It is no PNG.
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

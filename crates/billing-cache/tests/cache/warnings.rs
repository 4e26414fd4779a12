//! What a test's thread logs as a warning. With a runtime of one thread that is all of the test.

use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing::subscriber::DefaultGuard;

/// Collects until it is dropped.
pub(crate) struct Warnings {
    written: Written,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

pub(crate) fn collect() -> Warnings {
    stay_awake();
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    Warnings { written, _guard: tracing::subscriber::set_default(subscriber) }
}

/// While the collector of another test ends, `tracing` may take it that nobody listens at all; with this one somebody
/// always does.
fn stay_awake() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let nowhere = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(io::sink).finish();
        tracing::subscriber::set_global_default(nowhere).expect("the tests have no other");
    });
}

impl Warnings {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap()
    }

    /// How many lines hold this text.
    pub(crate) fn containing(&self, text: &str) -> usize {
        self.text().lines().filter(|line| line.contains(text)).count()
    }
}

impl io::Write for Written {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

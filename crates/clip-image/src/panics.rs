//! Panics of parsers.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a parser of untrusted bytes; the error is the message of its panic.
///
/// Parsers of pictures have panicked before and will again; one file must not end a run over a million. Nothing outside
/// the closure is changed by it, so nothing is left half done.
pub(crate) fn catch<T>(parser: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(parser)).map_err(|panic| message(panic.as_ref()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    message.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let result = catch(|| panic!("{} is too much", 7));
        assert_eq!(result, Err::<(), _>("7 is too much".into()));
        assert_eq!(catch(|| 7), Ok(7));
    }
}

//! Tells a user of the built-in model, once, that there are better ones.

use std::path::Path;

use clip_files::private;
use clip_hub::Catalogue;

use crate::escape::quoted;
use crate::machine::{cost, recommended, this_machine};
use crate::output::notice;
use crate::settings::{data_folder, default_index_folder};

/// An empty file in the user's data folder: this was said. It is there and not in the index, which has its folder for
/// itself, and so that a user with many indexes hears it once.
const SAID: &str = "model-suggested";

/// After a run with the built-in model: names the published model that suits the machine, what it costs, and how to change
/// to it. In one line, the first time only; a user whose data folder cannot be written to is not told, for it would be
/// every time.
pub(crate) fn suggest(index: &Path) {
    let Some(folder) = data_folder() else { return };
    if folder.join(SAID).exists() {
        return;
    }
    let Ok(catalogue) = Catalogue::built_in() else { return };
    let machine = this_machine();
    let Some(entry) = recommended(&catalogue, &machine) else { return };
    let note = || private::options().write(true).create_new(true).open(folder.join(SAID));
    if private::create_dir(&folder).and_then(|()| note()).is_err() {
        return;
    }
    let name = &entry.name;
    // The commands must reach this index and no other.
    let option = match default_index_folder() {
        Some(usual) if usual == index => String::new(),
        _ => format!("--index {} ", quoted(index)),
    };
    notice(format_args!(
        "tip: the built-in model `pocket` is small and knows everyday things; {name} knows far more, at {}. To switch: \
         `clip-search model pull {name}`, then `clip-search {option}index --model {name}`",
        cost(entry, &machine)
    ));
}

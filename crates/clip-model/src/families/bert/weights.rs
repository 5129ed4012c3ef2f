//! Only native files have the tower.

use super::config::BertConfig;
use super::cpu;
use crate::families::interface::{FindText, StoredTextTower};

impl StoredTextTower for BertConfig {
    const CPU: Option<FindText<Self>> = Some(cpu::find);
}

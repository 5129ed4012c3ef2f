//! Only native files have the tower.

use super::config::InvertedResidualConfig;
use crate::families::interface::StoredImageTower;

impl StoredImageTower for InvertedResidualConfig {}

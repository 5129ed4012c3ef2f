//! The one scan of a sequential file, MCU by MCU.

use super::bits::{BitReader, ScanData};
use super::header::Header;

/// Reads a scan's MCUs in their order, across the restart intervals that they are cut into.
pub(super) struct Scan<'a> {
    data: &'a ScanData,
    /// MCUs between two restarts.
    interval: usize,
    /// Reads the next MCU.
    pub(super) reader: BitReader<'a>,
}

impl<'a> Scan<'a> {
    /// The scan of a header's picture. `None` if the data are cut into another number of intervals than the header says.
    pub(super) fn new(header: &Header, data: &'a ScanData) -> Option<Self> {
        let (across, down) = header.mcus();
        Self::of(across * down, header.restart_interval, data)
    }

    /// A scan of this many MCUs, with a restart whenever `restart_interval` of them are read; 0 for none.
    pub(super) fn of(total: usize, restart_interval: usize, data: &'a ScanData) -> Option<Self> {
        let interval = if restart_interval == 0 { total } else { restart_interval };
        (data.intervals() == total.div_ceil(interval)).then(|| Self { data, interval, reader: data.interval(0) })
    }

    /// Has to be called before an MCU is read. Says whether it is the first behind a restart; `None` if what was read
    /// before ran over the end of its interval.
    pub(super) fn begin(&mut self, mcu: usize) -> Option<bool> {
        let restarts = mcu > 0 && mcu.is_multiple_of(self.interval);
        if restarts {
            if !self.reader.is_within() {
                return None;
            }
            self.reader = self.data.interval(mcu / self.interval);
        }
        Some(restarts)
    }
}

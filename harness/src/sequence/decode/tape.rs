//! Bytes read as choices. Reading never fails: past the end every choice is the first one, so that
//! any bytes at all are a sequence, and a shorter input is a simpler one.

/// Where the choices come from.
#[derive(Clone)]
pub(super) struct Tape<'b> {
    bytes: &'b [u8],
    read: usize,
}

impl<'b> Tape<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, read: 0 }
    }

    pub(super) fn is_over(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes were read, those past the end among them.
    pub(super) fn read(&self) -> usize {
        self.read
    }

    /// Reads this byte, if it is the next.
    pub(super) fn begins_with(&mut self, byte: u8) -> bool {
        let is_next = self.bytes.first() == Some(&byte);
        if is_next {
            self.byte();
        }
        is_next
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.read += 1;
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below `limit`, which is not 0; two bytes where one would not reach it.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let mut choice = usize::from(self.byte());
        if limit > 256 {
            choice |= usize::from(self.byte()) << 8;
        }
        choice % limit.max(1)
    }

    /// True once in `odds`; never past the end.
    pub(super) fn once_in(&mut self, odds: u8) -> bool {
        self.byte() % odds == odds - 1
    }

    /// One of the items; the first one past the end.
    pub(super) fn pick<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        let index = self.below(items.len());
        items.get(index)
    }

    /// The most recent items are the likeliest.
    pub(super) fn pick_recent<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        let index = self.below(items.len());
        items.iter().rev().nth(index)
    }

    pub(super) fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// This many bytes; zeros past the end.
    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// A number as calls have them: mostly small, sometimes at an edge, seldom any.
    pub(super) fn number(&mut self) -> u64 {
        const EDGES: [u64; 8] = [
            0,
            1,
            0x7f,
            0xffff,
            0x7fff_ffff,
            0xffff_ffff,
            u64::MAX - 1,
            u64::MAX,
        ];
        match self.byte() {
            0..0xa0 => u64::from(self.byte()),
            0xa0..0xf0 => EDGES[self.below(EDGES.len())],
            _ => self.word(),
        }
    }
}

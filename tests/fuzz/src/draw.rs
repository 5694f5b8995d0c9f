//! Turns the fuzzer's bytes into choices, one after the other; when they run out every choice is the first one.

/// Bytes that are still to be used.
pub struct Draw<'d> {
    bytes: &'d [u8],
}

impl<'d> Draw<'d> {
    pub const fn new(bytes: &'d [u8]) -> Self {
        Self { bytes }
    }

    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.bytes.len().min(N);
        let (now, later) = self.bytes.split_at(taken);
        array[..taken].copy_from_slice(now);
        self.bytes = later;
        array
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// One of the choices.
    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// Up to `most` bytes as they are.
    pub fn slice(&mut self, most: usize) -> &'d [u8] {
        let (now, later) = self.bytes.split_at(self.bytes.len().min(most));
        self.bytes = later;
        now
    }
}

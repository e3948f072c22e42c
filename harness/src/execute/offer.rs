//! Offering memory for outputs whose size is told late: by an earlier call, or by the module.

use crate::memory::{Arena, GuardedBuffer, OutOfMemory};
use crate::sequence::{BufferSize, Number};

use super::aggregate::{VALUE, VALUE_LEN};
use super::plan::{Array, Data, OutValue, Output, OutputShape, Place, PreparedCall, is_asked};
use super::shelf::Shelf;

/// Largest buffer that a module can make the executor offer by naming a size, bytes.
pub(super) const MAX_ASKED: u64 = 64 << 20;

/// Numbers of a call that only earlier calls gave.
pub(super) type Resolve<'r> = dyn Fn(&Number) -> Option<u64> + 'r;

/// Why no memory could be offered.
#[derive(Debug)]
pub(super) enum OfferError {
    OutOfMemory(OutOfMemory),
    Unresolved,
    /// The module named this size when asked.
    Absurd(u64),
}

impl From<OutOfMemory> for OfferError {
    fn from(error: OutOfMemory) -> Self {
        Self::OutOfMemory(error)
    }
}

impl Output {
    /// True if its size must be asked of the module first.
    pub(super) fn asks(&self) -> bool {
        match &self.shape {
            OutputShape::Array(array) => array.offer.room.is_none() && is_asked(&array.offer.size),
            OutputShape::Template { values, .. } => values.iter().any(OutValue::asks),
            _ => false,
        }
    }

    /// True if memory for it must be offered before every call.
    pub(super) fn is_offered(&self) -> bool {
        let is_open = |data: &Data| !matches!(data, Data::Part(_));
        match &self.shape {
            OutputShape::Array(array) => is_open(&array.data),
            OutputShape::Template { values, .. } => values.iter().any(|v| is_open(&v.data)),
            _ => false,
        }
    }
}

impl OutValue {
    fn asks(&self) -> bool {
        let offer = self.offer.as_ref();
        offer.is_some_and(|offer| is_asked(&offer.size))
    }
}

impl PreparedCall {
    /// Offers memory for every output. In a question, outputs whose size is asked for are NULL.
    pub(super) fn offer(
        &mut self,
        (arena, shelf): (&Arena, &mut Shelf),
        resolve: &Resolve<'_>,
        question: bool,
    ) -> Result<(), OfferError> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let result = outputs
            .iter_mut()
            .try_for_each(|output| match &mut output.shape {
                OutputShape::Array(array) => {
                    self.offer_array(array, (arena, &mut *shelf), resolve, question)
                }
                OutputShape::Template { array, values } => {
                    values.iter_mut().try_for_each(|value| {
                        self.offer_value(*array, value, (arena, &mut *shelf), resolve, question)
                    })
                }
                _ => Ok(()),
            });
        self.outputs = outputs;
        result
    }

    fn offer_array(
        &mut self,
        array: &mut Array,
        (arena, shelf): (&Arena, &mut Shelf),
        resolve: &Resolve<'_>,
        question: bool,
    ) -> Result<(), OfferError> {
        if matches!(array.data, Data::Part(_)) {
            return Ok(());
        }
        let count = match (&array.offer.size, array.length) {
            (BufferSize::Null, _) => None,
            (size, _) if is_asked(size) && question => None,
            (BufferSize::Elements(number), _) => {
                Some(resolve(number).ok_or(OfferError::Unresolved)?)
            }
            (size, Some(length)) => Some(asked(size, self.get(shelf, length, 0))),
            (_, None) => None,
        };
        let claim = match &array.offer.claim {
            Some(number) if !question => Some(resolve(number).ok_or(OfferError::Unresolved)?),
            _ => None,
        };
        renew(
            &mut array.data,
            count,
            array.element,
            arena,
            u64::from(self.number),
        )?;
        let address = array.data.address();
        self.set(shelf, array.offer.pointer, address as u64);
        let told = claim.or(count).unwrap_or(0);
        match (array.offer.room, array.length) {
            (Some(room), length) => {
                self.set(shelf, room, told);
                if let Some(length) = length {
                    self.set(shelf, Place::ulong(length, 0), 0);
                }
            }
            (None, Some(length)) => self.set(shelf, Place::ulong(length, 0), told),
            (None, None) => {}
        }
        Ok(())
    }

    fn offer_value(
        &mut self,
        array: usize,
        value: &mut OutValue,
        (arena, shelf): (&Arena, &mut Shelf),
        resolve: &Resolve<'_>,
        question: bool,
    ) -> Result<(), OfferError> {
        if matches!(value.data, Data::Part(_)) {
            return Ok(());
        }
        let Some(offer) = &value.offer else {
            return Ok(());
        };
        let length = Place::ulong(array, value.offset + VALUE_LEN);
        let count = match &offer.size {
            BufferSize::Null => None,
            size if is_asked(size) && question => None,
            BufferSize::Elements(number) => Some(resolve(number).ok_or(OfferError::Unresolved)?),
            size => match self.get(shelf, array, value.offset + VALUE_LEN) {
                cryptoki_sys::CK_UNAVAILABLE_INFORMATION => None,
                told => Some(asked(size, told)),
            },
        };
        renew(&mut value.data, count, 1, arena, u64::from(self.number))?;
        let address = value.data.address();
        let claim = offer
            .claim
            .as_ref()
            .map(|claim| resolve(claim).ok_or(OfferError::Unresolved));
        self.set(shelf, Place::ulong(array, value.offset), value.attribute);
        self.set(
            shelf,
            Place::ulong(array, value.offset + VALUE),
            address as u64,
        );
        self.set(shelf, length, claim.transpose()?.or(count).unwrap_or(0));
        Ok(())
    }
}

impl Data {
    pub(super) fn own(&self) -> Option<&GuardedBuffer> {
        match self {
            Data::Own(buffer) => Some(buffer),
            _ => None,
        }
    }

    fn address(&self) -> usize {
        self.own().map_or(0, |data| data.ptr().expose_provenance())
    }
}

/// The number of elements to offer after the module named `told`.
fn asked(size: &BufferSize, told: u64) -> u64 {
    match size {
        BufferSize::Short => told.saturating_sub(1),
        _ => told,
    }
}

/// Makes `data` a fresh buffer of `count` elements, reusing the memory if the size is the same.
fn renew(
    data: &mut Data,
    count: Option<u64>,
    element: usize,
    arena: &Arena,
    label: u64,
) -> Result<(), OfferError> {
    let Some(count) = count else {
        *data = Data::Null;
        return Ok(());
    };
    let length = count.saturating_mul(element as u64);
    if length > MAX_ASKED {
        return Err(OfferError::Absurd(count));
    }
    let length = length as usize;
    match data {
        Data::Own(buffer) if buffer.len() == length => buffer.fill(crate::memory::UNTOUCHED),
        _ => {
            let mut buffer = arena.take_aligned(length, element.min(8).next_power_of_two())?;
            buffer.set_label(label);
            *data = Data::Own(buffer);
        }
    }
    Ok(())
}

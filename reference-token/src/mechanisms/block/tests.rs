//! The modes of block ciphers against published answers.

mod ciphers;
mod modes;
mod wycheproof;

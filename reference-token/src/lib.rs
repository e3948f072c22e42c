//! A Cryptoki 3.2 software token.

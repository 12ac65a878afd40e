"""The format of Gupshup's self-serve API, as docs.gupshup.io documents it."""

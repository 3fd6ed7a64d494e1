"""Who we are and whom we believe: keys, certificates, party cards, words, pins, revocations, TLS.

Values and pure functions; only `keys` and `tls` touch files, nothing here knows a database or a socket, and the time
is always an argument. Our keys come in through `keys`, go out to peers as a `card`; a peer's card or certificates come
in through `card` and `certificates` and are believed as `pins` say. May import `store` and below; does not.
"""

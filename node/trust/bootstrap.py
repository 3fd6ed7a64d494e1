"""What two nodes may say to each other before any agreement: constant for ever, so that it needs none."""

AGREEMENT_REF = "urn:depesha:bootstrap:1"
SERVICE = "urn:depesha:partnership:1"

# Cards, terms and agreements with their annexes fit; nobody who is not yet confirmed may fill a disk.
MAX_BYTES = 20_000_000

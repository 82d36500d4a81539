"""A process that writes until it is killed, and tells each line that the ledger said is on the disk."""

import itertools
import os
import sys
from pathlib import Path

from support.ledger import a_line
from tandem.ledger.store import LedgerOptions, SqliteLedger


def main(home: Path) -> None:
    """Record lines in small groups; write their ids once `flush` vouches for them."""
    with SqliteLedger(home, options=LedgerOptions(group_seconds=0.001)) as ledger:
        for group in itertools.count():
            names = [f"{os.getpid()}-{group}-{number}" for number in range(1 + group % 7)]
            for name in names:
                ledger.record(a_line(0, request_id=name))
            if ledger.flush():
                sys.stdout.write("".join(f"{name}\n" for name in names))
                sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""``python -m tandem`` is the same program as ``tandem``."""

from tandem.cli import main

raise SystemExit(main())

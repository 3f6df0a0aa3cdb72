"""`python -m webdnn` is the command `webdnn`."""

import sys

from webdnn.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

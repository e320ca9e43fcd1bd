"""The pages in real Chromium."""

import shutil

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "chromium")
"""The browser of this machine; `make test` installs it."""

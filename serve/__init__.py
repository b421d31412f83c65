"""The HTTP service: LibreTranslate's API, sweeps between languages, and a page to try both."""
